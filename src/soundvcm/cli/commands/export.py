"""`soundvcm export FOLDER`: the embedded system as ONNX graphs. Knows `generate.onnx` only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from soundvcm.cli.terminal import say
from soundvcm.systems.catalog import require


def export(
    folder: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    model: str = "tiny",
    seconds: float = 8.0,
) -> int:
    """Write a system as ONNX graphs, for browsers and other runtimes without Python.

    The page in examples/browser/ of a checkout makes sound with them. Needs: pip install "soundvcm[onnx]".

    Args:
        folder: where network.onnx, codec.onnx and what belongs to them are written.
        model: tiny, or a network file that was fine-tuned from it.
        seconds: length of the sounds that the graphs make, 0.5 to 8; it is fixed.
    """
    require(model)
    from soundvcm.generate import onnx
    from soundvcm.systems.loading import load

    sizes = onnx.export(load(model, device="cpu"), folder, seconds)
    say(f"wrote {folder}: " + ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items()))
    return 0
