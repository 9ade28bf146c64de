"""Pictures of a file, in order of showing, each with its exact time: one pass, stopped early, begun anywhere.

Knows the container and the decoder; does not know what the pictures are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from soundvcm.clusters import core_count
from soundvcm.errors import MediaError
from soundvcm.media.read.frame_clock import FrameClock, tidy_rate
from soundvcm.media.read.resize import Orientation
from soundvcm.media.read.source import (
    codec_name,
    demuxed,
    is_picture_format,
    is_rereadable,
    is_tiled,
    open_media,
    reason,
    sound_streams,
    source_name,
    tells_showing_times,
    unknown_streams,
    video_streams,
    why_no_pictures,
)
from soundvcm.media.read.video_info import VideoInfo

if TYPE_CHECKING:
    from av import VideoFrame

SEEK_FROM = Fraction(2)
_DECODER_THREADS = 8
_SEEK_TRIES = (Fraction(0), Fraction(5))
_FIELDS = {1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}  # FFmpeg's AVFieldOrder
_SEEK_FURTHER = (Fraction(5), Fraction(20))


@dataclass
class DecodedFrame:
    """One picture as shown: number in the file (None after a seek into variable rate), time and duration in
    seconds.
    """

    index: int | None
    time: Fraction
    duration: Fraction
    picture: Any


@dataclass
class _Counts:
    errors: int = 0
    stopped: str | None = None
    seeks: int = 0
    empty_until: int | None = None


@dataclass
class FrameReader:
    """A video source being read; use it as a context manager.

    After `frames` has run to the end of the file, `seconds` is its exact length; before that it is None.
    `decodes`: as in `open_media`; without it only what the container says is known.

    Raises:
        MediaError: if the source holds no picture that can be decoded.
    """

    source: Any
    name: str = ""
    info: VideoInfo = field(default_factory=VideoInfo)
    seconds: Fraction | None = None
    is_picture: bool = False
    is_tiled: bool = False
    decodes: bool = True
    _counts: _Counts = field(default_factory=_Counts)

    def __enter__(self) -> Self:
        self.name = source_name(self.source)
        self._opened = open_media(self.source, decodes=self.decodes)
        self._container = self._opened.__enter__()
        try:
            self._choose()
        except BaseException:
            self._opened.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def _choose(self) -> None:
        container = self._container
        streams = video_streams(container)
        if not streams:
            what = why_no_pictures(container)
            raise MediaError(f"{self.name}: holds {what}: give a video, an image or a GIF")
        self.is_tiled = is_tiled(container)
        stream: Any = streams[0]
        self._stream, context = stream, stream.codec_context
        context.thread_type = "AUTO"
        context.thread_count = min(core_count(), _DECODER_THREADS)
        self.is_picture = is_picture_format(container)
        base = self._stream.time_base or Fraction(1, 1000)
        claimed, unknown = self._claimed(base), unknown_streams(container)
        rates = [self._stream.base_rate, self._stream.average_rate, self._stream.guessed_rate]
        if self._stream.average_rate and self._stream.base_rate and self._stream.base_rate > 120:
            rates = rates[1:]  # a base rate of 1000 or 90000 is only the tick of a variable stream
        self._counted = not tells_showing_times(container, stream)
        self._clock = FrameClock(base, rates, claimed, counts=self._counted)
        self.info = VideoInfo(
            width=self._stream.width,
            height=self._stream.height,
            frame_rate=tidy_rate(self._stream.average_rate or self._stream.guessed_rate),
            pix_fmt=context.pix_fmt,
            codec=codec_name(self._stream),
            container=container.format.name,
            pixel_aspect=self._stream.sample_aspect_ratio or Fraction(1),
            has_alpha=self._stream.metadata.get("alpha_mode") == "1",
            start_time=(self._stream.start_time or 0) * base,
            claimed_seconds=claimed,
            audio_streams=len(sound_streams(container)),
            video_streams=len(streams),
            unknown_streams=sum(unknown),
            unknown_audio=unknown[1],
            rates=tuple(rate for rate in (stream.base_rate, stream.average_rate) if rate),
            is_encoded=self.is_picture,
            stream=stream.index,
        )

    def _claimed(self, base: Fraction) -> Fraction | None:
        stream, container = self._stream, self._container
        if stream.duration and stream.duration > 0:
            return Fraction(stream.duration) * base
        if not container.duration or container.duration <= 0:
            return None
        late = (stream.start_time or 0) * base - Fraction(container.start_time or 0, 1_000_000)
        length = Fraction(container.duration, 1_000_000) - max(Fraction(0), late)
        return length if length > 0 else None

    @property
    def sought(self) -> bool:
        """Reading did not begin at the beginning."""
        return self._counts.seeks > 0

    @property
    def claim_is_of_video(self) -> bool:
        """The claimed length is that of the pictures, not of a longer sound track."""
        return bool(self._stream.duration) or not self._container.streams.audio

    def frames(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> Iterator[DecodedFrame]:
        """Pictures from the one on screen at `start` up to `end` (s since the first picture); decoding stops
        there.

        Earlier pictures may come first (the caller holds the last one). A long way in, it seeks to the key
        frame before `start`; where seeking fails or lands late, the file is read from its beginning.
        """
        frames = self._decoded()
        first = next(frames, None)
        if first is None:
            what = f" ({self._counts.stopped})" if self._counts.stopped else ""
            if self._container.format.name == "webp_pipe" and self._counts.stopped:
                what += ": FFmpeg decodes no animated WebP: if it is one, save it as GIF, APNG or MP4"
            raise MediaError(f"{self.name}: no picture in it can be decoded{what}")
        if start >= SEEK_FROM and not self.is_picture and self._clock.counted == 0:
            sought = self._seek(start)
            if sought is not None:
                first, frames = sought
        self.info.origin = self._clock.origin or 0
        yield first
        for item in frames:
            if end is not None and item.time >= end:
                return
            yield item
        self.seconds = self._clock.end()
        if self._counts.empty_until is not None:
            self.seconds = max(self.seconds, self._clock.time_of(self._counts.empty_until))

    def _seek(self, start: Fraction) -> tuple[DecodedFrame, Iterator[DecodedFrame]] | None:
        import av

        if not is_rereadable(self.source):
            return None
        for back in _SEEK_FURTHER if self._counted else _SEEK_TRIES:
            try:
                target = self._clock.pts_of(max(Fraction(0), start - back))
                self._container.seek(target, stream=self._stream, backward=True)
            except (av.FFmpegError, OSError, OverflowError):
                break
            self._clock.after_seek()
            frames = self._decoded(sought=True)
            first = next(frames, None)
            if first is not None and 0 <= first.time <= start:
                self._counts.seeks += 1
                return first, frames
        return self._reopen()

    def _reopen(self) -> tuple[DecodedFrame, Iterator[DecodedFrame]] | None:
        self._opened.__exit__(None, None, None)
        self._counts = _Counts()
        self.__enter__()
        frames = self._decoded()
        first = next(frames, None)
        if first is None:
            raise MediaError(f"{self.name}: cannot be read again from its beginning")
        return first, frames

    def _decoded(self, *, sought: bool = False) -> Iterator[DecodedFrame]:
        import av

        clock, count = self._clock, 0
        for packet in self._packets(sought):
            if packet.size == 0 and packet.dts is not None:  # "as before" (Theora, AVI): nothing to decode
                ticks = packet.dts if packet.pts is None else packet.pts
                self._counts.empty_until = ticks + (packet.duration or 0)
                count += 1
                continue
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError, RuntimeError) as error:
                if isinstance(error, av.error.EOFError):
                    return
                self._counts.errors += 1
                self._counts.stopped = reason(error)
                continue
            for frame in frames:
                self._note(frame)
                placed = clock.place(frame.pts, frame.duration)
                if placed is not None:
                    time, duration = placed
                    yield DecodedFrame(clock.index_at(time) if sought else count, time, duration, frame)
                count += 1

    def _packets(self, sought: bool) -> Iterator[Any]:
        import av

        try:
            yield from demuxed(self._container, self._stream, sought=sought)
        except (av.FFmpegError, OSError, IndexError) as error:  # PyAV: a track that begins later
            self._counts.stopped = reason(error)
            yield from self._flush()

    def _flush(self) -> Iterator[Any]:
        import av

        packet: Any = av.Packet()
        packet.stream = self._stream
        yield packet

    def _note(self, frame: VideoFrame) -> None:
        if self._clock.shown:
            return
        turned = frame.rotation % 180 != 0
        info = self.info
        info.rotation, info.mirrored = frame.rotation, Orientation.of(frame).mirrors
        info.width, info.height = (frame.height, frame.width) if turned else (frame.width, frame.height)
        info.pix_fmt = frame.format.name
        if frame.interlaced_frame:
            order = getattr(self._stream.codec_context, "field_order", 1)  # PyAV 15 does not tell it
            info.fields = _FIELDS.get(order, "bb" if info.codec == "dvvideo" else "tt")
        if frame.pts is not None:
            info.start_time = frame.pts * self._clock.time_base

    def warnings(self) -> list[str]:
        """What a user should know of the pictures read so far; complete after `frames` has ended."""
        found = self._clock.warnings()
        info = self.info
        if info.video_streams > 1 and not self.is_picture:  # a sequence has its cover as a track
            found.insert(0, f"{info.video_streams} video streams: using stream {self._stream.index}")
        if info.unknown_streams:
            found.insert(0, f"{info.unknown_streams} track(s) in an unknown coding: not used")
        short = None
        if self.seconds is not None and info.claimed_seconds is not None and self.claim_is_of_video:
            slack = max(Fraction(1, 10), 3 * self._clock.last_duration, info.claimed_seconds / 100)
            if info.claimed_seconds - self.seconds > slack:
                short = (
                    f"the file claims {float(info.claimed_seconds):.3f} s but only "
                    f"{float(self.seconds):.3f} s can be decoded (cut short or damaged): "
                    "the decodable part is used"
                )
                found.append(short)
        if self._counts.errors and short is None:
            found.append(f"{self._counts.errors} damaged part(s) could not be decoded")
        return [f"{self.name}: {text}" for text in found]
