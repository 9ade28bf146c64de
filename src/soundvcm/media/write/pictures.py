"""The pictures of a written video: packets copied unchanged by a plan, or encoded anew.

Encoded are stills held for a while, GIFs, frames in memory, exact cuts and codecs a file cannot hold: turned
upright, padded to even sizes (never cropped), timestamps kept; how pixels are to be shown (shape, range,
colours) is kept too, see `appearance`. Knows packets, readers and PyAV's video encoders; nothing of sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from soundvcm.errors import MediaError
from soundvcm.media.read.frame_range import FrameRange
from soundvcm.media.read.frame_reader import DecodedFrame
from soundvcm.media.read.resize import Orientation
from soundvcm.media.read.source import open_media, source_name
from soundvcm.media.write.appearance import INTERLACED, Appearance
from soundvcm.media.write.containers import copy_track
from soundvcm.media.write.packet_plan import LONGEST_REORDER, MOMENT, PacketPlan, seek_to, timed_packets
from soundvcm.timeline import Seconds

TICK = Fraction(1, 90_000)
_STILL_STEP = Fraction(1)
_STEADY_RATE = Fraction(25)
_ENCODERS = {
    ".webm": ("libvpx-vp9", {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"}),
    ".avi": ("mpeg4", {"qmin": "2", "qmax": "4", "b": "20000000", "bf": "0"}),
    "other": ("libx264", {"crf": "18", "preset": "veryfast", "bf": "0"}),
    "hdr": ("libx265", {"crf": "20", "preset": "veryfast", "x265-params": "log-level=none:bframes=0"}),
}


class CopiedPictures:
    """The planned packets, added to an output as one stream.

    Args:
        source: the file.
        plan: from `plan_copy`.
        shift: seconds added to all times (0 puts the asked start at 0).
    """

    def __init__(self, source: Any, plan: PacketPlan, shift: Fraction = Fraction(0)) -> None:
        self.source, self.plan, self.shift = source, plan, shift
        self.seconds: Fraction | None = plan.seconds
        self.messages: list[str] = []
        self._opened = open_media(source)
        self._container: Any = self._opened.__enter__()

    def close(self) -> None:
        """Close the input."""
        self._opened.__exit__(None, None, None)

    def attach(self, output: Any, suffix: str) -> None:
        """Add a stream with the input's parameters: codec, rotation and other side data, tag, language."""
        stream: Any = self._container.streams[self.plan.stream]
        copy = copy_track(output, stream, suffix)
        steady = suffix == ".avi" and self.plan.rate is not None  # AVI counts pictures
        self._fine = 1000 if self.plan.behind and self.plan.time_base > MOMENT else 1
        base = self.plan.time_base / self._fine
        copy.time_base = 1 / self.plan.rate if steady and self.plan.rate else base
        copy.metadata.update(stream.metadata)
        self._stream, self._copy = stream, copy
        self.stream = copy

    def packets(self, start: Fraction) -> Iterator[tuple[Fraction, Any]]:
        """(time of decoding in s, packet) in order; the asked start of the range lands on `shift` seconds."""
        plan = self.plan
        base = plan.time_base
        zero = plan.origin + round((start - self.shift) / base)
        seek_to(self._container, self._stream, plan.origin, plan.seek)
        left, begun, moments = plan.count, False, min(plan.behind.values(), default=None)
        for packet, pts, dts in timed_packets(self._container, self._stream, sought=plan.seek is not None):
            begun = begun or (packet.is_keyframe and pts == plan.first)
            if not begun or (start > 0 and pts < plan.first and plan.count - left < LONGEST_REORDER):
                continue
            if packet.size == 0:
                continue
            left -= 1
            shown = plan.behind.get(pts, Fraction(pts))
            if moments is not None:
                until = MOMENT / base if pts in plan.behind else min(packet.duration or 1, moments - pts)
                packet.duration = max(1, round(until * self._fine))
            elif left == 0 and (plan.hold or plan.last > (packet.duration or 0)):
                packet.duration = max(1, plan.last + round(plan.hold / base))
            packet.stream = self._copy
            packet.time_base = base / self._fine
            packet.pts, packet.dts = round((shown - zero) * self._fine), (dts - zero) * self._fine
            yield packet.dts * packet.time_base, packet
            if left == 0:
                return
        if left:
            raise MediaError(f"{source_name(self.source)}: changed while it was read")


