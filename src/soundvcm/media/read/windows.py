"""A long video in overlapping windows, read once: only the pictures of the windows in progress are in memory.

Windows begin at 0, hop, 2 hop ... and the last one is what is left (longer than the overlap). Each also says
where its shots change: a cut is a change far above those around it that stays (a flash returns to the picture
before, a pan changes evenly). Knows decoded videos, no models.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

from soundvcm.errors import OptionError, ShapeError
from soundvcm.media.read.decoded_video import (
    SLACK_SECONDS,
    DecodedVideo,
    FrameCollector,
    count_at,
    read_frames,
)
from soundvcm.media.read.frame_range import FrameRange
from soundvcm.media.read.frame_reader import DecodedFrame
from soundvcm.media.read.resize import FrameResizer
from soundvcm.timeline import FrameSpec, Seconds, exact_seconds

if TYPE_CHECKING:
    from torch import Tensor

_GRID = 12
_FLOOR = 0.06
_TIMES = 2.5
_AROUND = 6


def shot_cuts(frames: Tensor, rate: Fraction) -> list[Fraction]:
    """Times (s) of the first pictures of new shots.

    Args:
        frames: uint8 [f, h, w, 3].
        rate: pictures a second.

    Raises:
        ShapeError: if the frames have another shape.
    """
    import torch  # only here: pictures are read while it is being loaded

    if frames.ndim != 4 or frames.shape[3] != 3:
        raise ShapeError(f"frames: {list(frames.shape)} is not [f, h, w, 3]")
    count = frames.shape[0]
    if count < 3:
        return []
    small = torch.cat([_coarse(part) for part in torch.split(frames, 64)])
    step = (small[1:] - small[:-1]).abs().mean(dim=(1, 2, 3))  # step[i]: from picture i to i + 1
    cuts: list[int] = []
    for i in range(count - 1):
        low, high = max(0, i - _AROUND), min(count - 1, i + _AROUND + 1)
        around = torch.cat([step[low:i], step[i + 1 : high]])
        usual = float(around.median()) if around.numel() else 0.0
        if step[i] < _FLOOR + _TIMES * usual or (cuts and i + 1 - cuts[-1] < 3):
            continue
        returns = i + 2 < count and (small[i + 2] - small[i]).abs().mean() < step[i] / 2
        leaves_flash = i > 0 and (small[i + 1] - small[i - 1]).abs().mean() < step[i] / 2
        if not returns and not leaves_flash:
            cuts.append(i + 1)
    return [k / rate for k in cuts]


def _coarse(frames: Tensor) -> Tensor:
    import torch.nn.functional as F

    planes = frames.permute(0, 3, 1, 2).float() / 255
    return F.adaptive_avg_pool2d(planes, _GRID)


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
) -> Iterator[DecodedVideo]:
    """DecodedVideo of one window after the other; arguments and errors as for `media.read_frames`.

    Each window's `start` is its place in the source and `cuts` the shot changes inside it. What is known
    only at the end (a damaged tail, a file shorter than asked) stands in the warnings of the last window.

    Args:
        source: file, or frames in memory with `fps`; or a `ReadAhead`, which is used if it was asked for the
            same windows.
        specs: role -> pictures wanted.
        window_seconds: length of a window.
        hop_seconds: from the start of one to that of the next.
        start: beginning of the range of the source, s.
        seconds: its length.
        fps: of frames in memory.
    """
    if isinstance(source, ReadAhead):
        if source.asked == _asked(specs, window_seconds, hop_seconds, start, seconds) and fps is None:
            yield from source
            return
        source.close()
        source = source.source
    size, step = _checked(window_seconds, hop_seconds)
    with FrameRange(source, start, seconds, fps) as pictures:
        if not pictures.is_still:
            yield from _Windows(pictures, specs, size, step).run()
    if pictures.is_still:
        if pictures.asked is None:
            read_frames(source, specs)  # refuses in words
        for at, span in window_plan(pictures.asked or 0, size, step):
            decoded = read_frames(source, specs, seconds=span)
            decoded.start = at
            yield decoded


class ReadAhead:
    """The windows of a file as a thread reads them from now on, one ahead of whoever uses them.

    Files are read by FFmpeg and need no torch: a cold start has the clip read while torch is loaded. What
    `windows` raises is raised where a window is asked for.

    Args:
        source: file.
        specs: role -> pictures wanted.
        window_seconds: length of a window.
        hop_seconds: from the start of one to that of the next.
        start: beginning of the range of the source, s.
        seconds: its length.
    """

    def __init__(
        self,
        source: Any,
        specs: dict[str, FrameSpec],
        window_seconds: Seconds,
        hop_seconds: Seconds,
        start: Seconds = 0,
        seconds: Seconds | None = None,
    ) -> None:
        self.source, self.asked = source, _asked(specs, window_seconds, hop_seconds, start, seconds)
        self._read: Queue[DecodedVideo | BaseException | None] = Queue(1)
        self._closed = False
        found = windows(source, specs, window_seconds, hop_seconds, start=start, seconds=seconds)
        # A daemon: whoever leaves early does not wait for it.
        Thread(target=self._run, args=(found,), name="soundvcm-ahead", daemon=True).start()

    def _run(self, found: Iterator[DecodedVideo]) -> None:
        try:
            for window in found:
                self._read.put(window)
                if self._closed:
                    return  # the file is closed with `found`; nobody would take an end
            self._read.put(None)
        except BaseException as error:  # whatever it is, it belongs to who asks for the window
            self._read.put(error)

    def close(self) -> None:
        """Read no further than the window that is being read; what was read is forgotten."""
        self._closed = True
        with suppress(Empty):
            self._read.get_nowait()

    def __iter__(self) -> Iterator[DecodedVideo]:
        """The windows in order, once."""
        while (window := self._read.get()) is not None:
            if isinstance(window, BaseException):
                raise window
            yield window


def _asked(
    specs: dict[str, FrameSpec], window: Seconds, hop: Seconds, start: Seconds, seconds: Seconds | None
) -> tuple[Any, ...]:
    length = None if seconds is None else exact_seconds(seconds)
    return specs, exact_seconds(window), exact_seconds(hop), exact_seconds(start), length


class _Windows:
    def __init__(
        self, pictures: FrameRange, specs: dict[str, FrameSpec], size: Fraction, step: Fraction
    ) -> None:
        self.range, self.reader, self.specs = pictures, pictures.reader, specs
        self.end, self.size, self.step = pictures.end, size, step
        self.active: list[FrameCollector] = []
        self.resizers = {role: FrameResizer(spec) for role, spec in specs.items()}
        self.next_start = pictures.start
        self.done: Fraction | None = None  # end of the last window that was given out

    def run(self) -> Iterator[DecodedVideo]:
        for held, following in self.range.pictures():
            if following is not None:
                yield from self._hold(held, following)
        whole = self.range.whole()
        stop = self.end if whole is None else min(whole, self.end or whole)
        assert stop is not None
        extra = []
        if self.end is not None and self.end - stop > SLACK_SECONDS:
            extra = [f"{self.reader.name}: lasts {float(stop):.3f} s, {float(self.end):g} s asked: shortened"]
        elif self.end is not None:
            stop = self.end
        yield from self._last(held, stop, extra)

    def _hold(self, held: DecodedFrame, until: Fraction) -> Iterator[DecodedVideo]:
        while self.next_start < until:
            if self.end is None or self.next_start < self.end:
                aspect = self.reader.info.pixel_aspect
                at, size = self.next_start, self.size
                self.active.append(FrameCollector(self.specs, at, size, aspect, self.resizers))
            self.next_start += self.step
        for collector in self.active:
            collector.hold(held, until)
        # A window is certain to be whole, and not the last, once a picture begins well after its end.
        while self.active and until > self.active[0].start + self.size + SLACK_SECONDS:
            yield self._decoded(self.active.pop(0), self.size, [])

    def _last(self, held: DecodedFrame, stop: Fraction, extra: list[str]) -> Iterator[DecodedVideo]:
        yield from self._hold(held, stop)
        while self.active:
            collector = self.active.pop(0)
            if self.done is not None and stop - self.done <= SLACK_SECONDS:
                return
            span = min(self.size, stop - collector.start)
            if stop - collector.start - span <= SLACK_SECONDS:
                span = stop - collector.start if stop - collector.start <= self.size else self.size
                self.active = []
            for role, spec in self.specs.items():
                collector.limit[role] = count_at(spec.rate, span)
            collector.hold(held, None)
            last = not self.active
            yield self._decoded(collector, span, [*self.reader.warnings(), *extra] if last else [])

    def _decoded(self, collector: FrameCollector, seconds: Fraction, warnings: list[str]) -> DecodedVideo:
        frames = collector.finish(seconds)
        role = max(self.specs, key=lambda name: self.specs[name].rate)
        self.done = collector.start + seconds
        return DecodedVideo(
            frames, seconds, collector.start, self.reader.info, collector.indices, collector.times, warnings,
            cuts=shot_cuts(frames[role], self.specs[role].rate),
        )  # fmt: skip
