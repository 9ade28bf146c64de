"""Sound files as the scores take them: found by name, mono, at its rate, cut to length, mean removed.

The rules are av-benchmark's (mono, mean removed, cut); what is shorter is filled with silence and counted, or
refused. Knows files and waves, no scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from soundvcm import media
from soundvcm.errors import InputError, OptionError

Short = Literal["pad", "refuse"]
SLACK_SECONDS = 0.001  # a file shorter by less is not called short: rates do not always divide
ENDING = ".sound"  # what `soundvcm generate` puts before the suffix


@dataclass(frozen=True)
class Length:
    """How long the sounds are that are compared.

    Attributes:
        seconds: every sound is cut to this.
        short: what becomes of shorter ones: filled with silence and counted, or refused.

    Raises:
        OptionError: unless 0.1 <= seconds <= 600.
    """

    seconds: float = 8.0
    short: Short = "pad"

    def __post_init__(self) -> None:
        if not 0.1 <= self.seconds <= 600:
            raise OptionError(f"--seconds {self.seconds:g} is out of range: give 0.1 .. 600")


@dataclass(frozen=True)
class Prepared:
    """One sound, ready for an extractor.

    Attributes:
        wave: [samples] float32, exactly seconds x rate of them.
        seconds: of the file that were there, at most those asked for.
    """

    wave: Tensor
    seconds: float


@dataclass(frozen=True)
class Pairing:
    """Which predictions have a true sound of the same name.

    Attributes:
        common: names on both sides, sorted.
        missing: names of true sounds without a prediction.
        extra: names of predictions without a true sound.
    """

    common: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]


def sounds_in(folder: Path) -> dict[str, Path]:
    """Name -> sound or video file below a folder, sorted by name; a name is the path without suffix.

    An ending ".sound", which `soundvcm generate` adds, is no part of the name; hidden files are passed over.

    Raises:
        InputError: if it is no folder, holds no such file, or two files have one name.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder: give a folder of sounds or videos")
    found: dict[str, Path] = {}
    suffixes = media.SOUND_SUFFIXES | media.VIDEO_SUFFIXES
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.suffix.lower() not in suffixes or media.is_hidden(path, folder):
            continue
        name = inner.with_suffix("").as_posix().removesuffix(ENDING)
        if name in found:
            raise InputError(f"{folder}: {found[name].name} and {path.name} have one name: keep one of them")
        found[name] = path
    if not found:
        raise InputError(f"{folder}: holds no sound or video file ({', '.join(sorted(suffixes))})")
    return dict(sorted(found.items()))


def pair(truth: dict[str, Path], made: dict[str, Path]) -> Pairing:
    """Names common to both sides, and those that are not."""
    return Pairing(
        tuple(name for name in made if name in truth),
        tuple(name for name in truth if name not in made),
        tuple(name for name in made if name not in truth),
    )


def prepare(path: Path, rate: int, length: Length) -> Prepared:
    """The first `length.seconds` of a file as mono at `rate`, mean removed, the end filled with zeros.

    Raises:
        InputError: if the file cannot be read, is not finite, or is too short and `length.short` is "refuse".
    """
    # A second more than needed: resampling looks ahead.
    wave, from_rate = media.read_sound(path, seconds=Fraction(length.seconds) + 1)
    if not np.isfinite(wave).all():
        raise InputError(f"{path}: holds numbers that are not finite: make it again")
    have = min(wave.shape[1] / from_rate, length.seconds)
    if have < length.seconds - SLACK_SECONDS and length.short == "refuse":
        raise InputError(
            f"{path}: lasts {have:.3f} s, shorter than {length.seconds:g} s: give longer files,"
            f" --seconds {have:.3f}, or --short pad"
        )
    mono = media.resample(wave.mean(axis=0, keepdims=True, dtype=np.float32), from_rate, rate)[0]
    wanted = round(length.seconds * rate)
    mono = mono[:wanted]
    mono = mono - mono.mean(dtype=np.float64).astype(np.float32)
    return Prepared(torch.from_numpy(np.pad(mono, (0, wanted - len(mono)))), have)


def is_short(seconds: float, length: Length) -> bool:
    """True if a file with `seconds` of sound had to be filled with silence."""
    return seconds < length.seconds - SLACK_SECONDS
