"""What the pipeline would see of a file, found by the same code that the pipeline reads with.

Knows decoded and timelines; prints nothing.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from soundvcm.media.read.decoded_video import read_frames
from soundvcm.media.read.frame_range import FrameRange
from soundvcm.media.read.source import is_rereadable, source_name
from soundvcm.timeline import FrameSpec, Seconds, Timeline

_SMALL = 8  # pixels: pictures are only counted


def probe(
    source: Any,
    timeline: Timeline | None = None,
    *,
    start: Seconds = 0,
    seconds: Seconds | None = None,
    timestamps: bool = False,
) -> dict[str, Any]:
    """Facts of a source and the lengths that follow, ready for JSON (fractions as strings, and as numbers
    beside).

    Args:
        source: a path, bytes or an open file.
        timeline: any timeline with the rates of the system; that of the paper's 16 kHz stack if left out.
        start: beginning of the range the pipeline would be given, s.
        seconds: its length.
        timestamps: add, per role, the number and the time of the source picture behind each sampled one.

    Raises:
        MediaError: if the source cannot be read.
        OptionError: for a range that makes no sense.
    """
    rates = timeline or Timeline(Fraction(1))
    specs = {
        "semantic": FrameSpec(rates.semantic_rate, _SMALL, _SMALL),
        "sync": FrameSpec(rates.sync_rate, _SMALL, _SMALL),
    }
    if seconds is None and is_rereadable(source):
        still = _still(source)
        if still is not None:
            return still
    decoded = read_frames(source, specs, start=start, seconds=seconds)
    info, line = decoded.info, rates.at(decoded.seconds)
    found: dict[str, Any] = {
        "file": source_name(source),
        **_exact("seconds", decoded.seconds),
        **_exact("start", decoded.start),
        "frames": decoded.source_frames,
        **_exact_all(info.as_dict()),
        "still": decoded.is_still,
        "semantic_frames": line.semantic_frames,
        "sync_frames": line.sync_frames,
        "whole_segments": line.whole_segments,
        "sync_segments": line.sync_segments,
        "sync_tokens": line.sync_tokens,
        "latents": line.latents,
        "samples": line.samples,
        "sample_rate": line.sample_rate,
        "warnings": list(decoded.warnings),
    }
    if timestamps:
        found["timestamps"] = {
            role: [
                {"frame": index, "time": str(time), "seconds": round(float(time), 6)}
                for index, time in zip(decoded.indices[role], decoded.times[role], strict=True)
            ]
            for role in specs
        }
    return found


def _exact(name: str, value: Fraction | None) -> dict[str, Any]:
    if value is None:
        return {name: None, f"{name}_float": None}
    return {name: str(value), f"{name}_float": float(value)}


def _exact_all(facts: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, Fraction) or name in ("frame_rate", "claimed_seconds"):
            found.update(_exact(name, value))
        else:
            found[name] = value
    return found


def _still(source: Any) -> dict[str, Any] | None:
    """Facts of a still picture, which has no length of its own; None for anything that moves."""
    with FrameRange(source) as pictures:
        reader = pictures.reader
        if not pictures.is_still:
            return None
        return {
            "file": reader.name,
            **_exact("seconds", None),
            "frames": 1,
            **_exact_all(reader.info.as_dict()),
            "still": True,
            "warnings": [
                *reader.warnings(),
                f"{reader.name}: is a still picture: give a duration in seconds",
            ],
        }
