"""Pictures for reports without a drawing library: spectrograms as PNG, histograms as SVG.

Numpy and zlib only, so that a report needs nothing but the package. Knows waves and numbers.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soundvcm.errors import ShapeError

WIDTH, HEIGHT = 420, 160
LOWEST_HZ = 50.0
FFT = 1024
RANGE_DB = 80.0
# dark to bright, even steps of lightness: colours at equal distances
COLOURS = (
    (8, 6, 24),
    (55, 20, 90),
    (130, 35, 105),
    (205, 65, 70),
    (245, 135, 40),
    (250, 205, 80),
    (253, 253, 220),
)


def loudness_map(wave: ArrayLike, sample_rate: int) -> NDArray[np.float64]:
    """Spectrogram [HEIGHT, WIDTH] in dB of a mono wave [s]; high tones above, log frequency from 50 Hz.

    Raises:
        ShapeError: unless the wave is one-dimensional and not empty.
    """
    signal = np.asarray(wave, dtype=np.float64)
    if signal.ndim != 1 or not len(signal):
        raise ShapeError(f"a spectrogram is drawn of one mono wave [samples], not of {signal.shape}")
    starts = np.linspace(0, len(signal), WIDTH, endpoint=False).astype(int)
    padded = np.pad(signal, (FFT // 2, FFT))
    frames = padded[starts[:, None] + np.arange(FFT)] * np.hanning(FFT)
    power = np.abs(np.fft.rfft(frames)) ** 2 * (4 / np.hanning(FFT).sum() ** 2)
    edges = np.geomspace(LOWEST_HZ, sample_rate / 2, HEIGHT + 1) * FFT / sample_rate
    sums = np.pad(np.cumsum(power, axis=1), ((0, 0), (1, 0)))
    low = np.minimum(np.floor(edges[:-1]).astype(int), power.shape[1] - 1)
    high = np.minimum(np.maximum(low + 1, np.floor(edges[1:]).astype(int)), power.shape[1])
    bands = np.maximum(0, sums[:, high] - sums[:, low]) / (high - low)
    return np.asarray(10 * np.log10(bands + 1e-12).T[::-1])


def coloured(level: NDArray[np.float64], top: float) -> NDArray[np.uint8]:
    """[h, w, 3] of a map in dB: `top` is brightest, 80 dB below it darkest."""
    share = np.clip((level - top) / RANGE_DB + 1, 0, 1) * (len(COLOURS) - 1)
    table = np.asarray(COLOURS, dtype=np.float64)
    below = np.minimum(share.astype(int), len(COLOURS) - 2)
    part = (share - below)[..., None]
    return np.asarray(np.round(table[below] * (1 - part) + table[below + 1] * part), dtype=np.uint8)


def spectrograms(waves: Sequence[ArrayLike], sample_rate: int) -> list[bytes]:
    """PNG of each mono wave [s]; one scale of colours for all, so that levels can be compared."""
    maps = [loudness_map(wave, sample_rate) for wave in waves]
    top = max(-60.0, *(float(one.max()) for one in maps))
    return [png(coloured(one, top)) for one in maps]


def png(picture: NDArray[np.uint8]) -> bytes:
    """A picture [h, w, 3] as the bytes of a PNG file.

    Raises:
        ShapeError: for another shape or type.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise ShapeError(f"a picture is uint8 [h w 3], not {picture.dtype} {picture.shape}")
    height, width = picture.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), picture.reshape(height, -1)], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def histogram(values: Sequence[float], label: str, *, bins: int = 24) -> str:
    """SVG of how values are spread, with the mean marked; `label` is plain text for the axis.

    Raises:
        ShapeError: without values.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers):
        raise ShapeError("a histogram needs values")
    low, high = float(numbers.min()), float(numbers.max())
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    counts, _ = np.histogram(numbers, bins, (low, high))
    wide, tall, base = 340, 110, 90
    step = wide / bins
    bars = "".join(
        f'<rect x="{k * step:.1f}" y="{base - 80 * n / counts.max():.1f}" width="{step - 1:.1f}"'
        f' height="{80 * n / counts.max():.1f}"/>'
        for k, n in enumerate(counts)
    )
    mean = float(numbers.mean())
    at = wide * (mean - low) / (high - low)
    return (
        f'<svg viewBox="-6 0 {wide + 12} {tall}" width="{wide}" role="img" aria-label="{_plain(label)}">'
        f'<g class="bars">{bars}</g><line x1="{at:.1f}" x2="{at:.1f}" y1="4" y2="{base}" class="mean"/>'
        f'<text x="0" y="{tall - 6}">{low:.3g}</text>'
        f'<text x="{wide}" y="{tall - 6}" text-anchor="end">{high:.3g}</text>'
        f'<text x="{wide / 2}" y="{tall - 6}" text-anchor="middle">{_plain(label)}, mean {mean:.3g}'
        "</text></svg>"
    )


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
