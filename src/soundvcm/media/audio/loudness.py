"""Loudness by ITU-R BS.1770-5 / EBU R 128: K-weighting, gating, true peak. Knows arrays only.

K-weighting is applied in the frequency domain: two biquads evaluated on the unit circle times the spectrum.
"""

from __future__ import annotations

from math import log10, pi, tan

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]
BLOCK_SECONDS = 0.4
_OVERLAP = 4
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0


def k_weighting(sample_rate: int) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
    """(numerator, denominator) of the shelf and the high-pass of BS.1770 annex 1 at any sample rate."""
    k, q, gain = tan(pi * 1681.974450955533 / sample_rate), 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band, a0 = gain**0.4996667741545416, 1 + k / q + k * k
    shelf = (
        np.array([gain + band * k / q + k * k, 2 * (k * k - gain), gain - band * k / q + k * k]) / a0,
        np.array([a0, 2 * (k * k - 1), 1 - k / q + k * k]) / a0,
    )
    k, q = tan(pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    high_pass = np.array([1.0, -2.0, 1.0]), np.array([a0, 2 * (k * k - 1), 1 - k / q + k * k]) / a0
    return shelf, high_pass


def _weighted(wave: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    length = wave.shape[-1]
    size = 1 << int(np.ceil(np.log2(length + sample_rate)))  # room for the filters' tails
    z = np.exp(-2j * pi * np.fft.rfftfreq(size))
    spectrum = np.fft.rfft(wave, size)
    for top, bottom in k_weighting(sample_rate):
        spectrum *= np.polyval(top[::-1], z) / np.polyval(bottom[::-1], z)
    return np.fft.irfft(spectrum, size)[..., :length]


def integrated_loudness(wave: Wave, sample_rate: int) -> float:
    """Gated loudness in LUFS of [c, s] (front channels, weight 1); -inf for silence.

    Sounds shorter than one 0.4 s block are measured as one block of their own length.
    """
    x = np.atleast_2d(np.asarray(wave, dtype=np.float64))
    length = x.shape[-1]
    if length == 0 or not np.any(x):
        return float("-inf")
    power = np.sum(_weighted(x, sample_rate) ** 2, axis=0)
    block = min(length, round(BLOCK_SECONDS * sample_rate))
    hop = max(1, block // _OVERLAP)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    starts = np.arange(0, length - block + 1, hop)
    mean = np.maximum(sums[starts + block] - sums[starts], 0) / block
    with np.errstate(divide="ignore"):
        levels = -0.691 + 10 * np.log10(mean)
    loud = mean[levels > _ABSOLUTE_GATE]
    if loud.size == 0:
        return float("-inf")
    gate = -0.691 + 10 * log10(loud.mean()) + _RELATIVE_GATE
    loud = mean[(levels > _ABSOLUTE_GATE) & (levels > gate)]
    return -0.691 + 10 * log10(loud.mean())


def true_peak(wave: Wave, sample_rate: int) -> float:
    """Largest magnitude between the samples too: [c, s] at four times the rate (BS.1770 annex 2)."""
    import soxr

    x = np.atleast_2d(np.asarray(wave, dtype=np.float32))
    if x.shape[-1] == 0:
        return 0.0
    peak = float(np.abs(x).max())
    for channel in x:
        peak = max(
            peak,
            float(np.abs(soxr.resample(channel, sample_rate, 4 * sample_rate, quality="HQ")).max(initial=0)),
        )
    return peak
