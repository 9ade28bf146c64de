"""Sound in and out: read any file's sound, change rate and channels, save wav, flac, ogg, opus, mp3 and m4a
with tags.

Files are written whole or not at all. Knows samples and file formats; nothing of models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from soundvcm.errors import MediaError, OptionError, ShapeError
from soundvcm.media.audio.levels import Levels, apply_levels, check_finite, clipping_message
from soundvcm.media.audio.loudness import Wave
from soundvcm.media.read.source import open_media, reason, sound_streams, source_name
from soundvcm.media.write.sound_file import Encoding, check_kind, file_rate, sound_file
from soundvcm.media.write.whole_file import whole_file


@dataclass
class SoundReport:
    """What was written.

    Attributes:
        path: the file.
        seconds: exact length.
        sample_rate, channels, samples: of the file.
        gain_db, peak_dbfs, clipped, loudness: see `LevelReport`.
        messages: what a user should know, one line each.
    """

    path: Path
    seconds: Fraction
    sample_rate: int
    channels: int
    samples: int
    gain_db: float
    peak_dbfs: float
    clipped: int
    loudness: float | None = None
    messages: list[str] = field(default_factory=list)


def as_wave(wave: Any) -> Wave:
    """[c, s] float32 on the CPU from a tensor or array [s] or [c, s].

    Raises:
        ShapeError: for other shapes, no samples, or more than 8 channels.
    """
    array = wave.detach().cpu().float().numpy() if hasattr(wave, "detach") else np.asarray(wave)
    array = np.atleast_2d(array.astype(np.float32, copy=False))
    if array.ndim != 2 or array.shape[1] == 0 or not 1 <= array.shape[0] <= 8:
        raise ShapeError(
            f"a sound has shape {array.shape}, expected [c s] with 1 to 8 channels and some samples"
        )
    return array


def resample(wave: Wave, sample_rate: int, to_rate: int) -> Wave:
    """[c, s] at another rate (soxr, very high quality); length round(s x to / from)."""
    import soxr

    if sample_rate == to_rate:
        return wave
    if min(sample_rate, to_rate) < 1000 or max(sample_rate, to_rate) > 768_000:
        raise OptionError(f"sample rates are between 1000 and 768000, not {sample_rate} and {to_rate}")
    wanted = max(1, round(Fraction(wave.shape[1] * to_rate, sample_rate)))
    out = soxr.resample(np.ascontiguousarray(wave.T), sample_rate, to_rate, quality="VHQ").T
    if out.shape[1] < wanted:
        out = np.pad(out, ((0, 0), (0, wanted - out.shape[1])))
    return np.ascontiguousarray(out[:, :wanted], dtype=np.float32)


def set_channels(wave: Wave, channels: int | None) -> Wave:
    """[c, s] with that many channels: mono is repeated unchanged, several become one by their mean.

    Raises:
        OptionError: if that would need a real up- or down-mix.
    """
    have = wave.shape[0]
    if channels is None or channels == have:
        return wave
    if have == 1 and channels >= 1:
        return np.repeat(wave, channels, axis=0)
    if channels == 1:
        mean: Wave = wave.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        return mean
    raise OptionError(f"cannot make {channels} channels from {have}: ask for 1 or {have}")


def save_sound(
    path: str | Path,
    wave: Any,
    sample_rate: int,
    *,
    levels: Levels | None = None,
    encoding: Encoding = "pcm16",
    to_rate: int | None = None,
    channels: int | None = None,
    tags: Mapping[str, Any] | None = None,
    never: Path | None = None,
) -> SoundReport:
    """Write a sound file chosen by its suffix: wav, flac, ogg, opus, mp3, m4a.

    Args:
        path: the file to write.
        wave: [s] or [c, s], full scale +-1.
        sample_rate: of `wave`.
        levels: what to do with its level; by default only what exceeds full scale is scaled down.
        encoding: of wav ("pcm16", "pcm24", "float") and flac ("pcm16", "pcm24").
        to_rate: sample rate of the file, if another.
        channels: of the file; 2 from a mono sound means two identical channels.
        tags: seed, model, prompt, settings...; kept as JSON in the comment of the file.
        never: an input file that must not be overwritten.

    Raises:
        NonFiniteError: if a sample is NaN or infinite; no file is left.
        MediaError: if the file cannot be written. OptionError: for settings that do not fit the format.
    """
    path = Path(path)
    check_kind(path, encoding)
    messages: list[str] = []
    sound = as_wave(wave)
    source_channels = sound.shape[0]
    rate = file_rate(path, to_rate or sample_rate)
    check_finite(sound)
    sound, report = apply_levels(resample(sound, sample_rate, rate), rate, levels or Levels())
    if report.clipped and encoding != "float":
        report.messages.append(clipping_message(report, sound.size))
    sound = set_channels(sound, channels)
    if rate != sample_rate:
        messages.append(f"resampled from {sample_rate} to {rate} Hz")
    if source_channels == 1 and sound.shape[0] > 1:
        messages.append(f"{sound.shape[0]} identical channels from a mono sound")
    with (
        whole_file(path, never=never) as part,
        sound_file(part, rate, sound.shape[0], encoding, tags) as write,
    ):
        write(sound)
    return SoundReport(
        path, Fraction(sound.shape[1], rate), rate, sound.shape[0], sound.shape[1],
        report.gain_db, report.peak_dbfs, report.clipped, report.loudness, [*report.messages, *messages],
    )  # fmt: skip


def read_tags(path: str | Path) -> dict[str, Any]:
    """The tags that `save_sound` or `mux` stored in a file; {} if there are none.

    Raises:
        MediaError: if the file cannot be read.
    """
    with open_media(path) as container:
        places = [container.metadata, *(stream.metadata for stream in container.streams)]
        for metadata in places:
            for name, value in metadata.items():
                if name.lower() in ("comment", "description"):
                    try:
                        found = json.loads(value)
                    except ValueError:
                        continue
                    if isinstance(found, dict):
                        return found
    return {}


def sound_blocks(
    source: Any, *, stream: int = 0, rate: int | None = None, channels: int | None = None
) -> Iterator[tuple[Wave, int, Fraction]]:
    """Blocks ([c, s] float32, sample rate, time of the first sample in the file's own time) of one sound
    track.

    Args:
        source: a path, bytes or an open file; may be a video.
        stream: number of the sound track.
        rate: convert to this rate while reading.
        channels: mix to 1 or 2 channels while reading.

    Raises:
        MediaError: if there is no such track or nothing in it can be decoded.
    """
    import av

    with open_media(source) as container:
        tracks: list[Any] = sound_streams(container)
        if stream >= len(tracks):
            raise MediaError(f"{source_name(source)}: has {len(tracks)} sound track(s), no number {stream}")
        track = tracks[stream]
        to_rate = rate or track.rate
        if not to_rate or to_rate <= 0:
            raise MediaError(f"{source_name(source)}: the sound track names no sample rate")
        layout = {None: None, 1: "mono", 2: "stereo"}[channels]
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=to_rate)
        try:
            for packet in container.demux(track):
                try:
                    frames = packet.decode()
                except (av.FFmpegError, ValueError):
                    continue
                for frame in frames:
                    for out in resampler.resample(frame):
                        yield _block(out)
            for out in resampler.resample(None):
                yield _block(out)
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(
                f"{source_name(source)}: the sound cannot be decoded ({reason(error)})"
            ) from None


def _block(frame: Any) -> tuple[Wave, int, Fraction]:
    time = Fraction(frame.pts or 0) * (frame.time_base or Fraction(1, frame.sample_rate))
    return frame.to_ndarray().astype(np.float32, copy=False), frame.sample_rate, time


def read_sound(source: Any, *, stream: int = 0) -> tuple[Wave, int]:
    """Whole sound track as ([c, s] float32, sample rate), without changing either; see `sound_blocks`."""
    blocks, rate = [], 0
    for block, found, _ in sound_blocks(source, stream=stream):
        blocks.append(block)
        rate = found
    if not blocks:
        raise MediaError(f"{source_name(source)}: no sound in it can be decoded")
    return np.concatenate(blocks, axis=1), rate
