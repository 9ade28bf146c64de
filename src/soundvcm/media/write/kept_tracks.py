"""The sound tracks a video already has, kept as tracks of their own: copied, or encoded anew (case 16).

Knows sound tracks and their times; nothing of pictures beyond the moment at which they begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from soundvcm.media.read.sound import SoundReader
from soundvcm.media.read.source import open_media, sound_streams
from soundvcm.media.write.beside import kept_metadata
from soundvcm.media.write.encode_sound import SoundEncoder, codec_rate

_BLOCK_SECONDS = 1


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
        self._opened = open_media(source)
        self._container: Any = self._opened.__enter__()
        self._stream: Any = sound_streams(self._container)[track]

    def attach(self, output: Any) -> None:
        """Add the track to an output."""
        self._copy = output.add_stream_from_template(self._stream)
        self._copy.time_base = self._stream.time_base or Fraction(1, 1000)
        self._copy.metadata.update(kept_metadata(dict(self._stream.metadata)))
        self._copy.disposition = self._stream.disposition.value

    def packets(self, seconds: Fraction | None) -> Iterator[tuple[Fraction, Any]]:
        """(time in s, packet) of the range of that length."""
        base = self._stream.time_base or Fraction(1, 1000)
        move = round((self.zero - self.shift) / base)
        if not self.whole:
            self._container.seek(int(self.zero / base), stream=self._stream, backward=True)
        for packet in self._container.demux(self._stream):
            if packet.pts is None:
                continue
            time = packet.pts * base - self.zero
            if time < 0 and not self.whole:
                continue
            if seconds is not None and time >= seconds:
                return
            packet.stream = self._copy
            packet.time_base = base
            packet.pts -= move
            packet.dts = packet.pts
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