class PacketQueue:
    """An iterator of (time, packet) that hands out what lies before a time."""

    def __init__(self, packets: Iterator[tuple[Fraction, Any]]) -> None:
        self._packets = packets
        self._next: tuple[Fraction, Any] | None = None
        self.ended = False

    def before(self, until: Fraction | None) -> Iterator[Any]:
        """The packets before `until` (s) that were not handed out yet; all of them for None."""
        while not self.ended:
            if self._next is None:
                self._next = next(self._packets, None)
                self.ended = self._next is None
            if self._next is None or (until is not None and self._next[0] >= until):
                return
            packet, self._next = self._next[1], None
            yield packet


class EncodedPictures:
    """A range of any source, encoded anew as H.264 (VP9 in WebM, MPEG-4 in AVI; HEVC where it is HDR).

    Args:
        source: a file, or frames in memory (then with fps).
        start: beginning of the range, s.
        seconds: its length; None to the end. A still picture needs it and is shown once a second.
        fps: of frames in memory.
        steady: at one rate, for files that cannot say when a picture is shown (AVI).
    """

    def __init__(
        self,
        source: Any,
        start: Fraction,
        seconds: Fraction | None,
        fps: Seconds | None = None,
        *,
        steady: bool = False,
    ) -> None:
        self.start, self.asked, self.steady = start, seconds, steady
        self._range = FrameRange(source, start, seconds, fps)
        self._range.__enter__()
        self._reader = self._range.reader
        self.is_still = self._range.is_still
        if self.is_still and seconds is None:
            self.close()
            raise MediaError(f"{self._reader.name}: is a still picture: say how long it is shown")
        self.seconds: Fraction | None = seconds
        self.messages: list[str] = []
        self._graph: Any = None
        self._turns: dict[int, Orientation] = {}

    def close(self) -> None:
        """Close the input."""
        self._range.close()

    def attach(self, output: Any, suffix: str) -> None:
        """Add the video stream to an output."""
        info = self._reader.info
        first, turn = self._frame(self._range.first.picture)
        self._look = Appearance.of(first, turn, info)
        width, height = info.width, info.height
        if suffix == ".webm" and self._look.aspect != 1:  # neither VP9 nor, by PyAV, WebM tells a shape
            width = round(width * self._look.aspect)
            self._look = replace(self._look, aspect=Fraction(1))
            self.messages.append(f"pictures are scaled to square pixels: {width}x{height}")
        even = width + width % 2, height + height % 2
        if even != (width, height):
            self.messages.append(f"{width}x{height} pictures are padded to {even[0]}x{even[1]} (even sizes)")
        kind = "hdr" if self._look.is_hdr and suffix not in (".webm", ".avi") else suffix
        name, options = _ENCODERS.get(kind, _ENCODERS["other"])
        self._look = replace(self._look, squeezed=name == "mpeg4")  # which has no place for the range
        rate = self._rate()
        self._tick = 1 / rate if self.steady else TICK
        once_a_second = self.is_still and not self.steady
        stream = output.add_stream(name, rate=1 if once_a_second else rate, options=dict(options))
        stream.width, stream.height = even
        context = stream.codec_context
        context.time_base = stream.time_base = self._tick
        if self._look.is_hdr and name != "libx265":
            self.messages.append(
                f"HDR pictures get 8 bits in {suffix}: use .mp4, .mov or .mkv for all of them"
            )
        if self._look.is_interlaced and name not in INTERLACED:
            self.messages.append(f"interlaced pictures are not marked as such in {suffix}")
        self._look.describe(stream, name)
        if name == "libx265" and suffix != ".mkv":
            context.codec_tag = "hvc1"
        self._stream, self._even = stream, even
        self.stream = stream

    def _rate(self) -> Fraction:
        rate = self._reader.info.frame_rate or _STEADY_RATE
        if self.is_still and self.steady:
            rate = _STEADY_RATE
        return rate.limit_denominator(1001)

    def packets(self, start: Fraction) -> Iterator[tuple[Fraction, Any]]:
        """(time in s, packet) in order; the range begins at 0."""
        waiting: dict[int, int] = {}
        for picture, begin, until in self._even_spaced() if self.steady else self._timed():
            frame = self._upright(picture)
            frame.pts, frame.time_base = round(begin / self._tick), self._tick
            waiting[frame.pts] = max(1, round(until / self._tick) - frame.pts)
            yield from self._ready(self._stream.encode(frame), waiting)
        yield from self._ready(self._stream.encode(None), waiting)

    def _ready(self, packets: list[Any], waiting: dict[int, int]) -> Iterator[tuple[Fraction, Any]]:
        for packet in packets:
            base, tick = packet.time_base, self._tick
            packet.duration = (
                round(waiting.pop(round(packet.pts * base / tick), 0) * tick / base) or packet.duration
            )
            yield packet.dts * base, packet

    def _even_spaced(self) -> Iterator[tuple[Any, Fraction, Fraction]]:
        """As `_timed`, at the times k / rate: the picture on screen then."""
        k = 0
        for picture, _, until in self._timed():
            while k * self._tick < until:
                yield picture, k * self._tick, (k + 1) * self._tick
                k += 1

    def _timed(self) -> Iterator[tuple[Any, Fraction, Fraction]]:
        """(picture, time it appears, time it goes) from the start of the range on."""
        if self.is_still:
            assert self.asked is not None
            for k in range(-int(-self.asked // _STILL_STEP)):
                yield self._range.first.picture, k * _STILL_STEP, min(self.asked, (k + 1) * _STILL_STEP)
            return
        for held, following in self._range.pictures():
            until = following if following is not None else self._end(held)
            if until > self.start:
                yield held.picture, max(Fraction(0), held.time - self.start), until - self.start
        if self._reader.seconds is not None:
            there = self._reader.seconds - self.start
            self.seconds = there if self.asked is None else min(self.asked, max(there, TICK))

    def _end(self, last: DecodedFrame) -> Fraction:
        if self.asked is not None:
            whole = self._reader.seconds
            end = self.start + self.asked
            return end if whole is None else min(end, max(whole, last.time + TICK))
        return self._reader.seconds if self._reader.seconds is not None else last.time + last.duration

    def _frame(self, picture: Any) -> tuple[Any, Orientation]:
        import av

        if isinstance(picture, np.ndarray):
            array = np.ascontiguousarray(picture)
            return av.VideoFrame.from_ndarray(array, format="rgb24"), Orientation()
        return picture, Orientation.seen(picture, self._turns)

    def _upright(self, picture: Any) -> Any:
        frame, turn = self._frame(picture)
        key = (frame.width, frame.height, frame.format.name, turn)
        if self._graph is None or self._graph[0] != key:
            self._graph = (key, *_graph(frame, turn, *self._even, self._look, self._stream.pix_fmt))
        frame.pts = None
        self._graph[1].push(frame)
        return self._graph[1].pull()


def _graph(
    frame: Any, turn: Orientation, width: int, height: int, look: Appearance, pix_fmt: str
) -> tuple[Any, ...]:
    import av.filter

    graph = av.filter.Graph()
    chain = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=TICK)]
    if turn.transpose:
        chain.append(graph.add("transpose", "cclock_flip"))
    if turn.flip_x:
        chain.append(graph.add("hflip"))
    if turn.flip_y:
        chain.append(graph.add("vflip"))
    turned = (frame.height, frame.width) if turn.transpose else (frame.width, frame.height)
    if width - turned[0] not in (0, 1) or height - turned[1] not in (0, 1):
        chain.append(graph.add("scale", f"{width}:{height}"))  # the size changes within the stream
    chain.append(graph.add("pad", f"{width}:{height}:0:0"))
    if look.full or look.is_interlaced:
        out = "tv" if look.squeezed else "full"
        ranges = f"in_range=full:out_range={out}" if look.full else "in_range=auto"
        chain.append(graph.add("scale", f"{ranges}:interl={int(look.is_interlaced)}"))
    chain.append(graph.add("format", pix_fmt))
    chain.append(graph.add("buffersink"))
    for one, following in zip(chain, chain[1:], strict=False):
        one.link_to(following)
    graph.configure()
    return graph, *chain
