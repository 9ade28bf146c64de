"""Variations of a bank clip: pitch, decay or starting point, tilt of the spectrum, a small room, level.
Wave => another wave.

Pure functions of a wave and a numpy Generator: the same seed gives the same samples at the same rate. Knows
nothing of files or kinds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]

_RATE = 16_000  # where no other rate is given


def _single(wave: NDArray[np.floating]) -> Wave:
    return np.ascontiguousarray(wave, dtype=np.float32)


def onset_seconds(wave: Wave, part: float = 0.1, sample_rate: int = _RATE) -> float:
    """Time of the first sample of `wave` [samples] whose absolute value reaches `part` of the peak; 0 for
    silence.
    """
    level = np.abs(wave)
    return float(np.argmax(level >= part * level.max())) / sample_rate if len(wave) else 0.0


def pitched(wave: Wave, semitones: float) -> Wave:
    """`wave` played faster (semitones > 0) or slower, band-limited: [samples] => [samples / 2 ** (semitones
    / 12)].
    """
    pad = 256
    padded = np.concatenate([wave, np.zeros(pad, wave.dtype)])
    length = max(2, round(len(padded) / 2.0 ** (semitones / 12)))
    spectrum = np.fft.rfft(padded)
    bins = length // 2 + 1
    kept = np.zeros(bins, dtype=spectrum.dtype)
    kept[: min(bins, len(spectrum))] = spectrum[:bins]
    out = np.fft.irfft(kept, length) * (length / len(padded))
    return _single(out[: max(1, round(len(wave) / 2.0 ** (semitones / 12)))])


def tilted(
    wave: Wave,
    decibels_per_octave: float,
    bump: float = 0.0,
    bump_hz: float = 1000.0,
    sample_rate: int = _RATE,
) -> Wave:
    """Spectrum tilted about 1 kHz (flat below 100 Hz and above 6 kHz), with a broad bump of `bump` dB."""
    size = len(wave) + 512
    octaves = np.log2(np.clip(np.fft.rfftfreq(size, 1 / sample_rate), 100, 6000) / 1000)
    gain = decibels_per_octave * octaves + bump * np.exp(-((octaves - np.log2(bump_hz / 1000)) ** 2))
    return _single(np.fft.irfft(np.fft.rfft(wave, size) * 10 ** (gain / 20), size)[: len(wave)])


def in_room(
    wave: Wave, rng: np.random.Generator, t60_seconds: float, wet: float, sample_rate: int = _RATE
) -> Wave:
    """`wave` plus a reverberation of decaying noise, from 4 ms on: [samples] => longer by the tail.

    The impulse response after the direct sound has energy wet ** 2.
    """
    n, dull = max(8, round(t60_seconds * sample_rate)), round(3 * sample_rate / 16_000)
    tail = rng.standard_normal(n) * np.exp(-6.91 * np.arange(n) / n)
    tail = np.convolve(tail, np.full(dull, 1 / dull), mode="same")
    tail[: round(0.004 * sample_rate)] = 0
    tail *= wet / np.sqrt(np.sum(tail**2) + 1e-12)
    tail[0] += 1.0
    size = len(wave) + n - 1
    return _single(np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size))


def vary(
    wave: Wave,
    rng: np.random.Generator,
    *,
    lasting: bool = False,
    semitones: float = 4.0,
    tilt: float = 2.5,
    room: float = 0.3,
    level: float = 6.0,
    sample_rate: int = _RATE,
) -> Wave:
    """A variation of `wave` [samples] float32 as a new float32 wave; its onset stays within 15 ms of its
    beginning.

    Pitch moves by up to +-`semitones` (length changes with it), the spectrum tilts by up to +-`tilt` dB per
    octave with a broad bump, half of the results stand in a room of 0.1 to 0.5 s with wet amplitude up to
    `room`, the level falls by up to `level` dB. Events also decay faster by a random amount; a `lasting`
    sound starts at a random point instead and goes round with a cross-fade, keeping its (pitched) length. A
    range of 0 switches that change off. Peaks stay below 0.98.
    """
    draw = rng.uniform(-1, 1, size=4)
    out = pitched(np.asarray(wave, dtype=np.float32), semitones * draw[0])
    out = (_turned if lasting else _damped)(out, rng.uniform(), sample_rate)
    out = tilted(out, tilt * draw[1], 2 * tilt * draw[2], 1000 * 2.0 ** (2 * draw[3]), sample_rate)
    t60, wet, use_room = rng.uniform(0.1, 0.5), room * rng.uniform(), rng.uniform() < 0.5
    if use_room and room > 0:
        wider = in_room(out, rng, t60, wet, sample_rate)
        out = wider[: len(out)] if lasting else wider[: len(out) + round(0.5 * t60 * sample_rate)]
    loudest = float(np.abs(out).max())
    target = float(np.abs(wave).max()) * 10 ** (-level * rng.uniform() / 20)
    if loudest > 0:
        scale = target / loudest
        out = out * np.float32(min(scale, 0.98 / loudest))
    return _single(out)


def _damped(wave: Wave, amount: float, sample_rate: int) -> Wave:
    """An event whose tail falls faster: by up to 30 dB more over its length, nothing in its first 30 ms."""
    t = np.clip(np.arange(len(wave)) - 0.03 * sample_rate, 0, None)
    return _single(wave * 10 ** (-30 * amount**2 / 20 * t / max(1, len(wave))))


def _turned(wave: Wave, part: float, sample_rate: int) -> Wave:
    """A lasting sound that starts at `part` of its length and goes on from its beginning with a cross-fade
    of 50 ms.
    """
    overlap = min(round(0.05 * sample_rate), len(wave) // 4)
    start = int(part * (len(wave) - 2 * overlap))
    if overlap == 0 or start == 0:
        return wave
    ramp = np.sin(0.5 * np.pi * np.arange(overlap) / overlap).astype(np.float32)
    joint = wave[len(wave) - overlap :] * ramp[::-1] + wave[:overlap] * ramp
    out = np.concatenate([wave[start : len(wave) - overlap], joint, wave[overlap:start]])
    return np.concatenate([out, wave[start : start + len(wave) - len(out)]])
