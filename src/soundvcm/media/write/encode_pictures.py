"""Pictures => packets: for stills held for a while, GIFs, frames in memory, exact cuts and codecs a file
cannot hold.

Turned upright, padded to even sizes (never cropped), timestamps kept. Knows readers and PyAV's video
encoders.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from soundvcm.errors import MediaError
from soundvcm.media.read.frame_range import FrameRange
from soundvcm.media.read.frame_reader import DecodedFrame
from soundvcm.media.read.resize import Orientation
from soundvcm.timeline import Seconds

TICK = Fraction(1, 90_000)
_STILL_STEP = Fraction(1)
_ENCODERS = {
    ".webm": ("libvpx-vp9", {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"}),
    "other": ("libx264", {"crf": "18", "preset": "veryfast", "bf": "0"}),
}


class EncodedPictures:
    """A range of any source, encoded anew as H.264 (VP9 in WebM).

    Args:
        source: a file, or frames in memory (then with fps).
        start: beginning of the range, s.
        seconds: its length; None to the end. A still picture needs it and is shown once a second.
        fps: of frames in memory.
    """

    def __init__(
        self, source: Any, start: Fraction, seconds: Fraction | None, fps: Seconds | None = None
    ) -> None:
        self.start, self.asked = start, seconds
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
        name, options = _ENCODERS.get(suffix, _ENCODERS["other"])
        width, height = self._reader.info.width, self._reader.info.height
        even = width + width % 2, height + height % 2
        if even != (width, height):
            self.messages.append(f"{width}x{height} pictures are padded to {even[0]}x{even[1]} (even sizes)")
        rate = self._reader.info.frame_rate or Fraction(25)
        stream = output.add_stream(
            name, rate=1 if self.is_still else rate.limit_denominator(1001), options=options
        )
        stream.width, stream.height = even
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = TICK
        stream.time_base = TICK
        self._stream, self._even = stream, even

    def packets(self, start: Fraction) -> Iterator[tuple[Fraction, Any]]:
        """(time in s, packet) in order; the range begins at 0."""
        waiting: dict[int, int] = {}
        for picture, begin, until in self._timed():
            frame = self._upright(picture)
            frame.pts, frame.time_base = round(begin / TICK), TICK
            waiting[frame.pts] = max(1, round(until / TICK) - frame.pts)
            yield from self._ready(self._stream.encode(frame), waiting)
        yield from self._ready(self._stream.encode(None), waiting)

    def _ready(self, packets: list[Any], waiting: dict[int, int]) -> Iterator[tuple[Fraction, Any]]:
        for packet in packets:
            base = packet.time_base
            packet.duration = (
                round(waiting.pop(round(packet.pts * base / TICK), 0) * TICK / base) or packet.duration
            )
            yield packet.dts * base, packet

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

    def _upright(self, picture: Any) -> Any:
        import av

        turn = Orientation()
        if isinstance(picture, np.ndarray):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        else:
            turn = Orientation.seen(picture, self._turns)
        key = (picture.width, picture.height, picture.format.name, turn)
        if self._graph is None or self._graph[0] != key:
            self._graph = (key, *_graph(picture, turn, *self._even))
        picture.pts = None
        self._graph[1].push(picture)
        return self._graph[1].pull()


def _graph(frame: Any, turn: Orientation, width: int, height: int) -> tuple[Any, ...]:
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
    chain.append(graph.add("format", "yuv420p"))
    chain.append(graph.add("buffersink"))
    for one, following in zip(chain, chain[1:], strict=False):
        one.link_to(following)
    graph.configure()
    return graph, *chain
