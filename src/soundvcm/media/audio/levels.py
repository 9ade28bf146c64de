"""Levels: what happens to a sound's amplitude before it is written, and the words about it (cases 22, 23).

Nothing is normalised unless asked. Gains are capped, so that silence stays silence and hiss is not lifted to
music. Sound that streams by is limited: nothing changes until a sample would exceed full scale. Knows arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log10
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soundvcm.errors import NonFiniteError, OptionError
from soundvcm.media.audio.loudness import Wave, integrated_loudness, true_peak

LevelMode = Literal["none", "limit", "peak", "loudness"]
NEARLY_SILENT = -30.0


class Limiter:
    """Keeps |samples| <= 1 of a sound that streams by; samples far from any peak pass bit for bit.

    The gain of each 10 ms piece is what its own peak allows; between pieces it moves in a straight line that
    never lies above either. Looks one piece ahead.

    Args:
        sample_rate: sets the length of a piece (10 ms).
    """

    def __init__(self, sample_rate: int) -> None:
        self._size = max(1, sample_rate // 100)
        self._held: Wave | None = None
        self._before = self._gain = 1.0
        self.lowest = 1.0

    def process(self, wave: Wave) -> Wave:
        """Limited samples [c, s']; the last piece is held back until the next call or `finish`."""
        joined = wave if self._held is None else np.concatenate([self._held, wave], axis=1)
        whole = joined.shape[1] // self._size
        if whole < 2:
            self._held = joined
            return joined[:, :0]
        gains = [self._allowed(joined[:, i * self._size : (i + 1) * self._size]) for i in range(whole)]
        pieces = []
        for i in range(whole - 1):
            pieces.append(
                self._move(joined[:, i * self._size : (i + 1) * self._size], gains[i], gains[i + 1])
            )
        self._held = joined[:, (whole - 1) * self._size :]
        return np.concatenate(pieces, axis=1)

    def finish(self) -> Wave | None:
        """What was held back, or None."""
        if self._held is None:
            return None
        held, self._held = self._held, None
        allowed = self._allowed(held)
        return self._move(held, allowed, allowed)

    @staticmethod
    def _allowed(piece: Wave) -> float:
        peak = float(np.abs(piece).max(initial=0.0))
        return 1.0 if peak <= 1 else 1.0 / peak

    def _move(self, piece: Wave, gain: float, following: float) -> Wave:
        first, last = min(self._before, gain), min(gain, following)
        self._before = gain
        self.lowest = min(self.lowest, first, last)
        if first == last == 1.0:
            return piece
        ramp = np.linspace(first, last, piece.shape[1])
        return np.clip(piece * ramp, -1.0, 1.0).astype(np.float32)


@dataclass(frozen=True)
class Levels:
    """How loud the written sound shall be.

    Attributes:
        mode: "none" writes as is; "limit" scales down only what exceeds the ceiling; "peak" brings the
            largest sample to `target` dBFS; "loudness" brings the sound to `target` LUFS, held below the
            ceiling.
        target: dBFS for "peak" (default -1), LUFS for "loudness" (default -23).
        ceiling: dBFS that "limit" allows (sample peak, default 0) and "loudness" allows (true peak, default
            -1).
        gain: dB added before everything else.
        max_gain: largest amplification in dB of "peak" and "loudness".

    Raises:
        OptionError: for an unknown mode or a target above 0.
    """

    mode: LevelMode = "limit"
    target: float | None = None
    ceiling: float | None = None
    gain: float = 0.0
    max_gain: float = 20.0

    def __post_init__(self) -> None:
        if self.mode not in ("none", "limit", "peak", "loudness"):
            raise OptionError(f"unknown level mode {self.mode!r}: use none, limit, peak or loudness")
        for name, value in (("target", self.target), ("ceiling", self.ceiling)):
            if value is not None and not -100 <= value <= 0:
                raise OptionError(f"the level {name} is between -100 and 0 dB, not {value:g}")
        if not -120 <= self.gain <= 120 or not 0 <= self.max_gain <= 120:
            raise OptionError("gain is between -120 and 120 dB, max_gain between 0 and 120 dB")


@dataclass
class LevelReport:
    """What was done and found.

    Attributes:
        gain_db: change of level applied.
        peak_dbfs: largest sample after it; -inf for silence.
        clipped: samples beyond full scale after it (cut when written as integers).
        loudness: LUFS after it if the mode measured it.
        messages: one line each.
    """

    gain_db: float = 0.0
    peak_dbfs: float = float("-inf")
    clipped: int = 0
    loudness: float | None = None
    messages: list[str] = field(default_factory=list)


def check_finite(wave: Wave) -> None:
    """Refuse NaN and infinity.

    Raises:
        NonFiniteError: names the first such sample.
    """
    good = np.isfinite(wave).all(axis=0)
    if not good.all():
        raise NonFiniteError(
            f"the model produced non-finite values at sample {int(np.argmin(good))}: nothing was written"
        )


def decibels(value: float) -> float:
    """20 log10 of an amplitude; -inf for 0."""
    return 20 * log10(value) if value > 0 else float("-inf")


def apply_levels(wave: Wave, sample_rate: int, levels: Levels) -> tuple[Wave, LevelReport]:
    """[c, s] float32 at its new level, and the report; unchanged samples are returned bit for bit.

    Raises:
        NonFiniteError: for NaN or infinity.
    """
    check_finite(wave)
    report = LevelReport()
    gain, down = 10 ** (levels.gain / 20), 1.0
    peak = float(np.abs(wave).max(initial=0.0)) * gain
    if peak > 0:
        if levels.mode == "limit":
            down = min(1.0, 10 ** ((levels.ceiling or 0.0) / 20) / peak)
            gain *= down
        elif levels.mode == "peak":
            target = -1.0 if levels.target is None else levels.target
            gain *= _capped(10 ** (target / 20) / peak, levels, report)
        elif levels.mode == "loudness":
            gain *= _to_loudness(wave, sample_rate, gain, levels, report)
    if gain != 1.0:
        wave = (wave * np.float64(gain)).astype(np.float32)
    after = float(np.abs(wave).max(initial=0.0))
    report.gain_db, report.peak_dbfs = decibels(gain), decibels(after)
    report.clipped = int(np.count_nonzero(np.abs(wave) > 1.0))
    if down < 1.0:
        report.messages.append(
            f"peak {decibels(peak):+.1f} dBFS: scaled down by {-decibels(down):.1f} dB to fit"
        )
    quiet = quiet_message(after, report.gain_db)
    report.messages += [quiet] if quiet else []
    return wave, report


def clipping_message(report: LevelReport, total: int) -> str:
    """The line about samples cut at full scale."""
    share = 100 * report.clipped / max(1, total)
    return f"{report.clipped} of {total} samples ({share:.1f} %) are beyond full scale and were cut"


def to_integers(wave: Wave, bits: int) -> NDArray[np.int32]:
    """Samples as integers of 16 or 24 bits, rounded and held at the ends.

    -1.0 becomes -2**(bits - 1), +1.0 becomes +2**(bits - 1) - 1.
    """
    full = float(1 << (bits - 1))
    return np.clip(np.rint(wave.astype(np.float64) * full), -full, full - 1).astype(np.int32)


def _capped(gain: float, levels: Levels, report: LevelReport) -> float:
    most = 10 ** (levels.max_gain / 20)
    if gain > most:
        report.messages.append(
            f"reaching the level would take {decibels(gain):.1f} dB: amplified by {levels.max_gain:g} dB only"
        )
    return min(gain, most)


def _to_loudness(wave: Wave, sample_rate: int, gain: float, levels: Levels, report: LevelReport) -> float:
    target = -23.0 if levels.target is None else levels.target
    ceiling = 10 ** ((-1.0 if levels.ceiling is None else levels.ceiling) / 20)
    now = integrated_loudness(wave, sample_rate) + decibels(gain)
    if now == float("-inf"):
        report.loudness = now
        return 1.0
    change = _capped(10 ** ((target - now) / 20), levels, report)
    peak = true_peak(wave, sample_rate) * gain
    if change * peak > ceiling:
        change = ceiling / peak
        report.messages.append(
            f"loudness {target:g} LUFS would exceed the true peak {decibels(ceiling):.1f} dBTP: "
            f"held at {now + decibels(change):.1f} LUFS"
        )
    report.loudness = now + decibels(change)
    return change


def quiet_message(peak: float, gain_db: float = 0.0) -> str | None:
    """The line about a sound that is silent or nearly so; None for others.

    Args:
        peak: largest sample, after any gain.
        gain_db: that gain.
    """
    if peak == 0:
        return "output is silent (all samples are zero)"
    before = decibels(peak) - gain_db
    if min(decibels(peak), before) < NEARLY_SILENT:
        return f"output nearly silent (peak {before:.1f} dBFS before any gain)"
    return None
