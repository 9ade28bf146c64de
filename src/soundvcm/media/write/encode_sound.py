"""Samples => bytes: a sound track of a video, with timestamps that start at exactly 0 (case 20), or a file.

Sound files are written in blocks: wav, flac and ogg by libsndfile, opus, mp3 and m4a by FFmpeg. Knows
encoders, formats and tags; levels, rates and channels are settled before; nothing of pictures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from soundvcm.errors import MediaError, OptionError, SoundVCMError
from soundvcm.media.audio.levels import to_integers
from soundvcm.media.audio.loudness import Wave
from soundvcm.media.read.source import reason
from soundvcm.media.suffixes import SOUND_OUTPUTS
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
Encoding = Literal["pcm16", "pcm24", "float"]
Write = Callable[[Wave], None]
_BY_SOUNDFILE = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG"}
_BY_FFMPEG = {".opus": ("opus", "libopus"), ".mp3": ("mp3", "libmp3lame"), ".m4a": ("ipod", "aac")}
_WRITE_BLOCK = 1 << 16
_BYTES = {"pcm16": 2, "pcm24": 3, "float": 4}
LARGEST_WAV = (1 << 32) - (1 << 16)  # bytes of samples; the rest is for tags


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


def check_kind(path: Path, encoding: Encoding) -> None:
    """Refuse suffixes that are no sound files and samples that a file cannot hold.

    Raises:
        OptionError: with the suffixes there are.
    """
    suffix = path.suffix.lower()
    if suffix not in SOUND_OUTPUTS:
        raise OptionError(f"{path.name}: unknown kind of sound file: use one of {', '.join(SOUND_OUTPUTS)}")
    if encoding == "float" and suffix != ".wav":
        raise OptionError(f"{path.name}: float samples need a .wav file")


def file_rate(path: Path, rate: int) -> int:
    """The sample rate a file of that kind gets: the rate itself, or the next one its codec knows."""
    suffix = path.suffix.lower()
    return codec_rate(_BY_FFMPEG[suffix][1] if suffix in _BY_FFMPEG else suffix, rate)


@contextmanager
def sound_file(
    part: Path,
    rate: int,
    channels: int,
    encoding: Encoding,
    tags: Mapping[str, Any] | None,
    samples: int | None = None,
) -> Iterator[Write]:
    """A function that writes the next block [c, s] of a file chosen by its suffix.

    Args:
        part: the file.
        rate: samples a second; see `file_rate`.
        channels: of every block.
        encoding: of wav and flac.
        tags: see `file_tags`.
        samples: how many will come, if known: a WAV above 4 GiB is written as RF64 (EBU Tech 3306).

    Raises:
        MediaError: if the file cannot be written, or a WAV of unknown length grows above 4 GiB.
    """
    if part.suffix.lower() in _BY_SOUNDFILE:
        total = None if samples is None else samples * channels * _BYTES[encoding]
        opened = _by_soundfile(part, rate, channels, encoding, tags, total)
    else:
        opened = _by_ffmpeg(part, rate, channels, tags)
    with opened as write:
        yield write


@contextmanager
def _by_soundfile(
    part: Path,
    rate: int,
    channels: int,
    encoding: Encoding,
    tags: Mapping[str, Any] | None,
    total: int | None,
) -> Iterator[Write]:
    import soundfile

    kind = _BY_SOUNDFILE[part.suffix.lower()]
    names = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float": "FLOAT"}
    subtype = "VORBIS" if kind == "OGG" else names[encoding]
    form = "RF64" if kind == "WAV" and total is not None and total > LARGEST_WAV else kind
    given = 0
    try:
        with soundfile.SoundFile(part, "w", rate, channels, subtype, format=form) as file:
            for name, value in file_tags(tags).items():
                setattr(file, "software" if name == "encoder" else name, value)

            def write(block: Wave) -> None:
                nonlocal given
                given += block.size * _BYTES[encoding]
                if form == "WAV" and given > LARGEST_WAV:
                    raise MediaError(f"{named_by(part)}: grows above the 4 GiB of a WAV: write a .flac")
                for at in range(0, block.shape[1], _WRITE_BLOCK):  # libvorbis overruns its stack on long ones
                    file.write(_samples(block[:, at : at + _WRITE_BLOCK], kind, encoding))

            yield write
    except soundfile.SoundFileError as error:
        raise MediaError(f"{named_by(part)}: cannot be written ({error})") from None


def _samples(block: Wave, kind: str, encoding: Encoding) -> Any:
    frames: Any = np.ascontiguousarray(block.T)
    if encoding == "float" or kind == "OGG":
        return frames
    bits = 16 if encoding == "pcm16" else 24
    whole = to_integers(frames, bits)
    return whole.astype(np.int16) if bits == 16 else whole << 8


@contextmanager
def _by_ffmpeg(part: Path, rate: int, channels: int, tags: Mapping[str, Any] | None) -> Iterator[Write]:
    kind, codec = _BY_FFMPEG[part.suffix.lower()]
    with open_output(part, kind) as container:
        container.metadata.update(file_tags(tags))
        encoder = SoundEncoder(container, codec, rate, channels)

        def write(block: Wave) -> None:
            for packet in encoder.encode(block):
                container.mux(packet)

        yield write
        for packet in encoder.finish():
            container.mux(packet)


def file_tags(tags: Mapping[str, Any] | None) -> dict[str, str]:
    """Tags as a file keeps them: the title (the prompt), the software, and everything as JSON in the
    comment.
    """
    if not tags:
        return {"encoder": "SoundVCM"}
    text = json.dumps(dict(tags), ensure_ascii=False, default=str, sort_keys=True)
    found = {"encoder": "SoundVCM", "comment": text}
    if tags.get("prompt"):
        found["title"] = str(tags["prompt"])[:100]  # of a video with a title of its own, that one stays
    # Words typed in another encoding cannot be told in UTF-8, which files want.
    return {name: value.encode("utf-8", "replace").decode("utf-8") for name, value in found.items()}
