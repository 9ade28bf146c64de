"""What stands beside the pictures and the new sound of a video: title, date, chapters, subtitles, timecode,
and the sound it has already, whose tracks are copied or encoded anew (case 16).

Moved and cut for a part; what a kind of file cannot hold is named in one line. Knows containers and tracks;
of pictures only the moment at which they begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from itertools import chain, pairwise
from typing import Any

from soundvcm.errors import OptionError
from soundvcm.media.read.frame_clock import tidy_rate
from soundvcm.media.read.sound import SoundReader
from soundvcm.media.read.source import av_errors, codec_name, open_media, sound_streams, video_streams
from soundvcm.media.read.tags import tags_in
from soundvcm.media.read.timecode import Timecode
from soundvcm.media.write.containers import MP4_KIN, has_dolby_vision, lost_metadata
from soundvcm.media.write.encode_sound import SoundEncoder, codec_rate

#: what a muxer writes itself, and what would be wrong in the new file
_OF_THE_FILE = frozenset(
    "major_brand minor_version compatible_brands encoder comment timecode duration "
    "number_of_frames number_of_bytes _statistics_writing_app _statistics_writing_date_utc _statistics_tags "
    "bps handler_name vendor_id software".split()
)
_DOLBY_VISION = (".mp4", ".m4v", ".mkv")
_BLOCK_SECONDS = 1
_SEEK_BACK = (0, 5)
_FINE = Fraction(1, 1000)


def _kept_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """The facts of a file or track that hold for a copy too: title, date, place, artist, language ..."""
    return {name: value for name, value in metadata.items() if name.split("-")[0].lower() not in _OF_THE_FILE}


def format_options(suffix: str, source: Any = None) -> dict[str, str]:
    """Options of the muxer for a kind of file and, where its pictures are copied, for what a source tells.

    Phones write names of their own ("com.apple.quicktime.make"), and Dolby Vision has a record of its own:
    both are kept in MP4 and its kin only when asked for.
    """
    if suffix not in MP4_KIN:
        return {}
    found = {"movflags": "+faststart"}
    if source is not None:
        with open_media(source, decodes=False) as container:
            if any(name.startswith("com.") for name in container.metadata):
                found["movflags"] += "+use_metadata_tags"
            if suffix != ".mov" and any(has_dolby_vision(stream) for stream in video_streams(container)[:1]):
                found["strict"] = "unofficial"
    return found


def mark_default(stream: Any) -> None:
    """Mark a track as the one that players take."""
    from av.stream import Disposition

    stream.disposition = Disposition.default.value  # PyAV before 18 takes the number only


class Beside:
    """The things beside the pictures of one source, for one output.

    Args:
        source: the file.
        start: beginning of the range, s since the first picture.
        zero: the file's own time (s) of that beginning.
        lead: seconds in the output before the range begins.
    """

    def __init__(self, source: Any, start: Fraction, zero: Fraction, lead: Fraction) -> None:
        self._start, self._zero, self._lead = start, zero, lead
        self.messages: list[str] = []
        self._stack = ExitStack()
        self._container: Any = self._stack.enter_context(open_media(source, decodes=False))
        self._copies: dict[int, Any] = {}

    def close(self) -> None:
        """Close the input."""
        self._stack.close()

    def describe(
        self, output: Any, suffix: str, options: dict[str, str], pictures: Any, copied: bool
    ) -> None:
        """Title, date and the like of the file; marks and timecode of the picture track.

        Args:
            output: the new file.
            suffix: its kind.
            options: of its muxer.
            pictures: its picture track.
            copied: whose packets are those of the source.
        """
        told = dict(self._container.metadata)
        kept = _kept_metadata(told)
        lost = lost_metadata(suffix, kept, options)
        if "comment" in map(str.lower, told) and not tags_in(told):
            lost.append("comment")  # its place is that of our own tags
        if lost:
            self.messages.append(f"metadata left out, for which {suffix} has no place: {', '.join(lost)}")
        output.metadata.update({name: value for name, value in kept.items() if name not in lost})
        stream: Any = video_streams(self._container)[0]
        if has_dolby_vision(stream) and not (copied and suffix in _DOLBY_VISION):
            why = f"{suffix} has no place for it" if copied else "the pictures are encoded anew"
            self.messages.append(f"Dolby Vision record left out: {why}")
        others = [one for one in self._container.streams.video if one.index != stream.index]
        if others:
            self.messages.append(f"{len(others)} other picture track(s) or cover(s) left out")
        pictures.disposition = stream.disposition.value
        timecode = self._timecode(stream)
        for name in ("timecode", "TIMECODE"):
            pictures.metadata.pop(name, None)
        if timecode is not None:
            pictures.metadata["timecode"] = timecode

    def _timecode(self, stream: Any) -> str | None:
        rate = tidy_rate(stream.average_rate or stream.guessed_rate)
        for place in (stream, *self._container.streams, self._container):
            words = place.metadata.get("timecode") or place.metadata.get("TIMECODE")
            if words and rate:
                try:
                    return str(Timecode.read(words, rate).later(self._start))
                except OptionError:
                    self.messages.append(f"timecode {words!r} cannot be read: left out")
                    return None
        return None

    def attach(self, output: Any) -> None:
        """Add the subtitle tracks and attachments that the output can hold; the others are named."""
        import av

        left: list[str] = []
        for stream in self._container.streams:
            if stream.type not in ("subtitle", "attachment", "data"):
                continue
            if stream.type == "data" and (stream.metadata.get("timecode") or self._is_chapters(stream)):
                continue  # written anew from the timecode and the chapters
            fonts = stream.type == "attachment" and output.format.name == "matroska"
            try:
                if stream.type != "subtitle" and not fonts:
                    raise ValueError("no place for it")
                self._add(output, stream)
            except (ValueError, AttributeError, av.FFmpegError):
                codec = "" if stream.codec_context is None else f" ({codec_name(stream)})"
                left.append(f"{stream.type}{codec}")
        for kind in dict.fromkeys(left):
            count = left.count(kind)
            self.messages.append(f"{count} {kind} track(s) left out: {output.format.name} does not hold them")

    def _chapters(self) -> list[Any]:
        # PyAV 15 knows none: results have no chapters there.
        read = getattr(self._container, "chapters", None)
        return list(read()) if read is not None else []

    def _is_chapters(self, stream: Any) -> bool:
        """QuickTime keeps the titles of chapters in a track of their own."""
        count = len(self._chapters())
        return "mov" in self._container.format.name and 0 < count == stream.frames

    def _add(self, output: Any, stream: Any) -> None:
        if stream.type == "attachment":
            output.add_stream_from_template(stream)
            return
        copy = output.add_stream_from_template(stream, opaque=True)
        copy.time_base = stream.time_base or Fraction(1, 1000)
        copy.metadata.update(_kept_metadata(dict(stream.metadata)))
        copy.disposition = stream.disposition.value
        self._copies[stream.index] = copy

    def set_chapters(self, output: Any, seconds: Fraction | None) -> None:
        """Chapters of the range, moved to the times of the output."""
        moved: list[Any] = []
        for chapter in self._chapters():
            base = chapter["time_base"] or Fraction(1, 1000)
            begin, end = chapter["start"] * base - self._zero, chapter["end"] * base - self._zero
            begin, end = max(Fraction(0), begin), end if seconds is None else min(end, seconds)
            if end <= begin:
                continue
            begin = begin + self._lead if begin else begin  # the lead belongs to the first chapter
            times = {"start": round(begin * 1000), "end": round((end + self._lead) * 1000)}
            told = dict(chapter["metadata"])
            moved.append({"id": len(moved) + 1, **times, "time_base": Fraction(1, 1000), "metadata": told})
        if moved:
            output.set_chapters(moved)

    def packets(self, seconds: Fraction | None) -> Iterator[tuple[Fraction, Any]]:
        """(time in s, packet) of the subtitles of the range, in order."""
        streams = [self._container.streams[number] for number in self._copies]
        if not streams:
            return
        for packet in self._container.demux(*streams):
            if packet.pts is None or packet.size == 0:
                continue
            base = packet.stream.time_base or Fraction(1, 1000)
            begin = packet.pts * base - self._zero
            end = begin + (packet.duration or 0) * base
            if end <= 0 or (seconds is not None and begin >= seconds):
                continue
            begin, end = max(Fraction(0), begin), end if seconds is None else min(end, seconds)
            packet.stream = self._copies[packet.stream.index]
            packet.time_base = base
            packet.pts = packet.dts = round((begin + self._lead) / base)
            packet.duration = max(1, round((end - begin) / base))
            yield packet.pts * base, packet


class CopiedTrack:
    """The packets of one sound track, copied.

    Args:
        source: the file.
        track: number of the sound track.
        zero: the file's own time (s) that becomes `shift` in the output.
        whole: the range begins with the file, so its priming packets are kept.
        shift: see zero.
    """

    def __init__(
        self, source: Any, track: int, zero: Fraction, whole: bool, shift: Fraction = Fraction(0)
    ) -> None:
        self.zero, self.whole, self.shift = zero, whole, shift
        self._source, self._track = source, track
        self._open()

    def _open(self) -> None:
        self._opened = open_media(self._source)
        self._container: Any = self._opened.__enter__()
        self._stream: Any = sound_streams(self._container)[self._track]

    def attach(self, output: Any) -> None:
        """Add the track to an output."""
        self._copy = output.add_stream_from_template(self._stream)
        base = self._stream.time_base or Fraction(1, 1000)
        self._fine = 1 if base <= _FINE else 1000  # AVI counts whole frames of MP3
        self._copy.time_base = base / self._fine
        self._copy.metadata.update(_kept_metadata(dict(self._stream.metadata)))
        self._copy.disposition = self._stream.disposition.value

    def grows(self, seconds: Fraction | None) -> bool:
        """Whether each packet of the range begins after the one before, without which none can be copied.

        Reads the track, and closes the input.
        """
        times = [packet.pts for packet in self._chosen(seconds)]
        self.close()
        return all(one < following for one, following in pairwise(times))

    def _chosen(self, seconds: Fraction | None) -> Iterator[Any]:
        base = self._stream.time_base or Fraction(1, 1000)
        for packet in self._sought(base):
            if packet.pts is None:
                continue
            time = packet.pts * base - self.zero
            if time < 0 and not self.whole:
                continue
            if seconds is not None and time >= seconds:
                return
            yield packet

    def _sought(self, base: Fraction) -> Iterator[Any]:
        """Packets from some way before the range on; all of them where a seek fails or lands behind it."""
        for back in () if self.whole else _SEEK_BACK:
            with suppress(*av_errors(), OSError):
                self._container.seek(int((self.zero - back) / base), stream=self._stream, backward=True)
                packets = self._container.demux(self._stream)
                first = next(packets, None)
                if first is not None and first.pts is not None and first.pts * base <= self.zero:
                    return chain([first], packets)
        if not self.whole:
            self.close()
            self._open()
        return iter(self._container.demux(self._stream))

    def packets(self, seconds: Fraction | None) -> Iterator[tuple[Fraction, Any]]:
        """(time in s, packet) of the range of that length."""
        base = (self._stream.time_base or Fraction(1, 1000)) / self._fine
        move = round((self.zero - self.shift) / base)
        for packet in self._chosen(seconds):
            packet.stream = self._copy
            packet.time_base = base
            packet.pts = packet.dts = packet.pts * self._fine - move
            packet.duration = (packet.duration or 0) * self._fine
            yield packet.dts * base, packet

    def close(self) -> None:
        """Close the input."""
        self._opened.__exit__(None, None, None)


class EncodedTrack:
    """One sound track encoded anew, for files that cannot hold its codec. Arguments as for `CopiedTrack`."""

    def __init__(
        self, source: Any, track: int, zero: Fraction, encoder: str, shift: Fraction = Fraction(0)
    ) -> None:
        with open_media(source) as container:
            stream: Any = sound_streams(container)[track]
            rate, channels = stream.rate or 48_000, min(2, stream.channels or 2)
            self._metadata, self._marks = _kept_metadata(dict(stream.metadata)), stream.disposition.value
        self._encoder_name, self._shift = encoder, shift
        self._rate, self._channels = codec_rate(encoder, rate), channels
        self._sound = SoundReader(source, track, zero=zero, rate=self._rate, channels=channels)

    def attach(self, output: Any) -> None:
        """Add the track to an output."""
        self._encoder = SoundEncoder(output, self._encoder_name, self._rate, self._channels, self._shift)
        self._encoder.stream.metadata.update(self._metadata)
        self._encoder.stream.disposition = self._marks

    def packets(self, seconds: Fraction | None) -> Iterator[tuple[Fraction, Any]]:
        """(time in s, packet) of the range of that length."""
        done, total = 0, None if seconds is None else round(seconds * self._rate)
        while not self._sound.ended and (total is None or done < total):
            count = _BLOCK_SECONDS * self._rate
            count = count if total is None else min(count, total - done)
            wave = self._sound.take(count)
            for packet in self._encoder.encode(wave):
                yield Fraction(done, self._rate), packet
            done += count
        for packet in self._encoder.finish():
            yield Fraction(done, self._rate), packet

    def close(self) -> None:
        """Close the input."""
        self._sound.close()


KeptTrack = CopiedTrack | EncodedTrack
