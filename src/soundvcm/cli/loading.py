"""The system that a command works with: what `load` is told, and what is said while it loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soundvcm.cli.terminal import note

if TYPE_CHECKING:
    from soundvcm.generate.pipeline import Pipeline


def load_options(
    model: str,
    device: str,
    dtype: str,
    compile: bool,
    frame_reuse_threshold: float,
    feature_stride: int,
    codec_dtype: str,
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
    }


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
