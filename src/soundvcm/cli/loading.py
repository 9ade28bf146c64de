"""The system that a command works with: what `load` is told, and what is said while it loads."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from soundvcm.cli.terminal import note
from soundvcm.systems.catalog import TINY, TINY_PICTURES, TINY_SECONDS

if TYPE_CHECKING:
    from soundvcm import media
    from soundvcm.generate.options import GenerateOptions
    from soundvcm.generate.pipeline import Pipeline


def load_options(
    model: str,
    device: str,
    dtype: str,
    compile: bool,
    frame_reuse_threshold: float,
    feature_stride: int,
    codec_dtype: str,
    vocoder: str,
) -> dict[str, Any]:
    """What `systems.loading.load` is told."""
    return {
        "name": model,
        "device": device,
        "dtype": dtype,
        "compile": compile,
        "frame_reuse_threshold": frame_reuse_threshold,
        "feature_stride": feature_stride,
        "codec_dtype": codec_dtype,
        "vocoder": vocoder,
    }


def read_ahead(model: str, options: GenerateOptions) -> media.ReadAhead | None:
    """The clip as a thread reads it from now on, while torch and the model are loaded; None where it cannot.

    Only for the embedded model, whose pictures are scaled without torch, and for a file at rest.
    """
    from soundvcm import media
    from soundvcm.generate.long_form import OVERLAP_SECONDS

    clip = options.video
    if model != TINY.name or clip is None or options.segments or not clip.is_file():
        return None
    hop = TINY_SECONDS - OVERLAP_SECONDS
    return media.ReadAhead(clip, TINY_PICTURES, TINY_SECONDS, hop, options.start, options.duration)


@contextlib.contextmanager
def settling() -> Iterator[None]:
    """A stretch that imports: what it makes stays, so the garbage collector does not look through it.

    Importing torch makes a million objects, which would be looked through a dozen times, and again at the
    end of the process: half a second together.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def load_pipeline(options: dict[str, Any]) -> Pipeline:
    """Load the system; what compiling does, and what it does not, is said."""
    from soundvcm.systems.loading import load

    pipeline = load(**options)
    if options.get("compile"):
        blocks = len(pipeline.network.joint) + len(pipeline.network.fused)
        note(
            f"compiling the {blocks} blocks of the network at their first call, which takes longer; encoders"
            " and codec are not compiled"
        )
    return pipeline
