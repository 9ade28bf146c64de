"""Which packets make up a range of pictures that is copied without decoding, and how long it is.

H.264 streams mark places from which a decoder recovers only after a while (ITU-T H.264, D.2.8), so their key
packets are looked into: a picture of NAL unit type 5 (IDR) needs no other. Knows packets; nothing of sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from soundvcm.errors import MediaError
from soundvcm.media.read.frame_clock import FrameClock
from soundvcm.media.read.source import (
    av_errors,
    codec_name,
    demuxed,
    open_media,
    tells_showing_times,
    video_streams,
)
from soundvcm.media.read.video_info import VideoInfo

_LONGEST_HOLD = Fraction(1, 4)
_KEEP_POINTS = 4096
LONGEST_REORDER = 64
_IDR = 5
_SEEK_BACK = (Fraction(2), Fraction(10), Fraction(40))
_LONGEST_REFRESH = Fraction(10)
MOMENT = Fraction(1, 500)  # more than the millisecond to which Matroska rounds


class CannotCopyError(MediaError):
    """The packets cannot be copied as they are; the message says why."""


@dataclass
class PacketPlan:
    """Which packets to copy.

    Attributes:
        stream: index of the stream in the file.
        time_base: seconds of a tick.
        origin: ticks of the first picture of the file.
        first: timestamp (ticks) at which the first packet to copy is shown.
        count: packets to copy.
        seek: where to seek (s since the first picture) so that the first packet comes; None: the beginning.
        lead: seconds the first packet lies before the asked start (copies begin at a key picture).
        seconds: length of the copied pictures from the asked start on, the last one's hold included.
        hold: seconds for which the last picture is held to fill the range.
        last: duration (ticks) of the last packet to copy, with the empty ones that follow it.
        behind: timestamp => the one it is written with (ticks, may be fractions), of pictures shown after the
            end of the range on which earlier ones lean: they pass in its last moments.
        rate: pictures a second if they are evenly spaced and shown in the order of decoding, else None.
        messages: one line each.
    """

    stream: int
    time_base: Fraction
    origin: int
    first: int
    count: int
    lead: Fraction
    seconds: Fraction
    hold: Fraction = Fraction(0)
    seek: Fraction | None = None
    rate: Fraction | None = None
    last: int = 0
    behind: dict[int, Fraction] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)


def plan_copy(source: Any, info: VideoInfo, start: Fraction, seconds: Fraction | None) -> PacketPlan:
    """Read the packets' times (nothing is decoded) and choose those of the range.

    Args:
        source: the file.
        info: from `inspect`: when its first picture is shown, and its frame rates.
        start: beginning of the range, s.
        seconds: its length, None for all.

    Raises:
        CannotCopyError: if the stream's timestamps do not allow a copy (missing, or running backwards), or
            the pictures after its key pictures are not whole (periodic intra refresh).
    """
    end, origin = None if seconds is None else start + seconds, info.origin
    for seek in _seek_places(start):
        with open_media(source, decodes=False) as container:
            stream: Any = video_streams(container)[0]
            numbered = container.format.name != "mpeg" and not tells_showing_times(container, stream)
            clock = FrameClock(stream.time_base or Fraction(1, 1000), info.rates)
            scan = _Scan(stream, clock, origin, start, end)
            try:
                seek_to(container, stream, origin, seek)
                for packet, pts, dts in timed_packets(container, stream, sought=seek is not None):
                    if not scan.take(packet, pts, dts):
                        break
            except CannotCopyError:
                raise
            except av_errors():
                continue  # some containers cannot seek: the next place is tried
            if scan.first is not None and (start == 0 or scan.time(scan.first) <= start):
                if numbered and not scan.moved:
                    raise CannotCopyError("its packets do not say when they are shown")
                plan = scan.plan()
                plan.seek = seek
                if start > 0 and not scan.whole and not _begins_whole(source, plan, start):
                    raise CannotCopyError("its pictures are refreshed part by part")
                return plan
    raise CannotCopyError("no packet before the start begins with a whole picture")


def _seek_places(start: Fraction) -> list[Fraction | None]:
    """Where to try: at the start; some way before it, where a seek landed after it; at last the beginning."""
    if start == 0:
        return [None]
    return [start, *(start - back for back in _SEEK_BACK if start > back), None]


def seek_to(container: Any, stream: Any, origin: int, place: Fraction | None) -> None:
    """Seek to a time (s since the first picture, at `origin` ticks); None stays at the beginning."""
    if place is not None:
        base = stream.time_base or Fraction(1, 1000)
        container.seek(origin + int(place / base), stream=stream, backward=True)


def _begins_whole(source: Any, plan: PacketPlan, start: Fraction) -> bool:
    """Whether decoding from the first packet on and from long before it give the same picture at `start`."""
    seen = []
    for from_first in (True, False):
        with open_media(source) as container:
            stream: Any = container.streams[plan.stream]
            early = max(Fraction(0), start - plan.lead - _LONGEST_REFRESH)
            place = plan.seek if from_first else early or None
            seek_to(container, stream, plan.origin, place)
            begun, shown = not from_first, None
            for packet in demuxed(container, stream, sought=place is not None):
                begun = begun or (packet.is_keyframe and plan.first in (packet.pts, packet.dts))
                late = False
                for frame in packet.decode() if begun else []:
                    time = frame.pts if frame.pts is not None else frame.dts
                    late = time is None or (time - plan.origin) * plan.time_base > start
                    shown = shown if late else frame
                if late:
                    break
            seen.append(None if shown is None else shown.to_ndarray(format="rgb24").tobytes())
    return seen[0] is not None and seen[0] == seen[1]


def timed_packets(container: Any, stream: Any, *, sought: bool) -> Iterator[tuple[Any, int, int]]:
    """(packet, pts, dts) in ticks, in decoding order, with what the container leaves out filled in.

    Matroska has no decoding times and FFmpeg cannot tell those of the first packets: they are counted back
    from the first known one. AVI has no showing times: they equal those of decoding if no picture is shown
    out of order.

    Raises:
        CannotCopyError: if a time cannot be told.
    """
    waiting: list[Any] = []
    ordered = not stream.codec_context.has_b_frames
    for packet in demuxed(container, stream, sought=sought):
        if packet.size == 0 and packet.dts is None:
            continue
        if packet.pts is None and packet.dts is None:
            raise CannotCopyError("its packets carry no timestamps")
        if packet.dts is None:
            waiting.append(packet)
            if len(waiting) > LONGEST_REORDER:
                raise CannotCopyError("its packets carry no times of decoding")
            continue
        if packet.pts is None and not ordered:
            raise CannotCopyError("its packets do not say when they are shown")
        step = max(1, packet.duration or 1)
        for back, early in zip(range(len(waiting), 0, -1), waiting, strict=True):
            yield early, early.pts, packet.dts - back * step
        waiting = []
        yield packet, packet.dts if packet.pts is None else packet.pts, packet.dts
    for early in waiting:  # a file of so few packets that no time of decoding was found
        if not ordered and len(waiting) > 1:
            raise CannotCopyError("its packets carry no times of decoding")
        yield early, early.pts, early.pts


class _Scan:
    """Walks packets in decoding order; a place is a clean cut if everything after it is shown after it."""

    def __init__(
        self, stream: Any, clock: FrameClock, origin: int, start: Fraction, end: Fraction | None
    ) -> None:
        self.clock, self.base = clock, clock.time_base
        clock.place(origin, None)
        self.stream, self.origin, self.start, self.end = stream, origin, start, end
        self.first: int | None = None
        self.count, self.last_dts = 0, -(1 << 62)
        self.top, self.top_duration = -(1 << 62), 0
        self.points: list[tuple[int, int, int]] = []  # (packets, top pts, its duration)
        self.inside = 0  # packets up to the last one that is shown before the end of the range
        self.last_inside = -(1 << 62)
        self.behind: list[tuple[int, int, int]] = []  # (packets before, pts, dts) shown at its end or later
        self.is_cut = False  # more follows behind the range
        self.whole = True  # the first packet needs no other to be decoded
        self.moved = False  # some picture is shown in another order than it is decoded
        self.even = True  # evenly spaced, shown in the order of decoding

    def take(self, packet: Any, pts: int, dts: int) -> bool:
        """Count one packet; False when the range is complete."""
        if self.first is None or (packet.is_keyframe and self.time(pts) <= self.start):
            if not packet.is_keyframe:
                return True
            if self.first is None or self.start > 0:
                if self.first is None and self.start > 0 and self.time(pts) > self.start:
                    self.first = pts
                    return False  # the seek landed too late
                self.first, self.count, self.points = pts, 0, []
                self.inside, self.behind, self.last_inside = 0, [], -(1 << 62)
                self.last_dts = self.top = -(1 << 62)
                self.whole, self.even = _needs_no_other(self.stream, packet), True
        elif self.start > 0 and pts < self.first and self.count < LONGEST_REORDER:
            return True  # shown before the first picture, and made from pictures that are not copied
        if dts <= self.last_dts or dts > pts:
            raise CannotCopyError("its timestamps do not run forward")
        if self.end is not None and self.time(dts) >= self.end and self.points:
            self.is_cut = True
            return False
        if packet.size == 0:  # "as before" (Theora, AVI): the picture stays
            if self.points and self.points[-1][1] == self.top:
                self.top_duration = max(self.top_duration, pts + (packet.duration or 0) - self.top)
                self.points[-1] = (self.count, self.top, self.top_duration)
            self.last_dts = dts
            return True
        self.moved = self.moved or pts < self.top
        while self.points and self.points[-1][1] >= pts:
            self.points.pop()
        self.last_dts, self.count = dts, self.count + 1
        if self.end is not None and self.time(pts) >= self.end:
            self.behind.append((self.count - 1, pts, dts))
        else:
            self.inside, self.last_inside = self.count, max(pts, self.last_inside)
        rate = self.clock.rates[0] if self.clock.rates else None
        self.even = self.even and pts == dts and rate is not None and (self.time(pts) * rate).denominator == 1
        if pts > self.top:
            self.top, self.top_duration = pts, packet.duration or 0
        self.points.append((self.count, self.top, self.top_duration))
        if len(self.points) > _KEEP_POINTS:
            del self.points[: _KEEP_POINTS // 2]
        return True

    def time(self, pts: int) -> Fraction:
        return self.clock.time_of(pts)

    def until(self, point: tuple[int, int, int]) -> Fraction:
        return self.time(point[1]) + self.clock.length_of(point[2])

    def plan(self) -> PacketPlan:
        if self.first is None or not self.points:
            raise CannotCopyError("no packet begins with a whole picture")
        lead = max(Fraction(0), self.start - self.time(self.first))
        whole = (self.count, self.top, self.top_duration)
        point, hold, messages, behind = whole, Fraction(0), list[str](), dict[int, Fraction]()
        if self.end is not None:
            point, hold = self._cut(self.end, whole)
            if point[0] < self.inside and (moments := self._moments(self.end)):
                behind, hold = moments, Fraction(0)
                point = (self.inside, self.last_inside, 0)
        seconds = (self.end or self.start if behind else self.until(point) + hold) - self.start
        if behind:
            messages.append(
                f"{len(behind)} picture(s) from behind the end, which others need, pass in its last moments"
            )
        if hold > 0 and point != whole:
            messages.append(
                f"the last picture is held {float(hold):.3f} s longer: the cut falls between packets"
            )
        elif self.end is not None and seconds > self.end - self.start:
            messages.append(f"the cut falls on a packet: the pictures last {float(seconds):.3f} s")
        return PacketPlan(
            self.stream.index,
            self.base,
            self.origin,
            self.first,
            point[0],
            lead,
            seconds,
            hold,
            rate=self.clock.rates[0] if self.even and self.clock.rates else None,
            last=point[2],
            behind=behind,
            messages=messages,
        )

    def _moments(self, end: Fraction) -> dict[int, Fraction]:
        """When to show what lies behind the end: in its last moments, in order; {} if those are taken."""
        needed = sorted((pts, dts) for before, pts, dts in self.behind if before < self.inside)
        step, stop = MOMENT / self.base, self.origin + end / self.base
        places = {pts: stop - (len(needed) - k) * step for k, (pts, _) in enumerate(needed)}
        free = all(max(self.last_inside, dts) < places[pts] for pts, dts in needed)
        return places if free else {}

    def _cut(self, end: Fraction, whole: tuple[int, int, int]) -> tuple[tuple[int, int, int], Fraction]:
        def begins(point: tuple[int, int, int]) -> Fraction:
            return self.time(point[1])

        if begins(whole) < end and self.until(whole) <= end:
            return whole, end - self.until(whole) if self.is_cut else Fraction(0)
        inside = [point for point in self.points if begins(point) < end]
        if inside:
            best = inside[-1]
            hold = end - self.until(best)
            if hold <= _LONGEST_HOLD:
                return best, hold  # a negative hold shortens the last picture to the end of the range
        after = [point for point in self.points if begins(point) >= end]
        return (after[0], Fraction(0)) if after else (whole, Fraction(0))


def _needs_no_other(stream: Any, packet: Any) -> bool:
    """True if the key packet is surely a whole picture; False if it must be decoded to be sure."""
    if codec_name(stream) != "h264":
        return True
    return any(kind == _IDR for kind in _nal_types(bytes(packet), stream.codec_context.extradata or b""))


def _nal_types(data: bytes, headers: bytes) -> Iterator[int]:
    if headers[:1] == b"\x01" and len(headers) > 4:  # lengths before the units, as in mp4 and Matroska
        size, at = (headers[4] & 3) + 1, 0
        while at + size < len(data):
            length = int.from_bytes(data[at : at + size], "big")
            yield data[at + size] & 31
            at += size + length
        return
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 3:
        yield data[at + 3] & 31
        at = data.find(b"\0\0\1", at + 3)
