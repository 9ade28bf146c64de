"""Video => the small pictures each encoder wants, sampled by time: at k / rate the picture on screen (hold
the last).

One pass for all roles, resized as decoded, stopped at the end of the wanted range. Knows FrameSpecs, not
encoders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from soundvcm.errors import MediaError, OptionError
from soundvcm.media.read.array_reader import ArrayReader
from soundvcm.media.read.frame_range import FrameRange
from soundvcm.media.read.frame_reader import DecodedFrame, FrameReader
from soundvcm.media.read.resize import FrameResizer, Picture
from soundvcm.media.read.source import is_rereadable
from soundvcm.media.read.video_info import VideoInfo
from soundvcm.timeline import FrameSpec, Seconds

if TYPE_CHECKING:
    import torch

Beyond = Literal["auto", "shorten", "refuse", "loop"]
MAX_BYTES = 8 << 30
SLACK_SECONDS = Fraction(
    1, 1000
)  # a container that rounds to milliseconds may lose this much of an asked length


@dataclass
class DecodedVideo:
    """What was read of one source.

    Attributes:
        frames: per role, uint8 [f, h, w, 3], f = max(1, floor(rate x seconds)); of a still picture one
            picture repeated (a view: no memory).
        seconds: exact length of the range read.
        start: where in the source it begins, seconds since its first picture.
        info: what the source is.
        indices: per role, number of the source picture each sample came from (None where it cannot be told).
        times: per role, time (s) of that source picture.
        warnings: one line each.
        is_still: one picture that lasts as long as asked.
        cuts: times (s, from the start of the range) of shot changes, if looked for.
        source_frames: pictures of the source on screen within the range.
    """

    frames: dict[str, torch.Tensor]
    seconds: Fraction
    start: Fraction
    info: VideoInfo
    indices: dict[str, list[int | None]] = field(default_factory=dict)
    times: dict[str, list[Fraction]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    is_still: bool = False
    cuts: list[Fraction] = field(default_factory=list)
    source_frames: int = 1


class FrameCollector:
    """Collects the pictures of one range for every role as the source's pictures go by.

    Args:
        specs: role -> pictures wanted.
        start: beginning of the range, s since the source's first picture.
        seconds: length of the range, None for "to the end".
        aspect: pixel aspect of the source.
        resizers: by role, to share those of another collector of the same source.
    """

    def __init__(
        self,
        specs: dict[str, FrameSpec],
        start: Fraction,
        seconds: Fraction | None,
        aspect: Fraction = Fraction(1),
        resizers: dict[str, FrameResizer] | None = None,
    ) -> None:
        for role, spec in specs.items():
            if spec.rate <= 0:
                raise OptionError(f"the {role} pictures need a rate above 0 a second, not {spec.rate}")
        self.specs, self.start, self.aspect = specs, start, aspect
        self.resizers = resizers or {role: FrameResizer(spec) for role, spec in specs.items()}
        self.limit = {
            role: None if seconds is None else count_at(spec.rate, seconds) for role, spec in specs.items()
        }
        self.pictures: dict[str, list[Picture]] = {role: [] for role in specs}
        self.indices: dict[str, list[int | None]] = {role: [] for role in specs}
        self.times: dict[str, list[Fraction]] = {role: [] for role in specs}
        self.bytes = 0

    def hold(self, frame: DecodedFrame, until: Fraction | None) -> None:
        """The picture stays on screen until the given time of the source (None: for all samples still
        missing).
        """
        for role, spec in self.specs.items():
            have, limit = len(self.indices[role]), self.limit[role]
            due = limit if until is None else _samples_before(until - self.start, spec.rate)
            if due is None:
                raise OptionError("the end of an open range must be given")
            due = due if limit is None else min(due, limit)
            if due <= have:
                continue
            if -have % spec.every < due - have or not self.pictures[role]:
                small = self.resizers[role](frame.picture, self.aspect)
            else:  # none of these will be looked at
                small = self.pictures[role][-1]
            self.bytes += small.size
            if self.bytes > MAX_BYTES:
                raise MediaError(f"more than {MAX_BYTES >> 30} GiB of pictures: read the file in windows")
            more = due - have
            self.pictures[role] += [small] * more
            self.indices[role] += [frame.index] * more
            self.times[role] += [frame.time] * more

    def finish(self, seconds: Fraction) -> dict[str, torch.Tensor]:
        """The pictures of a range of that length, per role [f, h, w, 3]; at least one each."""
        import torch  # only here: pictures are read while it is being loaded

        frames = {}
        for role, spec in self.specs.items():
            count = count_at(spec.rate, seconds)
            for kept in (self.pictures[role], self.indices[role], self.times[role]):
                del kept[count:]
            frames[role] = torch.from_numpy(np.stack(self.pictures[role]))
            self.pictures[role] = []
        return frames


def count_at(rate: Fraction, seconds: Fraction) -> int:
    """Pictures of a range: floor(rate x seconds), at least one (the same rule as `timeline.Timeline`)."""
    return max(1, floor(rate * seconds))


def _samples_before(time: Fraction, rate: Fraction) -> int:
    """How many of the times 0, 1/rate, 2/rate ... lie before `time`."""
    # In whole numbers: Fractions find a common divisor each time, and this is asked twice for each picture.
    above, below = time.numerator * rate.numerator, time.denominator * rate.denominator
    return max(0, -(-above // below))


def read_frames(
    source: Any,
    specs: dict[str, FrameSpec],
    *,
    start: Seconds = 0,
    seconds: Seconds | None = None,
    fps: Seconds | None = None,
    beyond: Beyond = "auto",
) -> DecodedVideo:
    """Read one range of a video, image, GIF or array of frames.

    Args:
        source: a path, bytes, an open binary file, or frames [f, h, w, 3] uint8 (then with `fps` or
            `seconds`).
        specs: role -> pictures wanted.
        start: where to begin, s since the first picture.
        seconds: how long; None reads to the end. A still picture needs it.
        fps: pictures a second of frames in an array.
        beyond: when more is asked than there is: "shorten" (with a warning), "refuse", "loop" (begin again);
            "auto" refuses for GIFs and arrays and shortens videos.

    Raises:
        MediaError: if the source cannot be read, holds no pictures, or the range lies outside it.
        OptionError: for a range or rate that makes no sense, frames without a rate, a picture without a
            duration.
    """
    with FrameRange(source, start, seconds, fps) as pictures:
        return _Reading(pictures, specs, beyond).run()


class _Reading:
    def __init__(self, pictures: FrameRange, specs: dict[str, FrameSpec], beyond: Beyond) -> None:
        self.range, self.reader, self.beyond = pictures, pictures.reader, beyond
        self.start, self.length = pictures.start, pictures.asked
        self.collector = FrameCollector(specs, self.start, self.length, self.reader.info.pixel_aspect)
        self.extra: list[str] = []
        self.source_frames = 1

    def run(self) -> DecodedVideo:
        if self.range.is_still:
            return self._still(self.range.first)
        for held, following in self.range.pictures():
            if following is not None:
                self.collector.hold(held, following)
                self.source_frames += following > self.start
        whole, end = self.range.whole(), self.range.end
        seconds = self._length(whole, end)
        if whole is not None and end is not None and end - whole > SLACK_SECONDS and self.beyond == "loop":
            self._loop(held, whole, end)
        else:
            self.collector.hold(held, self.start + seconds)
        return self._decoded(seconds, held)

    def _length(self, whole: Fraction | None, end: Fraction | None) -> Fraction:
        if end is None:
            assert whole is not None
            return whole - self.start
        assert self.length is not None
        if whole is None or end - whole <= SLACK_SECONDS or self.beyond == "loop":
            return self.length
        asked = f"{self.reader.name}: lasts {float(whole):.3f} s, {float(end):g} s asked"
        strict = self.reader.is_picture or isinstance(self.reader, ArrayReader)
        if self.beyond == "refuse" or (self.beyond == "auto" and strict):
            raise MediaError(f"{asked}: ask for less, or for a loop")
        self.extra.append(f"{asked}: the {float(whole - self.start):.3f} s there are will be used")
        return whole - self.start

    def _loop(self, held: DecodedFrame, whole: Fraction, end: Fraction) -> None:
        if not isinstance(self.reader, ArrayReader) and not is_rereadable(self.range.source):
            raise MediaError(f"{self.reader.name}: cannot be looped, it can be read only once")
        self.collector.hold(held, whole)
        turn = whole
        while turn < end:
            last = None
            for frame in _again(self.reader, self.range.source):
                if last is not None:
                    self.collector.hold(last, turn + frame.time)
                last = frame
            assert last is not None
            self.collector.hold(last, min(end, turn + whole))
            turn += whole

    def _still(self, held: DecodedFrame) -> DecodedVideo:
        if self.length is None:
            raise OptionError(
                f"{self.reader.name}: is a still picture: give a duration in seconds (--duration 8)"
            )
        collector = self.collector
        single = FrameCollector(collector.specs, Fraction(0), Fraction(1, 1_000_000), collector.aspect)
        single.hold(held, None)
        frames = {}
        for role, picture in single.finish(Fraction(1, 1_000_000)).items():
            count = count_at(collector.specs[role].rate, self.length)
            frames[role] = picture.expand(count, -1, -1, -1)
            collector.indices[role], collector.times[role] = [0] * count, [Fraction(0)] * count
        warnings = [*self.reader.warnings(), *self.extra]
        return DecodedVideo(
            frames,
            self.length,
            Fraction(0),
            self.reader.info,
            collector.indices,
            collector.times,
            warnings,
            True,
        )

    def _decoded(self, seconds: Fraction, held: DecodedFrame) -> DecodedVideo:
        collector = self.collector
        for role, spec in collector.specs.items():
            if len(collector.indices[role]) < count_at(spec.rate, seconds):
                collector.limit[role] = count_at(spec.rate, seconds)
                collector.hold(held, None)
        frames = collector.finish(seconds)
        warnings = [*self.reader.warnings(), *self.extra]
        return DecodedVideo(
            frames, seconds, self.start, self.reader.info, collector.indices, collector.times, warnings,
            source_frames=self.source_frames,
        )  # fmt: skip


def _again(reader: FrameReader | ArrayReader, source: Any) -> Iterator[DecodedFrame]:
    if isinstance(reader, ArrayReader):
        yield from reader.frames()
        return
    with FrameReader(source) as fresh:
        yield from fresh.frames()
