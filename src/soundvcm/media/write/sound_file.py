"""One sound file being written in blocks: wav, flac and ogg by libsndfile, opus, mp3 and m4a by FFmpeg.

Knows file formats and tags; levels, rates and channels are settled before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from soundvcm.errors import MediaError, OptionError
from soundvcm.media.audio.levels import to_integers
from soundvcm.media.audio.loudness import Wave
from soundvcm.media.suffixes import SOUND_OUTPUTS
from soundvcm.media.write.encode_sound import SoundEncoder, codec_rate, open_output
from soundvcm.media.write.target import named_by

Encoding = Literal["pcm16", "pcm24", "float"]
Write = Callable[[Wave], None]
_BY_SOUNDFILE = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG"}
_BY_FFMPEG = {".opus": ("opus", "libopus"), ".mp3": ("mp3", "libmp3lame"), ".m4a": ("ipod", "aac")}
_WRITE_BLOCK = 1 << 16
_BYTES = {"pcm16": 2, "pcm24": 3, "float": 4}
LARGEST_WAV = (1 << 32) - (1 << 16)  # bytes of samples; the rest is for tags


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
