"""Options that a system has nothing to act on are refused, in words, before any work is done (case 27).

Knows options and how a system samples; no network.
"""

from __future__ import annotations

from math import isfinite

from soundvcm.errors import OptionError
from soundvcm.generate.options import GenerateOptions, Sampling
from soundvcm.generate.reference_sounds import ReferenceSounds


def check_options(
    options: GenerateOptions,
    name: str,
    sampling: Sampling,
    strength: float | None,
    reference: ReferenceSounds | None,
) -> None:
    """Refuse what makes no sense for a system.

    Args:
        options: what is asked.
        name: of the system, for messages.
        sampling: how it samples.
        strength: the guidance that would be used.
        reference: its reference sounds.

    Raises:
        OptionError: naming the option and what to do.
    """
    told = [name for name in ("kind", "like") if getattr(options, name) is not None]
    told += ["renderer"] if options.renderer == "bank" else []
    if told and reference is None:
        raise OptionError(f"{told[0]} has nothing to act on: {name} has no reference sounds; leave it out")
    if options.kind is not None and options.like is not None:
        raise OptionError("kind and like each say what to sound like: give one of them")
    if options.kind is not None and reference is not None:
        reference.bank().kind(options.kind)
    if options.num_steps is not None and not 1 <= options.num_steps <= 1000:
        raise OptionError(f"num_steps must be 1 .. 1000, not {options.num_steps}")
    trained_in = f"has nothing to act on: guidance is trained into {name}"
    if options.cfg_strength is not None and sampling.guidance is None:
        raise OptionError(f"cfg_strength {trained_in}; leave it out")
    least = 0.0 if sampling.kind == "flow" else 0.01
    if strength is not None and not (isfinite(strength) and strength >= least):
        raise OptionError(f"cfg_strength is a number from {least:g} upwards, not {strength:g}")
    negative = (options.negative_prompt or "").strip()
    if negative and not sampling.negative_prompt:
        raise OptionError(f"negative_prompt {trained_in}; say in --prompt what should be heard")
    if negative and strength is not None and strength <= 1:
        raise OptionError(
            f"negative_prompt has nothing to act on with cfg_strength {strength:g}: set it above 1"
        )
