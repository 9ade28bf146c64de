"""When sounds start and how loud they are, without any network: onset times and loudness curves.

Spectral flux with log compression and an adaptive threshold (Dixon 2006, Boeck and Widmer 2013). Numpy only;
knows no files and no pictures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soundvcm.errors import InputError

Floats = NDArray[np.float64]
FRAME_SECONDS = 0.032
HOP_SECONDS = 0.005
BANDS = 32
LOWEST_HZ = 60.0
QUIET = 0.004  # spectral magnitude, in shares of the peak, at which log compression bends
SILENT = 0.003  # peaks below this (-50 dBFS) are not turned up
AROUND_SECONDS = 0.1  # median of the flux around, for the threshold
APART_SECONDS = 0.05  # onsets closer than this are one
SHARE = 0.12  # of the clip's strongest rise that an onset must exceed
FLOOR = 0.35  # mean rise in log magnitude that steady noise reaches by chance
AHEAD_SECONDS = (
    0.006  # an analysis window sees a sound this long before its own centre (measured on clicks and bursts)
)


def detect_onsets(wave: ArrayLike, sample_rate: int) -> Floats:
    """Times (s) at which sounds start in a mono wave [s], increasing; about 10 ms accurate on clicks.

    Raises:
        InputError: unless the wave is finite and one-dimensional.
    """
    rise = onset_strength(wave, sample_rate)
    if not len(rise):
        return np.zeros(0)
    threshold = (
        np.maximum(_median(rise, round(AROUND_SECONDS / HOP_SECONDS)) * 1.5, FLOOR) + SHARE * rise.max()
    )
    reach = round(APART_SECONDS / HOP_SECONDS / 2)
    padded = np.pad(rise, reach)
    tallest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(-1)
    peaks = np.flatnonzero((rise >= tallest) & (rise > threshold))
    kept: list[int] = []
    for peak in peaks:
        if not kept or (peak - kept[-1]) * HOP_SECONDS >= APART_SECONDS:
            kept.append(int(peak))
    return np.asarray([_start(rise, peak) * HOP_SECONDS + AHEAD_SECONDS for peak in kept], dtype=np.float64)


def onset_strength(wave: ArrayLike, sample_rate: int) -> Floats:
    """Spectral flux, one value every 5 ms: mean over 32 bands of the rise of log magnitude within 10 ms.

    Value k belongs to time k * 5 ms.

    Raises:
        InputError: unless the wave is finite and one-dimensional.
    """
    signal = np.asarray(wave, dtype=np.float64)
    if signal.ndim != 1 or not np.isfinite(signal).all():
        raise InputError("onsets are sought in one finite mono wave [samples]")
    if not len(signal):
        return np.zeros(0)
    signal = signal / max(float(np.abs(signal).max()), SILENT)
    size = 2 * round(FRAME_SECONDS * sample_rate / 2)
    hop = HOP_SECONDS * sample_rate
    starts = np.round(np.arange(int(len(signal) / hop) + 1) * hop).astype(int)
    padded = np.pad(signal, (size // 2, size))
    window = np.hanning(size)
    frames = padded[starts[:, None] + np.arange(size)] * window
    magnitude = np.abs(np.fft.rfft(frames)) * (2 / window.sum())
    logs = np.log1p(_in_bands(magnitude, sample_rate, size) / QUIET)
    before = np.pad(logs, ((2, 0), (0, 0)))[:-2]
    earlier = np.maximum(before, np.pad(logs, ((3, 0), (0, 0)))[:-3])
    return np.asarray(np.maximum(logs - earlier, 0).mean(1))


def energy(wave: ArrayLike, sample_rate: int, rate: float = 25.0) -> Floats:
    """Loudness curve of a mono wave [s]: root mean square within each 1 / rate s, floor(seconds x rate)
    values.
    """
    signal = np.asarray(wave, dtype=np.float64)
    count = int(len(signal) * rate / sample_rate + 1e-9)
    edges = np.round(np.arange(count + 1) * sample_rate / rate).astype(int)
    sums = np.concatenate([[0.0], np.cumsum(signal**2)])
    power = np.maximum(0, sums[edges[1:]] - sums[edges[:-1]]) / np.maximum(1, edges[1:] - edges[:-1])
    return np.asarray(np.sqrt(power))


def curve_correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Correlation of two curves of the same rate (over the shorter length), as in `motion_correlation`."""
    a, b = (np.asarray(curve, dtype=np.float64).reshape(-1) for curve in (first, second))
    count = min(len(a), len(b))
    if count < 3:
        return float("nan")
    curves = [_smooth(np.sqrt(np.maximum(0, curve[:count]))) for curve in (a, b)]
    if min(curve.std() for curve in curves) < 1e-9:
        return float("nan")
    return float(np.corrcoef(curves[0], curves[1])[0, 1])


def _in_bands(magnitude: Floats, sample_rate: int, size: int) -> Floats:
    """Root of the summed power in `BANDS` bands of equal width in log frequency, [frames, bands]."""
    top = min(sample_rate / 2, 16_000.0)
    edges = np.geomspace(LOWEST_HZ, top, BANDS + 1) * size / sample_rate
    sums = np.pad(np.cumsum(magnitude**2, axis=1), ((0, 0), (1, 0)))
    lows = np.floor(edges[:-1]).astype(int)
    highs = np.maximum(lows + 1, np.floor(edges[1:]).astype(int))
    highs = np.minimum(highs, magnitude.shape[1])
    return np.asarray(np.sqrt(np.maximum(0, sums[:, highs] - sums[:, lows])))


def _median(values: Floats, reach: int) -> Floats:
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, reach, mode="edge"), 2 * reach + 1)
    return np.asarray(np.median(windows, axis=-1))


def _start(rise: Floats, peak: int) -> int:
    """Where the rise at `peak` passes half of its height: nearer to when the sound begins."""
    start = peak
    while start > 0 and peak - start < 6 and rise[start - 1] > rise[peak] / 2:
        start -= 1
    return start


def _smooth(values: Floats) -> Floats:
    return np.convolve(np.pad(values, 1, mode="edge"), np.ones(3) / 3, mode="valid")
