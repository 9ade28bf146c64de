"""Several takes as one batch: one network call a step and one decoding for clips of the same length.

    Wanted, Wanted, ... => conditions joined => network => codec => a Sound or an error each

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

from soundvcm.generate.audio import Ask, Sound, Watched
from soundvcm.generate.clip_encoder import timed
from soundvcm.generate.pipeline import Pipeline
from soundvcm.generate.progress import Progress, silent_progress
from soundvcm.records import Conditions


@dataclass(frozen=True)
class Wanted:
    """One take of a batch.

    Attributes:
        watched: what was seen of its clip; no film of several windows.
        ask: what is wanted.
        seed: of this take.
        progress: told of its phases; what it raises ends this take and no other.
    """

    watched: Watched
    ask: Ask
    seed: int
    progress: Progress = silent_progress


def likeness(pipeline: Pipeline, watched: Watched, ask: Ask) -> Hashable | None:
    """What takes must share to be made as one batch; None for a film, which is made by itself."""
    if watched.parts:
        return None
    steps = ask.steps or pipeline.sampling.steps
    strength = pipeline.sampling.guidance if ask.cfg_strength is None else ask.cfg_strength
    negative = (ask.negative_prompt or "").strip()
    return watched.timeline.latents, *pipeline.tokens(watched), steps, strength, negative


def make_together(pipeline: Pipeline, wanted: Sequence[Wanted]) -> list[Sound | Exception]:
    """The takes, in order; what went wrong with one stands in its place and touches no other.

    Args:
        pipeline: the loaded system.
        wanted: of equal `likeness`. In its timings a take counts its share of a common phase.

    Raises:
        Exception: what the network or the codec raises for the batch as a whole, as for want of memory.
    """
    batch = _Batch(pipeline, wanted)
    batch.make()
    return batch.results()


class _Batch:
    """Rows on their way; one that failed, or whose progress raised, is left out of what follows."""

    def __init__(self, pipeline: Pipeline, wanted: Sequence[Wanted]) -> None:
        self.pipeline, self.wanted = pipeline, wanted
        self.timings = [dict(one.watched.timings) for one in wanted]
        self.errors: dict[int, Exception] = {}
        self.sounds: dict[int, Sound] = {}

    def results(self) -> list[Sound | Exception]:
        """A sound or an error each."""
        return [self.errors.get(row) or self.sounds[row] for row in range(len(self.wanted))]

    @torch.inference_mode()
    def make(self) -> None:
        """Words one after the other, network and codec at once."""
        conditions = {row: words for row in self._open() if (words := self._conditions(row)) is not None}
        with self._phase("network") as rows:
            if not rows:
                return
            first = self.wanted[rows[0]]
            joined = Conditions.cat([conditions[row] for row in rows])
            seeds = [self.wanted[row].seed for row in rows]
            latents = self.pipeline.latents(first.watched, joined, first.ask, *seeds)
        kept = dict(zip(rows, latents, strict=True))
        with self._phase("codec") as rows:
            if not rows:
                return
            waves = self.pipeline.codec.decode(torch.stack([kept[row] for row in rows]).float())
        for row, wave in zip(rows, waves, strict=True):
            if row not in self.errors:
                self._finish(row, wave)

    def _open(self) -> list[int]:
        return [row for row in range(len(self.wanted)) if row not in self.errors]

    def _conditions(self, row: int) -> Conditions | None:
        one = self.wanted[row]
        try:
            self.pipeline.check(one.ask)
            with timed(self.timings[row], "text", one.progress):
                return self.pipeline.conditions(one.watched, one.ask.prompt, one.ask.ignore_pictures)
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
                self.wanted[row].progress(phase, share)
            except Exception as error:
                self.errors[row] = error

    def _finish(self, row: int, wave: Tensor) -> None:
        one = self.wanted[row]
        try:
            cut = wave[None, : one.watched.timeline.samples].cpu().float().numpy()
            self.sounds[row] = self.pipeline.sound_of(cut, one.watched, one.ask, one.seed, self.timings[row])
        except Exception as error:
            self.errors[row] = error
