"""A long video in overlapping windows, read once: only the pictures of the windows in progress are in memory.

Windows begin at 0, hop, 2 hop ... and the last one is what is left (longer than the overlap). Knows footage,
no models.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from soundvcm.errors import MediaError, OptionError
from soundvcm.media.read.array_reader import ArrayReader
from soundvcm.media.read.decoded_video import (
    SLACK_SECONDS,
    Footage,
    Sampler,
    count_at,
    read_frames,
)
from soundvcm.media.read.frame_reader import FrameReader, Shown
from soundvcm.media.read.open_video import check_range, open_reader
from soundvcm.media.read.shot_cuts import shot_cuts
from soundvcm.records import FrameSpec
from soundvcm.timeline import Seconds, exact_seconds


def window_plan(total: Seconds, window: Seconds, hop: Seconds) -> list[tuple[Fraction, Fraction]]:
    """(start, length) of the windows of a video of known length; one window if it fits into it.

    Raises:
        OptionError: if the hop is not above 0 and at most the window.
    """
    whole, size, step = exact_seconds(total), *_checked(window, hop)
    found, start = [], Fraction(0)
    while True:
        found.append((start, min(size, whole - start)))
        if start + size + SLACK_SECONDS >= whole:
            return found
        start += step


def _checked(window: Seconds, hop: Seconds) -> tuple[Fraction, Fraction]:
    size, step = exact_seconds(window), exact_seconds(hop)
    if not 0 < step <= size:
        raise OptionError(
            f"windows of {float(size):g} s need a hop above 0 and at most that, not {float(step):g} s"
        )
    return size, step


def windows(
    source: Any,
    specs: dict[str, FrameSpec],
    window_seconds: Seconds,
    hop_seconds: Seconds,
    *,
    start: Seconds = 0,
    seconds: Seconds | None = None,
    fps: Seconds | None = None,
) -> Iterator[Footage]:
    """Footage of one window after the other; arguments and errors as for `media.read_frames`.

    Each footage's `start` is its place in the source and `cuts` the shot changes inside it. What is known
    only at the end (a damaged tail, a file shorter than asked) stands in the warnings of the last window.

    Args:
        source: file, or frames in memory with `fps`.
        specs: role -> pictures wanted.
        window_seconds: length of a window.
        hop_seconds: from the start of one to that of the next.
        start: beginning of the range of the source, s.
        seconds: its length.
        fps: of frames in memory.
    """
    begin, length = check_range(start, seconds)
    size, step = _checked(window_seconds, hop_seconds)
    with open_reader(source, fps, length) as reader:
        end = None if length is None else begin + length
        pictures = reader.shown(begin, end)
        held = next(pictures)
        following = next(pictures, None)
        still = following is None and reader.is_picture
        if not still:
            yield from _Windows(reader, specs, begin, end, size, step).run(held, following, pictures)
    if still:
        if length is None:
            read_frames(source, specs)  # refuses in words
        for at, span in window_plan(length or 0, size, step):
            footage = read_frames(source, specs, seconds=span)
            footage.start = at
            yield footage


class _Windows:
    def __init__(
        self,
        reader: FrameReader | ArrayReader,
        specs: dict[str, FrameSpec],
        begin: Fraction,
        end: Fraction | None,
        size: Fraction,
        step: Fraction,
    ) -> None:
        self.reader, self.specs, self.begin, self.end = reader, specs, begin, end
        self.size, self.step = size, step
        self.active: list[Sampler] = []
        self.next_start = begin
        self.done: Fraction | None = None  # end of the last window that was given out

    def run(self, held: Shown, following: Shown | None, pictures: Iterator[Shown]) -> Iterator[Footage]:
        while following is not None:
            yield from self._hold(held, following.time)
            held, following = following, next(pictures, None)
        whole = self.reader.seconds
        if whole is not None and self.begin >= whole:
            raise MediaError(
                f"{self.reader.name}: start {float(self.begin):g} s lies beyond its end "
                f"({float(whole):.3f} s)"
            )
        stop = self.end if whole is None else min(whole, self.end or whole)
        assert stop is not None
        extra = []
        if self.end is not None and self.end - stop > SLACK_SECONDS:
            extra = [f"{self.reader.name}: lasts {float(stop):.3f} s, {float(self.end):g} s asked: shortened"]
        elif self.end is not None:
            stop = self.end
        yield from self._last(held, stop, extra)

    def _hold(self, held: Shown, until: Fraction) -> Iterator[Footage]:
        while self.next_start < until:
            if self.end is None or self.next_start < self.end:
                aspect = self.reader.facts.pixel_aspect
                self.active.append(Sampler(self.specs, self.next_start, self.size, aspect))
            self.next_start += self.step
        for sampler in self.active:
            sampler.hold(held, until)
        # A window is certain to be whole, and not the last, once a picture begins well after its end.
        while self.active and until > self.active[0].start + self.size + SLACK_SECONDS:
            yield self._footage(self.active.pop(0), self.size, [])

    def _last(self, held: Shown, stop: Fraction, extra: list[str]) -> Iterator[Footage]:
        yield from self._hold(held, stop)
        while self.active:
            sampler = self.active.pop(0)
            if self.done is not None and stop - self.done <= SLACK_SECONDS:
                return
            span = min(self.size, stop - sampler.start)
            if stop - sampler.start - span <= SLACK_SECONDS:
                span = stop - sampler.start if stop - sampler.start <= self.size else self.size
                self.active = []
            for role, spec in self.specs.items():
                sampler.limit[role] = count_at(spec.rate, span)
            sampler.hold(held, None)
            last = not self.active
            yield self._footage(sampler, span, [*self.reader.warnings(), *extra] if last else [])

    def _footage(self, sampler: Sampler, seconds: Fraction, warnings: list[str]) -> Footage:
        frames = sampler.finish(seconds)
        role = max(self.specs, key=lambda name: self.specs[name].rate)
        self.done = sampler.start + seconds
        return Footage(
            frames, seconds, sampler.start, self.reader.facts, sampler.indices, sampler.times, warnings,
            cuts=shot_cuts(frames[role], self.specs[role].rate),
        )  # fmt: skip
