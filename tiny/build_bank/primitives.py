"""Building blocks of the bank's physical synthesis: struck modes, air bubbles, shaped noise, grains, pulse
trains through formants.

All at 48 kHz, mono, float64, from a numpy Generator only. Knows nothing of kinds or files.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy import signal

RATE = 48000
TOP = 19000.0  # Hz; no partial lies above it: Opus keeps nothing beyond 20 kHz
AIR = 9000.0  # Hz; above it noise falls by 12 dB an octave, as small bodies and the air let it

Wave = np.ndarray
Range = tuple[float, float]


def count(seconds: float) -> int:
    """Samples in `seconds`."""
    return max(1, round(seconds * RATE))


def between(rng: np.random.Generator, span: Range) -> float:
    """A number between the two, uniform on a logarithmic scale when both are positive, else uniform."""
    low, high = span
    if low > 0:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))
    return float(rng.uniform(low, high))


def time_axis(n: int) -> Wave:
    """Seconds of n samples."""
    return np.arange(n) / RATE


@lru_cache(maxsize=512)
def _butterworth(low: float, high: float, order: int) -> Wave:
    if low <= 0:
        return signal.butter(order, min(high, 0.49 * RATE), "low", fs=RATE, output="sos")
    if high >= RATE / 2:
        return signal.butter(order, low, "high", fs=RATE, output="sos")
    return signal.butter(order, (low, high), "band", fs=RATE, output="sos")


def band(wave: Wave, low: float, high: float, order: int = 2) -> Wave:
    """Butterworth band-pass; a low of 0 makes it a low-pass, a high of RATE / 2 and more a high-pass."""
    return signal.sosfilt(_butterworth(float(low), float(high), order), wave)


def fade(n: int, t60: float, attack: float = 0.0005) -> Wave:
    """Envelope that rises linearly in `attack` seconds and falls by 60 dB in `t60` seconds."""
    t = time_axis(n)
    return np.minimum(1.0, t / attack) * np.exp(-6.91 * t / t60)


def white(rng: np.random.Generator, n: int) -> Wave:
    """Gaussian noise [n], flat up to `AIR` at the density that noise of unit variance has at 16 kHz, so that
    its balance with tones does not depend on the rate.
    """
    return np.sqrt(RATE / 16000) * signal.sosfilt(_butterworth(0.0, AIR, 2), rng.normal(size=n))


def wander(rng: np.random.Generator, n: int, rate_hz: float) -> Wave:
    """A smooth random curve of unit variance or so that changes about `rate_hz` times a second."""
    points = max(4, int(n / RATE * rate_hz) + 4)
    knots = rng.normal(size=points)
    x = np.linspace(0, points - 3.001, n) + 1
    i = x.astype(int)
    f = 0.5 - 0.5 * np.cos(np.pi * (x - i))
    return knots[i] * (1 - f) + knots[i + 1] * f


def add(target: Wave, grain: Wave, at: int, gain: float = 1.0) -> None:
    """Adds `grain` into `target` from sample `at`, cut at the end."""
    if 0 <= at < len(target):
        part = grain[: len(target) - at]
        target[at : at + len(part)] += gain * part


def times(rng: np.random.Generator, seconds: float, per_second: float) -> np.ndarray:
    """Sample positions of a Poisson process."""
    return rng.integers(0, count(seconds), size=rng.poisson(seconds * per_second))


def unit(wave: Wave) -> Wave:
    """The wave at an RMS of 1."""
    return wave / (np.sqrt(np.mean(wave**2)) + 1e-9)


def length(rng: np.random.Generator) -> float:
    """Seconds of a lasting sound: 4.5 to 6."""
    return float(rng.uniform(4.5, 6.0))


def echoing(rng: np.random.Generator, wave: Wave, t60: float, wet: float) -> Wave:
    """The wave with the reverberation of a room added, `wet` times its own energy's root; at least t60 / 2
    longer.
    """
    n = count(t60)
    response = white(rng, n) * fade(n, t60, 0.004)
    response = band(response, 100, 5000, 1)
    response *= wet / np.sqrt(np.sum(response**2))
    response[0] += 1
    return signal.fftconvolve(wave, response)[: len(wave) + n // 2]


def contact(rng: np.random.Generator, n: int, milliseconds: float) -> Wave:
    """The force of a hit: half a sine of that length, with a little roughness."""
    width = max(2, count(milliseconds / 1000))
    pulse = np.zeros(n)
    pulse[:width] = np.sin(np.pi * np.arange(width) / width) * (1 + 0.3 * rng.normal(size=width))
    return pulse / np.sum(np.abs(pulse[:width]))


def struck(
    rng: np.random.Generator,
    seconds: float,
    lowest: Range,
    modes: int,
    spread: float,
    t60: Range,
    damping: float,
    contact_ms: Range,
    noise: float = 0.0,
) -> Wave:
    """A body hit once: decaying modes excited by a contact pulse, and a burst of contact noise.

    Mode k lies at lowest * (1 + spread * k * (random)); its 60 dB decay is t60 * (lowest / f) ** damping
    (wood and stone damp high modes strongly, metal and glass weakly).
    """
    n, t = count(seconds), time_axis(count(seconds))
    f0 = between(rng, lowest)
    ring = between(rng, t60)
    freqs = f0 * (1 + spread * np.cumsum(rng.uniform(0.3, 1.7, size=modes - 1))) if modes > 1 else np.zeros(0)
    out = np.zeros(n)
    for k, f in enumerate(np.concatenate([[f0], freqs])):
        if f > TOP:
            break
        decay = ring * (f0 / f) ** damping
        gain = rng.uniform(0.2, 1.0) * (f0 / f) ** rng.uniform(0.0, 0.8)
        out += (
            gain
            * np.sin(2 * np.pi * f * t + (0 if k == 0 else rng.uniform(0, 6.28)))
            * np.exp(-6.91 * t / decay)
        )
    out = signal.fftconvolve(out, contact(rng, min(n, count(0.025)), between(rng, contact_ms)))[:n]
    if noise > 0:
        burst = band(white(rng, n), f0 * 0.7, min(TOP, f0 * 12)) * fade(n, rng.uniform(0.01, 0.05))
        out = out / (np.abs(out).max() + 1e-9) + noise * burst / (np.abs(burst).max() + 1e-9)
    return out / (np.abs(out).max() + 1e-9)


def bubble(rng: np.random.Generator, frequency: float, rise: float = 0.1) -> Wave:
    """An air bubble in water (Minnaert): a decaying sine whose damping grows with pitch and whose pitch
    rises.
    """
    damping = 0.043 * frequency + 0.0014 * frequency**1.5
    n = count(min(0.25, 6 / damping))
    t = time_axis(n)
    phase = 2 * np.pi * frequency * (t + 0.5 * rise * damping * t * t)
    return np.sin(phase) * np.exp(-damping * t) * np.minimum(1, t / 0.001)


def shaped_noise(
    rng: np.random.Generator, seconds: float, gain: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Wave:
    """White noise times gain(frequencies [f, 1], seconds [1, t]) in the short-time spectrum (32 ms)."""
    n, window = count(seconds), count(0.032)
    settings = {"fs": RATE, "nperseg": window, "noverlap": window * 3 // 4}
    freqs, at, spectrum = signal.stft(white(rng, n + 2 * window), **settings)
    _, wave = signal.istft(spectrum * gain(freqs[:, None], at[None, :]), **settings)
    return wave[window : window + n]


def curve(rng: np.random.Generator, at: np.ndarray, rate_hz: float) -> np.ndarray:
    """`wander` sampled on the time axis of a short-time spectrum, [1, t]."""
    fine = wander(rng, count(float(at.max()) + 0.1), rate_hz)
    return fine[(at[0] * RATE).astype(int)][None, :]


def pulses(rng: np.random.Generator, pitch: Wave, sharpness: float, jitter: float = 0.0) -> Wave:
    """A pulse train with the pitch curve `pitch` [n] in Hz; `sharpness` near 0 is a sine, 20 a click;
    `jitter` roughens each cycle.
    """
    phase = np.cumsum(pitch / RATE)
    cycle = phase.astype(int)
    strength = 1 + jitter * rng.normal(size=cycle.max() + 1)
    shape = np.exp(sharpness * (np.cos(2 * np.pi * phase) - 1))
    wave = strength[cycle] * shape
    return wave - signal.sosfiltfilt(signal.butter(1, 15, "low", fs=RATE, output="sos"), wave)


def formants(wave: Wave, peaks: list[tuple[float, float, float]]) -> Wave:
    """Sum of resonators (frequency Hz, width Hz, gain) over `wave`."""
    out = np.zeros_like(wave)
    for f, width, gain in peaks:
        b, a = signal.iirpeak(min(f, TOP), max(0.3, f / width), fs=RATE)
        out += gain * signal.lfilter(b, a, wave)
    return out


def tone(pitch: Wave, harmonics: np.ndarray) -> Wave:
    """Sum of harmonics (amplitudes of 1, 2, ...) over the pitch curve [n] in Hz; those above `TOP`
    are left out.
    """
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    top = float(pitch.max())
    return sum(
        (a * np.sin(k * phase) for k, a in enumerate(harmonics, 1) if k * top < TOP), np.zeros(len(pitch))
    )
