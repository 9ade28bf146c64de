"""`soundvcm average RUN`: the weights of a run for use, averaged with any width. Knows runs only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import tyro

from soundvcm.cli.terminal import say
from soundvcm.errors import OptionError, WeightsError


def average(
    run: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    sigma_rel: float = 0.05,
    step: int | None = None,
    dtype: str = "float32",
    licence: str | None = None,
) -> int:
    """Write the weights of a run, averaged after the fact, as a file for: soundvcm generate --model FILE.

    Args:
        run: folder of the run.
        output: the file to write, FILE.safetensors.
        sigma_rel: relative width of the average, 0.01 to 0.28; need not be one that was tracked.
        step: where the average ends; the last snapshot if left out.
        dtype: float32, bfloat16 or float16.
        licence: of the weights; if left out, the one the run was started with.
    """
    from soundvcm import training
    from soundvcm.training.checkpoint import read_facts

    if output.suffix != ".safetensors":
        raise OptionError(f"--output {output}: name it FILE.safetensors")
    last = training.latest_checkpoint(run)
    if last is None:
        raise WeightsError(f"{run} holds no checkpoint: give the folder of a run (soundvcm train)")
    facts = read_facts(last)
    about: dict[str, Any] = {"licence": licence or facts.get("data", {}).get("licence", "MIT")}
    about["guidance"] = facts["config"].get("objective", {}).get("guidance", 1.0)
    header = training.export(run, output, sigma_rel=sigma_rel, updates=step, dtype=dtype, about=about)
    say(
        f"wrote {output}: width {sigma_rel:g} at step {header['updates']}, from {header['snapshots']}"
        f" snapshots, licence {header['licence']}"
    )
    return 0
