"""Sound files: a sound that is whole (`save_sound`) or comes in blocks (`SoundWriter`, films of any length).

Written whole or not at all. The counterpart of `MuxWriter` without pictures. Knows samples and files; nothing
of models.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from soundvcm.errors import MediaError
from soundvcm.media.audio.levels import (
    Levels,
    Limiter,
    apply_levels,
    check_finite,
    clipping_message,
    decibels,
)
from soundvcm.media.audio.loudness import Wave
from soundvcm.media.audio.wave import BlockResampler, as_wave, resample, set_channels
from soundvcm.media.write.encode_sound import Encoding, check_kind, file_rate, sound_file
from soundvcm.media.write.target import whole_file


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


class SoundWriter:
    """Writes a sound file from blocks; a context manager: `append` ..., then `finish`.

    Leaving without `finish`, or by an error, removes what was written and keeps the old file. Peaks are held
    at full scale where they are, since what comes later is not known.

    Args:
        path: the file; its suffix (wav, flac, ogg, opus, mp3, m4a) chooses the format.
        sample_rate: of the sound given.
        channels: of the file; 2 from mono sound means two identical channels.
        encoding: of wav ("pcm16", "pcm24", "float") and flac ("pcm16", "pcm24").
        to_rate: sample rate of the file, if another.
        tags: kept in the file.
        never: an input file that must not be overwritten.
        limit: hold peaks at full scale.
        seconds: how much sound will come, where that is known: a WAV above 4 GiB is written as RF64.

    Raises:
        OptionError: for settings that do not fit the format.
        MediaError: if the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate: int,
        channels: int = 1,
        *,
        encoding: Encoding = "pcm16",
        to_rate: int | None = None,
        tags: Mapping[str, Any] | None = None,
        never: Path | None = None,
        limit: bool = True,
        seconds: Fraction | None = None,
    ) -> None:
        self.path, self.sample_rate, self.channels = Path(path), sample_rate, channels
        check_kind(self.path, encoding)
        self.rate = file_rate(self.path, to_rate or sample_rate)
        self.encoding, self.tags, self.never, self.limit = encoding, tags, never, limit
        self._samples = None if seconds is None else round(seconds * self.rate)
        self.report: SoundReport | None = None
        self._given = self._written = 0
        self._peak = 0.0
        self._mono = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            part = stack.enter_context(whole_file(self.path, never=self.never))
            opened = sound_file(part, self.rate, self.channels, self.encoding, self.tags, self._samples)
            self._write = stack.enter_context(opened)
            self._limiter = Limiter(self.rate) if self.limit else None
            self._resampler = BlockResampler(self.sample_rate, self.rate, self.channels)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.report is None:
            error = MediaError(f"{self.path.name}: the sound was not finished; nothing was written")
            self._stack.__exit__(type(error), error, None)
            raise error
        if self.report is None:
            self._stack.__exit__(kind, error, trace)

    def append(self, wave: Any) -> None:
        """Add sound [s] or [c, s], float, full scale +-1, at the sample rate given.

        Raises:
            NonFiniteError: for NaN or infinity.
        """
        block = as_wave(wave)
        check_finite(block)
        self._mono = self._mono or block.shape[0] < self.channels
        self._given += block.shape[1]
        self._put(self._resampler.process(set_channels(block, self.channels)))

    def _missing(self) -> int:
        """Samples of the file that are not written yet, of the sound given so far; at least one in all."""
        total = max(1, round(Fraction(self._given * self.rate, self.sample_rate)))
        return max(0, total - self._written)

    def _put(self, block: Wave) -> None:
        block = block[:, : self._missing()]
        self._written += block.shape[1]
        if block.shape[1]:
            self._peak = max(self._peak, float(np.abs(block).max()))
            block = np.ascontiguousarray(block, dtype=np.float32)
            self._write(block if self._limiter is None else self._limiter.process(block))

    def finish(self) -> SoundReport:
        """Write what is left; the file appears."""
        self._put(self._resampler.finish())
        self._put(np.zeros((self.channels, self._missing()), dtype=np.float32))
        messages = []
        held = None if self._limiter is None else self._limiter.finish()
        if held is not None:
            self._write(held)
        if self._limiter is not None and self._limiter.lowest < 1:
            messages.append(f"peaks held at full scale (by up to {-decibels(self._limiter.lowest):.1f} dB)")
        if self.rate != self.sample_rate:
            messages.append(f"resampled from {self.sample_rate} to {self.rate} Hz")
        if self._mono:
            messages.append(f"{self.channels} identical channels from a mono sound")
        self._stack.__exit__(None, None, None)
        self.report = SoundReport(
            self.path, Fraction(self._written, self.rate), self.rate, self.channels, self._written,
            0.0, decibels(min(self._peak, 1.0)), 0, messages=messages,
        )  # fmt: skip
        return self.report


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
    length = Fraction(sound.shape[1], rate)
    writer = SoundWriter(
        path, rate, sound.shape[0], encoding=encoding, tags=tags, never=never, limit=False, seconds=length
    )
    with writer:
        writer.append(sound)
        done = writer.finish()
    return replace(
        done, gain_db=report.gain_db, peak_dbfs=report.peak_dbfs, clipped=report.clipped,
        loudness=report.loudness, messages=[*report.messages, *messages],
    )  # fmt: skip
