"""The sound tracks a video already has, kept as tracks of their own: copied, or encoded anew (case 16).

Knows sound tracks and their times; nothing of pictures beyond the moment at which they begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain, pairwise
from typing import Any

from soundvcm.media.read.sound import SoundReader
from soundvcm.media.read.source import av_errors, open_media, sound_streams
from soundvcm.media.write.beside import kept_metadata
from soundvcm.media.write.encode_sound import SoundEncoder, codec_rate

_BLOCK_SECONDS = 1
_SEEK_BACK = (0, 5)
_FINE = Fraction(1, 1000)


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
        self._copy.metadata.update(kept_metadata(dict(self._stream.metadata)))
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
            self._metadata, self._marks = kept_metadata(dict(stream.metadata)), stream.disposition.value
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
