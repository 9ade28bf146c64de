"""Samples => packets: one sound track of an output file, with timestamps that start at exactly 0 (case 20).

Knows PyAV's encoders; nothing of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from soundvcm.errors import MediaError, OptionError, SoundVCMError
from soundvcm.media.audio.levels import to_integers
from soundvcm.media.audio.loudness import Wave
from soundvcm.media.read.source import reason
from soundvcm.media.write.target import named_by

if TYPE_CHECKING:
    from av.container import OutputContainer

BLOCK = 4096
_PLANES = 8  # PyAV 18 fills seven at most
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_RATES = {"libopus": OPUS_RATES, "aac": AAC_RATES, "libmp3lame": MP3_RATES}
_BIT_RATE = {"aac": (64_000, 64_000), "libopus": (64_000, 48_000), "libmp3lame": (96_000, 64_000)}


def codec_rate(codec: str, rate: int) -> int:
    """The sample rate to use with an encoder: the rate itself, or the next higher one that it knows (or its
    highest).

    Raises:
        OptionError: outside 1000 .. 655350 Hz.
    """
    if not 1000 <= rate <= 655_350:
        raise OptionError(f"a sample rate is between 1000 and 655350, not {rate}")
    if codec not in _RATES or rate in _RATES[codec]:
        return rate
    if codec == "libopus":
        return OPUS_RATES[-1]
    return min((known for known in _RATES[codec] if known > rate), default=_RATES[codec][-1])


@contextmanager
def open_output(
    path: Path, kind: str | None = None, options: dict[str, str] | None = None
) -> Iterator[OutputContainer]:
    """An output container, closed in any case; FFmpeg's errors become MediaError.

    Args:
        path: file to write.
        kind: FFmpeg's name of the format, None to go by the suffix.
        options: of the format.
    """
    import av

    container = None
    try:
        container = av.open("file:" + str(path.absolute()), "w", format=kind, options=options or {})
        yield container
        container.close()
        container = None
    except SoundVCMError:
        raise
    except (av.FFmpegError, ValueError, NotImplementedError, OverflowError) as error:
        raise MediaError(f"{named_by(path)}: cannot be written ({reason(error)})") from None
    finally:
        if container is not None:
            _abandon(container)


def _abandon(container: OutputContainer) -> None:
    import av

    try:
        container.close()
    except (av.FFmpegError, ValueError, OSError):
        return


class SoundEncoder:
    """Encodes one track; give it blocks of any length, in order.

    Args:
        container: output to which the track is added.
        codec: FFmpeg's encoder name (aac, libopus, flac, pcm_s16le, pcm_f32le, libvorbis, libmp3lame).
        sample_rate: of the samples; one that the codec can hold.
        channels: 1 or more.
        start: time of the first sample, s.

    Raises:
        OptionError: if the codec does not hold that many channels.
    """

    def __init__(
        self,
        container: OutputContainer,
        codec: str,
        sample_rate: int,
        channels: int,
        start: Fraction = Fraction(0),
    ) -> None:
        import av

        layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")
        options = {"strict": "experimental"} if codec in ("flac", "libopus") else {}
        self.stream: Any = container.add_stream(codec, rate=sample_rate, options=options, layout=layout)
        context: Any = self.stream.codec_context
        formats = [form.name for form in av.codec.Codec(codec, "w").audio_formats or []]
        self.form = next((form for form in ("fltp", "flt", "s16", "s32") if form in formats), "fltp")
        if codec in ("flac", "pcm_s16le"):
            self.form = "s16"
        context.format = self.form
        context.time_base = Fraction(1, sample_rate)
        if codec in _BIT_RATE:
            first, more = _BIT_RATE[codec]
            top = {"aac": 6 * sample_rate * channels}.get(codec, 10**9)  # the most an AAC frame can hold
            context.bit_rate = min(top, (first + more * (channels - 1)) * (2 if sample_rate > 24_000 else 1))
        try:
            if self.form.endswith("p") and channels >= _PLANES:
                raise ValueError("too many channels")
            context.open()
        except (av.FFmpegError, ValueError):
            raise OptionError(
                f"{codec} does not hold {channels} channels at {sample_rate} Hz: use 1 or 2, or .wav"
            ) from None
        self.sample_rate, self.channels, self.layout = sample_rate, channels, layout
        self._size = context.frame_size or BLOCK
        self._left = np.zeros((channels, 0), dtype=np.float32)
        self._pts = round(start * sample_rate)
        self.samples = 0

    def encode(self, wave: Wave) -> list[Any]:
        """Packets for [c, s]; what does not fill a codec frame waits for the next block."""
        joined = np.concatenate([self._left, wave], axis=1)
        packets: list[Any] = []
        at = 0
        while joined.shape[1] - at >= self._size:
            packets += self._one(joined[:, at : at + self._size])
            at += self._size
        self._left = joined[:, at:]
        return packets

    def finish(self) -> list[Any]:
        """The last packets."""
        packets = self._one(self._left) if self._left.shape[1] else []
        self._left = self._left[:, :0]
        return [*packets, *self.stream.encode(None)]

    def _one(self, wave: Wave) -> list[Any]:
        import av

        data: Any = np.ascontiguousarray(wave)
        if self.form == "s16":
            data = to_integers(wave, 16).astype(np.int16)
        elif self.form == "s32":
            data = to_integers(wave, 24) << 8
        if not self.form.endswith("p"):
            data = np.ascontiguousarray(data.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=self.form, layout=self.layout)
        frame.sample_rate = self.sample_rate
        frame.pts = self._pts
        frame.time_base = Fraction(1, self.sample_rate)
        self._pts += wave.shape[1]
        self.samples += wave.shape[1]
        packets: list[Any] = self.stream.encode(frame)
        return packets
