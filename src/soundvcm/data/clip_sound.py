"""The sound of one training clip: found by time, mixed to one channel, cut, levelled; or refused in words.

    media file, start, seconds => prepared wave [samples] of a codec's rate

Knows media and samples; neither codecs nor catalogs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundvcm import media
from soundvcm.errors import InputError

#: pictures or sound may end this much earlier than the clip: containers round, codecs lose a block
SLACK_SECONDS = Fraction(1, 10)
SILENT_PEAK = 1e-6
TRAIN_PEAK = 0.95


@dataclass(frozen=True)
class _RawSound:
    """Samples as the file has them.

    Attributes:
        wave: [c, s] float32, s = the asked seconds; silence where the track has nothing.
        rate: samples a second.
        seconds: from the clip's start to the last sample that is there.
    """

    wave: NDArray[np.float32]
    rate: int
    seconds: Fraction


def read_clip(file: Path, start: Fraction, seconds: Fraction, origin: Fraction | None = None) -> _RawSound:
    """The first sound track of a file from `start` on, read no further than needed.

    Args:
        file: of sound or of pictures with sound.
        start: of the clip (s), counted from `origin`.
        seconds: how long.
        origin: the file's own time (s) of its first picture, so that sound stays in step with the pictures;
            None counts from the first sample.

    Raises:
        MediaError: if there is no sound track, or nothing in it can be decoded.
        InputError: if the track ends before the clip begins.
    """
    with media.SoundReader(file, zero=origin, after=start) as reader:
        wave = reader.take(max(1, round(seconds * reader.rate)))
        there = reader.seconds_taken
    if not there:
        raise InputError(f"{file.name}: too short: its sound ends before {float(start):g} s")
    return _RawSound(wave, reader.rate, there)


def media_seconds(file: Path) -> Fraction:
    """Length of a file as it claims it, else as its sound is found to be.

    Raises:
        MediaError: if nothing in it can be decoded.
    """
    if file.suffix.lower() not in media.SOUND_SUFFIXES:
        claimed = media.inspect(file).claimed_seconds
        if claimed:
            return claimed
    with media.SoundReader(file) as reader:
        while not reader.ended:
            reader.take(reader.rate)
        reader.rest()
        return reader.seconds_taken


def prepared(sound: _RawSound, rate: int, samples: int, *, peak: float | None) -> Tensor:
    """One channel [samples] at the codec's rate; the mean of the channels, as the reference (A8).

    Args:
        sound: as read.
        rate: of the codec.
        samples: wanted; a resampler's rounding is cut or filled.
        peak: level to scale the largest sample to, None to leave the level alone.

    Raises:
        InputError: for sound with NaN or infinity, or silent sound (peak <= 1e-6).
    """
    if not np.isfinite(sound.wave).all():
        raise InputError("its sound holds NaN or infinity")
    mono = sound.wave.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    if float(np.abs(mono).max(initial=0.0)) <= SILENT_PEAK:
        raise InputError("silent")
    wave = torch.zeros(samples)
    there = torch.from_numpy(media.resample(mono, sound.rate, rate)[0])[:samples]
    wave[: len(there)] = there
    largest = float(wave.abs().max())
    if largest <= SILENT_PEAK:  # what is heard lies above the codec's range
        raise InputError(f"silent at {rate} Hz")
    return wave if peak is None else wave * (peak / largest)
