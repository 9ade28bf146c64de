"""Several takes as one batch: one network call a step and one decoding for clips of the same length.

    BatchItem, BatchItem, ... => conditions joined => network => codec => an Audio or an error each

Seed, prompt and features differ from row to row; noise is drawn row by row from its own seed, so a row is
what it would be alone, up to the rounding of larger sums (docs/serving.md). Knows the pipeline; no queues.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from soundvcm.generate.audio import Audio
from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.generate.progress import Progress, silent_progress, timed
from soundvcm.records import Conditions


@dataclass(frozen=True)
class BatchItem:
    """One take of a batch.

    Attributes:
        features: of its clip; no clip of several windows.
        options: what is items.
        seed: of this take.
        progress: told of its phases; what it raises ends this take and no other.
    """

    features: ClipFeatures
    options: GenerateOptions
    seed: int
    progress: Progress = silent_progress


def batch_key(pipeline: Pipeline, features: ClipFeatures, options: GenerateOptions) -> Hashable | None:
    """What takes must share to be made as one batch; None for a film, which is made by itself."""
    if features.parts or options.segments:
        return None
    steps = options.num_steps or pipeline.sampling.steps
    strength = pipeline.sampling.guidance if options.cfg_strength is None else options.cfg_strength
    negative = (options.negative_prompt or "").strip()
    return features.timeline.latents, *pipeline.tokens(features), steps, strength, negative


def generate_batch(pipeline: Pipeline, items: Sequence[BatchItem]) -> list[Audio | Exception]:
    """The takes, in order; what went wrong with one stands in its place and touches no other.

    Args:
        pipeline: the loaded system.
        items: of equal `batch_key`. In its timings a take counts its share of a common phase.

    Raises:
        Exception: what the network or the codec raises for the batch as a whole, as for want of memory.
    """
    batch = _Batch(pipeline, items)
    batch.make()
    return batch.results()


class _Batch:
    """Rows on their way; one that failed, or whose progress raised, is left out of what follows."""

    def __init__(self, pipeline: Pipeline, items: Sequence[BatchItem]) -> None:
        self.pipeline, self.items = pipeline, items
        self.timings = [dict(one.features.timings) for one in items]
        self.errors: dict[int, Exception] = {}
        self.sounds: dict[int, Audio] = {}

    def results(self) -> list[Audio | Exception]:
        """A sound or an error each."""
        return [self.errors.get(row) or self.sounds[row] for row in range(len(self.items))]

    @torch.inference_mode()
    def make(self) -> None:
        """Words one after the other, network and codec at once."""
        conditions = {row: words for row in self._open() if (words := self._conditions(row)) is not None}
        with self._phase("network") as rows:
            if not rows:
                return
            first = self.items[rows[0]]
            joined = Conditions.cat([conditions[row] for row in rows])
            seeds = [self.items[row].seed for row in rows]
            latents = self.pipeline.latents(first.features, joined, first.options, *seeds)
        kept = dict(zip(rows, latents, strict=True))
        with self._phase("codec") as rows:
            if not rows:
                return
            waves = self.pipeline.codec.decode(torch.stack([kept[row] for row in rows]).float())
        for row, wave in zip(rows, waves, strict=True):
            if row not in self.errors:
                self._finish(row, wave)

    def _open(self) -> list[int]:
        return [row for row in range(len(self.items)) if row not in self.errors]

    def _conditions(self, row: int) -> Conditions | None:
        one = self.items[row]
        try:
            self.pipeline.check(one.options)
            with timed(self.timings[row], "text", one.progress):
                return self.pipeline.conditions(one.features, one.options.prompt, one.options.ignore_pictures)
        except Exception as error:
            self.errors[row] = error
            return None

    @contextmanager
    def _phase(self, name: str) -> Iterator[list[int]]:
        """A phase of all rows that are still open when it begins."""
        self._tell(name, 0.0)
        rows, began = self._open(), time.perf_counter()
        yield rows
        for row in rows:
            self.timings[row][name] = (time.perf_counter() - began) / len(rows)
        self._tell(name, 1.0)

    def _tell(self, phase: str, share: float) -> None:
        for row in self._open():
            try:
                self.items[row].progress(phase, share)
            except Exception as error:
                self.errors[row] = error

    def _finish(self, row: int, wave: Tensor) -> None:
        one = self.items[row]
        try:
            cut = wave[None, : one.features.timeline.samples].cpu().float().numpy()
            credits: list[str] = []
            if self.pipeline.reference is not None:
                with timed(self.timings[row], "place", one.progress):
                    asked = (one.features, one.options, one.seed, one.seed, True)
                    cut, credits = self.pipeline.finished(cut, *asked)
            self.sounds[row] = self.pipeline.audio_of(
                cut, one.features, one.options, one.seed, self.timings[row], credits
            )
        except Exception as error:
            self.errors[row] = error
