"""One take of several segments: each is encoded and made by itself, then they are joined.

Knows what a pipeline can do, not which one it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from soundvcm import runtime
from soundvcm.generate import long_form
from soundvcm.generate.audio import Audio, Wave
from soundvcm.generate.clip_encoder import ClipFeatures, Video, asked_range
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.progress import Progress, silent_progress
from soundvcm.generate.segments import joined_pieces, pieces_of
from soundvcm.timeline import Seconds


class TakeMaker(Protocol):
    """What is needed of a pipeline."""

    @property
    def sample_rate(self) -> int:
        """Samples a second."""

    def encode_clip(self, video: Video | None, **options: Any) -> ClipFeatures:
        """Features of a part of a clip."""

    def take(
        self, features: ClipFeatures, options: GenerateOptions, *, seed: int, progress: Progress
    ) -> Audio:
        """One take from features."""

    def tags(self, options: GenerateOptions) -> dict[str, str]:
        """What is written into the file."""


def take_segments(
    maker: TakeMaker,
    video: Video | None,
    options: GenerateOptions,
    *,
    fps: Seconds | None = None,
    seed: int = -1,
    progress: Progress = silent_progress,
) -> Audio:
    """One take whose segments are made by themselves, each from its part of the clip and its prompt.

    Args:
        maker: the pipeline.
        video: the clip; None for segments of prompts alone.
        options: with `segments`; the rest is common to them.
        fps: pictures a second of an array.
        seed: of the take; segments without one of their own follow from it.
        progress: told of a long clip: "film" counts the segments.

    Raises:
        OptionError: if no segment lies in the range that is asked for.
    """
    seed = runtime.pick_seed(seed)
    start, end = asked_range(video, options)
    pieces = pieces_of(options.segments, start, end)
    timings: dict[str, float] = {}
    waves: list[Wave] = []
    warnings: list[str] = []
    credits: list[str] = []
    calls = 0
    for number, piece in enumerate(pieces):
        progress("film", number / len(pieces))
        if piece.segment.mute:
            waves.append(np.zeros((1, round(piece.seconds * maker.sample_rate)), np.float32))
            continue
        features = maker.encode_clip(
            video, start=piece.start, duration=piece.seconds, fps=fps, progress=progress
        )
        own = long_form.window_seed(seed, number) if piece.segment.seed is None else piece.segment.seed
        here = replace(options, prompt=piece.segment.prompt or options.prompt, segments=None)
        audio = maker.take(features, here, seed=own, progress=progress)
        waves.append(audio.wave[:1])
        warnings += [line for line in audio.warnings if line not in warnings]
        calls += audio.calls
        credits += [line for line in audio.credits if line not in credits]
        for phase, spent in audio.timings.items():
            timings[phase] = timings.get(phase, 0.0) + spent
    progress("film", 1.0)
    wave = joined_pieces(pieces, waves, start, end, maker.sample_rate)
    tags = maker.tags(options)
    return Audio(
        wave, maker.sample_rate, seed, end - start, tags, timings, tuple(warnings), calls, tuple(credits)
    )
