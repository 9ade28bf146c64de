"""`soundvcm adopt`: a two-time network that starts as a flow. Knows the paper's systems; prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from soundvcm.cli.terminal import note, say
from soundvcm.errors import OptionError


def adopt(
    source: Annotated[str, tyro.conf.Positional],
    /,
    *,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
) -> int:
    """Write a network that gives the velocity of a flow and can learn to take longer steps.

    soundvcm adopt mmaudio_small_16k --output start.safetensors
    soundvcm train from_flow --warm-start start.safetensors --store FEATURES

    Args:
        source: a name such as mmaudio_small_16k, a checkpoint of MMAudio's own training, or a network that
            soundvcm trained by flow matching.
        output: the file to write, FILE.safetensors; the licence of the source goes on (MMAudio's is
            non-commercial).
    """
    from soundvcm import weights

    if output.suffix != ".safetensors":
        raise OptionError(f"--output {output}: name it FILE.safetensors")
    if source in weights.systems():
        weights.locate(source)
    elif not Path(source).is_file():
        weights.part(source)  # says which name is nearest
        raise OptionError(f"{source} is no network: adopt one of {', '.join(weights.systems())}, or a file")
    from soundvcm.systems.mmaudio import adopt_file

    facts = adopt_file(source, output)
    say(f"wrote {output}: two-time network, ready for: soundvcm train from_flow --warm-start {output}")
    licence = facts.get("licence", "unknown")
    if "NC" in licence:
        note(f"{output.name} is non-commercial ({licence}), as is all that is trained from it")
    return 0
