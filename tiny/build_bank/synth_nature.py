"""Lasting sounds of weather, water, fire and birds by simple physics, 4.5 to 6 s each.

Each function takes a numpy Generator and returns a mono wave at 48 kHz. Knows nothing of files or splits.
`NATURE` names them: generator name -> function.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from primitives import (
    RATE,
    TOP,
    Wave,
    add,
    band,
    between,
    bubble,
    count,
    curve,
    fade,
    length,
    shaped_noise,
    times,
    unit,
    wander,
    white,
)
from synth_calls import bird_chirp

Rng = np.random.Generator


def rain(rng: Rng) -> Wave:
    """Drops near by over the hiss of the many far away; on leaves, a road or a roof."""
    seconds, heavy = length(rng), rng.random()
    tilt = rng.uniform(0.1, 0.7)
    hiss = shaped_noise(rng, seconds, lambda f, t: (f > 400) / (1 + f / 3000) ** tilt + 0 * t)
    out = unit(hiss) * (0.2 + 0.6 * heavy)
    low, high = rng.uniform(800, 2500), rng.uniform(5000, 14000)
    drops = []
    for _ in range(24):
        n = count(rng.uniform(0.002, 0.008))
        drops.append(band(white(rng, n), low, high) * fade(n, n / RATE))
    for at in times(rng, seconds, between(rng, (100, 900))):
        add(out, drops[rng.integers(24)], at, rng.exponential(1.0))
    for at in times(rng, seconds, rng.uniform(10, 120)):
        add(out, bubble(rng, between(rng, (1200, 5000)), 0.05), at, rng.exponential(0.8))
    return out


def wind(rng: Rng) -> Wave:
    """Gusts: noise round one or two wandering pitches, louder where higher."""
    seconds, centre = length(rng), between(rng, (250, 900))
    whistles, wide = rng.random() < 0.4, rng.uniform(0.8, 1.6)

    def gain(f: np.ndarray, t: np.ndarray) -> np.ndarray:
        gust = curve(rng, t, 0.7) + 0.2 * curve(rng, t, 3)
        middle = centre * 2 ** (0.5 * gust)
        g = np.exp(-((np.log2((f + 20) / middle) / wide) ** 2)) * np.exp(0.5 * gust)
        if whistles:
            g = g + 0.5 * np.exp(-((np.log2((f + 20) / (2.2 * middle)) / 0.1) ** 2)) * np.exp(0.8 * gust)
        return g + 0.02

    return shaped_noise(rng, seconds, gain)


def stream(rng: Rng) -> Wave:
    """A brook or a tap: hundreds of bubbles a second over soft noise."""
    seconds = length(rng)
    out = np.zeros(count(seconds))
    low, high = between(rng, (300, 700)), between(rng, (1800, 4500))
    for at in times(rng, seconds, between(rng, (120, 420))):
        add(out, bubble(rng, between(rng, (low, high)), rng.uniform(0, 0.15)), at, rng.exponential(1.0))
    hiss = shaped_noise(
        rng,
        seconds,
        lambda f, t: (1 + 0.2 * curve(rng, t, 3)) * (f > 200) / (1 + (f / 1500) ** rng.uniform(0.9, 1.6)),
    )
    return unit(out) + rng.uniform(0.3, 1.0) * unit(hiss)


def sea_waves(rng: Rng) -> Wave:
    """Swell that builds, breaks and runs out over sand."""
    seconds = 6.0
    period, phase = rng.uniform(2.8, 6.0), rng.uniform(0, 1)

    def gain(f: np.ndarray, t: np.ndarray) -> np.ndarray:
        x = (t / period + phase) % 1
        swell = np.where(x < 0.35, (x / 0.35) ** 2, np.exp(-(x - 0.35) * 4.5))
        corner = 300 + 3200 * swell
        return (0.12 + swell) / (1 + (f / corner) ** 1.7) + 0.02

    return shaped_noise(rng, seconds, gain)


def fire(rng: Rng) -> Wave:
    """Crackles of all sizes, a faint hiss, the low breath of the flames."""
    seconds = length(rng)
    n = count(seconds)
    breath = shaped_noise(rng, seconds, lambda f, t: np.exp(0.4 * curve(rng, t, 4)) / (1 + (f / 150) ** 1.8))
    out = rng.uniform(0.02, 0.12) * unit(breath) + rng.uniform(0.005, 0.03) * unit(
        band(white(rng, n), 2000, 14000)
    )
    busy = np.exp(0.7 * wander(rng, n, 2))
    snaps = []
    for _ in range(40):
        m = count(between(rng, (0.001, 0.012)))
        f = between(rng, (800, 4000))
        snaps.append(band(white(rng, m), f, min(TOP, f * 3)) * fade(m, m / RATE, 0.0001))
    for at in times(rng, seconds, between(rng, (12, 50))):
        add(out, snaps[rng.integers(40)], at, 0.5 * busy[at] * min(8.0, rng.pareto(1.5)))
    return np.clip(out, -6, 6)


def bubbles(rng: Rng) -> Wave:
    """Water that boils or a bottle that empties: fat bubbles in bursts over the wash of small ones."""
    seconds = length(rng)
    out = np.zeros(count(seconds))
    centre, busy = between(rng, (180, 800)), np.exp(0.8 * wander(rng, count(seconds), 3))
    for at in times(rng, seconds, between(rng, (25, 160))):
        grain = bubble(rng, centre * 2 ** rng.normal(0, 0.6), rng.uniform(0.0, 0.3))
        add(out, grain, at, busy[at] * rng.exponential(1.0))
    wash = np.zeros(count(seconds))
    for at in times(rng, seconds, between(rng, (50, 250))):
        add(wash, bubble(rng, between(rng, (800, 3500)), 0.1), at, busy[at] * rng.exponential(1.0))
    return unit(out) + rng.uniform(0.1, 0.6) * unit(wash) + 0.03 * white(rng, count(seconds))


def thunder(rng: Rng) -> Wave:
    """A crack near by or none, then rolls that darken."""
    seconds = 5.0
    rolls = [(0.0, 1.0, rng.uniform(0.8, 1.6))] + [
        (rng.uniform(0.2, 2.5), rng.uniform(0.2, 0.8), rng.uniform(0.5, 1.5)) for _ in range(5)
    ]
    near = rng.random()

    def gain(f: np.ndarray, t: np.ndarray) -> np.ndarray:
        level = sum(g * np.where(t > a, np.exp(-(t - a) / d), 0) for a, g, d in rolls)
        return level * (f > 25) / (1 + (f / (60 + 700 * near * np.exp(-t * 1.2) + 90 * level)) ** 1.8)

    out = shaped_noise(rng, seconds, gain)
    out /= np.abs(out).max()
    n = len(out)
    crack = band(white(rng, n), 200, 7000) * fade(n, rng.uniform(0.1, 0.5), 0.001) * (rng.random(n) < 0.3)
    return np.tanh(1.5 * (out + near * 0.25 * crack)) * np.minimum(1, (n - np.arange(n)) / RATE)


def birds(rng: Rng) -> Wave:
    """A garden with one to four birds."""
    seconds = length(rng)
    out = 0.004 * band(white(rng, count(seconds)), 200, 4000)
    for _ in range(rng.integers(1, 5)):
        calls = [bird_chirp(rng) for _ in range(3)]
        gain, pause, at = between(rng, (0.15, 1)), rng.uniform(0.5, 1.3), rng.uniform(0, 0.6)
        while at < seconds - 0.3:
            add(out, calls[rng.integers(3)], count(at), gain)
            at += pause * rng.uniform(0.6, 1.6)
    return out


NATURE: dict[str, Callable[[Rng], Wave]] = {
    "rain": rain,
    "wind": wind,
    "stream": stream,
    "sea_waves": sea_waves,
    "fire": fire,
    "bubbles": bubbles,
    "thunder": thunder,
    "birds": birds,
}
