"""One take of several segments: each is encoded and made by itself, then they are joined.

    segments => features of each part of the clip => its sound, block by block => one track, block by block

Knows what a pipeline can do, not which one it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from soundvcm import runtime
from soundvcm.generate import long_form
from soundvcm.generate.audio import Audio, Wave
from soundvcm.generate.clip_encoder import ClipFeatures, Video, asked_range
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.progress import Progress, silent_progress
from soundvcm.generate.segments import Piece, joined_pieces, pieces_of
from soundvcm.timeline import Seconds


class _TakeMaker(Protocol):
    """What is needed of a pipeline."""

    @property
    def sample_rate(self) -> int:
        """Samples a second."""

    def encode_clip(self, video: Video | None, **options: Any) -> ClipFeatures:
        """Features of a part of a clip."""

    def stream(
        self,
        features: ClipFeatures,
        options: GenerateOptions,
        *,
        seed: int,
        timings: dict[str, float],
        progress: Progress,
        credits: list[str],
    ) -> Iterator[Wave]:
        """One take from features, in pieces."""

    def remarks(self, options: GenerateOptions) -> list[str]:
        """What the user should know about the prompt."""

    def calls(self, options: GenerateOptions) -> int:
        """Network calls of a window."""

    def tags(self, options: GenerateOptions) -> dict[str, str]:
        """What is written into the file."""


@dataclass
class SegmentNotes:
    """What is known of segments that were made.

    Attributes:
        timings: seconds by phase.
        warnings: sentences for the user.
        credits: reference recordings in them, one line each.
        calls: network calls.
    """

    timings: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    credits: list[str] = field(default_factory=list)
    calls: int = 0


def stream_segments(
    maker: _TakeMaker,
    video: Video | None,
    options: GenerateOptions,
    notes: SegmentNotes,
    *,
    seed: int,
    fps: Seconds | None = None,
    progress: Progress = silent_progress,
) -> Iterator[Wave]:
    """A take of segments in blocks [1, samples], in order; no more than a window of sound is held at a time.

    Args:
        maker: the pipeline.
        video: the clip; None for segments of prompts alone.
        options: with `segments`; the rest is common to them.
        notes: is told what was spent and what there is to know.
        seed: of the take; segments without one of their own follow from it.
        fps: pictures a second of an array.
        progress: told of a long clip: "film" counts the segments.

    Raises:
        OptionError: if no segment lies in the range that is asked for.
    """
    start, end = asked_range(video, options)
    pieces = pieces_of(options.segments, start, end)

    def part(number: int, piece: Piece) -> tuple[int, Iterable[Wave]]:
        def told(phase: str, share: float) -> None:
            progress(phase, (number + share) / len(pieces) if phase == "film" else share)

        told("film", 0.0)
        if piece.segment.mute:
            samples = round(piece.seconds * maker.sample_rate)
            return samples, [np.zeros((1, samples), np.float32)]
        features = maker.encode_clip(
            video, start=piece.start, duration=piece.seconds, fps=fps, progress=progress
        )
        for phase, spent in features.timings.items():
            notes.timings[phase] = notes.timings.get(phase, 0.0) + spent
        here = replace(options, prompt=piece.segment.prompt or options.prompt, segments=None)
        warnings = [*features.warnings, *maker.remarks(here)]
        notes.warnings += [line for line in dict.fromkeys(warnings) if line not in notes.warnings]
        notes.calls += maker.calls(here) * max(1, len(features.parts))
        own = long_form.window_seed(seed, number) if piece.segment.seed is None else piece.segment.seed
        more: dict[str, Any] = {"timings": notes.timings, "progress": told, "credits": notes.credits}
        return features.timeline.samples, maker.stream(features, here, seed=own, **more)

    made = ((piece, *part(number, piece)) for number, piece in enumerate(pieces))
    yield from joined_pieces(made, start, end, maker.sample_rate)
    progress("film", 1.0)


def take_segments(
    maker: _TakeMaker,
    video: Video | None,
    options: GenerateOptions,
    *,
    fps: Seconds | None = None,
    seed: int = -1,
    progress: Progress = silent_progress,
) -> Audio:
    """One take in memory whose segments are made by themselves: `stream_segments`.

    Raises:
        OptionError: if no segment lies in the range that is asked for.
    """
    seed, notes = runtime.pick_seed(seed), SegmentNotes()
    blocks = list(stream_segments(maker, video, options, notes, seed=seed, fps=fps, progress=progress))
    start, end = asked_range(video, options)
    told: tuple[Any, ...] = (notes.timings, tuple(notes.warnings), notes.calls, tuple(notes.credits))
    return Audio(
        np.concatenate(blocks, axis=1), maker.sample_rate, seed, end - start, maker.tags(options), *told
    )
