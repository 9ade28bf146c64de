"""Lasting sounds by simple physics, 4.5 to 6 s each: weather, water, fire, engines, crowds.

Each function takes a numpy Generator and returns a mono wave at 16 kHz. Knows nothing of files or splits.
`AMBIENCES` names them: generator name -> function.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from primitives import (
    RATE,
    Wave,
    add,
    band,
    between,
    bubble,
    count,
    curve,
    fade,
    formants,
    pulses,
    shaped_noise,
    struck,
    time_axis,
    times,
    tone,
    wander,
)
from synth_events import bird_chirp, hand_clap

Rng = np.random.Generator


def _length(rng: Rng) -> float:
    return float(rng.uniform(4.5, 6.0))


def _unit(wave: Wave) -> Wave:
    return wave / (np.sqrt(np.mean(wave**2)) + 1e-9)


def rain(rng: Rng) -> Wave:
    """Drops near by over the hiss of the many far away; on leaves, a road or a roof."""
    seconds, heavy = _length(rng), rng.random()
    tilt = rng.uniform(0.2, 0.9)
    out = _unit(shaped_noise(rng, seconds, lambda f, t: (f > 300) / (1 + f / 2500) ** tilt + 0 * t)) * (
        0.25 + 0.75 * heavy
    )
    low, high = rng.uniform(800, 2500), rng.uniform(5000, 7800)
    for at in times(rng, seconds, between(rng, (60, 700))):
        n = count(rng.uniform(0.002, 0.008))
        add(out, band(rng.normal(size=n), low, high) * fade(n, n / RATE), at, rng.exponential(1.2))
    for at in times(rng, seconds, rng.uniform(0, 60)):
        add(out, bubble(rng, between(rng, (1200, 5000)), 0.05), at, rng.exponential(0.5))
    return out


def wind(rng: Rng) -> Wave:
    """Gusts: noise round one or two wandering pitches, louder where higher."""
    seconds, centre = _length(rng), between(rng, (180, 700))
    whistles = rng.random() < 0.4

    def gain(f: np.ndarray, t: np.ndarray) -> np.ndarray:
        gust = curve(rng, t, 0.8) + 0.3 * curve(rng, t, 3)
        middle = centre * 2 ** (0.6 * gust)
        g = np.exp(-((np.log2((f + 20) / middle) / 0.9) ** 2)) * np.exp(0.6 * gust) + 0.05 / (
            1 + (f / 300) ** 1.5
        )
        if whistles:
            g = g + 0.6 * np.exp(-((np.log2((f + 20) / (2.2 * middle)) / 0.07) ** 2)) * np.exp(0.9 * gust)
        return g

    return shaped_noise(rng, seconds, gain)


def stream(rng: Rng) -> Wave:
    """A brook or a tap: hundreds of bubbles a second over soft noise."""
    seconds = _length(rng)
    out = np.zeros(count(seconds))
    low, high = between(rng, (300, 700)), between(rng, (1800, 4500))
    for at in times(rng, seconds, between(rng, (120, 420))):
        add(out, bubble(rng, between(rng, (low, high)), rng.uniform(0, 0.15)), at, rng.exponential(1.0))
    hiss = shaped_noise(
        rng,
        seconds,
        lambda f, t: (1 + 0.2 * curve(rng, t, 3)) * (f > 200) / (1 + (f / 1500) ** rng.uniform(0.9, 1.6)),
    )
    return _unit(out) + rng.uniform(0.3, 1.0) * _unit(hiss)


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
    """Crackles of all sizes, a hiss, the low breath of the flames."""
    seconds = _length(rng)
    n = count(seconds)
    out = 0.25 * _unit(
        shaped_noise(rng, seconds, lambda f, t: np.exp(0.4 * curve(rng, t, 4)) / (1 + (f / 180) ** 1.5))
    )
    out += rng.uniform(0.03, 0.12) * _unit(band(rng.normal(size=n), 2000, 7500))
    for at in times(rng, seconds, between(rng, (10, 60))):
        m = count(between(rng, (0.002, 0.02)))
        f = between(rng, (600, 3500))
        add(
            out,
            band(rng.normal(size=m), f, min(7800, f * 3)) * fade(m, m / RATE, 0.0002),
            at,
            0.5 * rng.pareto(1.6) ** 0.8,
        )
    return np.clip(out, -6, 6)


def bubbles(rng: Rng) -> Wave:
    """Water that boils or a bottle that empties: fat single bubbles."""
    seconds = _length(rng)
    out = 0.02 * rng.normal(size=count(seconds))
    centre = between(rng, (250, 900))
    for at in times(rng, seconds, between(rng, (8, 60))):
        add(
            out,
            bubble(rng, centre * 2 ** rng.normal(0, 0.5), rng.uniform(0.1, 0.5)),
            at,
            rng.exponential(1.0),
        )
    return out


def car_engine(rng: Rng) -> Wave:
    """Firing pulses through pipe and body, with the load going up and down, over the noise of the tyres."""
    seconds = _length(rng)
    n = count(seconds)
    revs = between(rng, (22, 85)) * np.exp(
        0.12 * wander(rng, n, 0.7) + rng.uniform(-0.3, 0.5) * np.linspace(0, 1, n)
    )
    source = (
        pulses(rng, revs, rng.uniform(3, 12), 0.12)
        + 0.3 * pulses(rng, revs / 2, 6, 0.1)
        + 0.05 * rng.normal(size=n)
    )
    peaks = [(between(rng, (70, 1400)), rng.uniform(50, 300), rng.uniform(0.3, 1)) for _ in range(7)]
    tyres = band(rng.normal(size=n), 150, rng.uniform(700, 2500))
    return _unit(formants(source, peaks)) + rng.uniform(0.1, 0.6) * _unit(tyres)


def train(rng: Rng) -> Wave:
    """Rumble of wheels on rails with the pairs of clacks at the joints."""
    seconds = _length(rng)
    n = count(seconds)
    out = _unit(
        shaped_noise(
            rng, seconds, lambda f, t: (1 + 0.2 * curve(rng, t, 5)) / (1 + (f / 350) ** rng.uniform(0.9, 1.4))
        )
    )
    out += 0.15 * _unit(band(rng.normal(size=n), 1500, 5000)) * (1 + 0.5 * wander(rng, n, 8))
    step, pair = rng.uniform(0.4, 0.9), rng.uniform(0.1, 0.17)
    clack = struck(rng, 0.35, (150, 450), 14, 0.5, (0.06, 0.16), 0.4, (0.5, 2), 0.9)
    at = rng.uniform(0, step)
    while at < seconds:
        for k in (0, 1):
            add(out, clack, count(at + k * pair), rng.uniform(2.5, 5.0))
        at += step * rng.uniform(0.96, 1.04)
    return out


def jet(rng: Rng) -> Wave:
    """A jet overhead: roaring noise whose brightness passes, with the whine of the turbines."""
    seconds = _length(rng)
    n = count(seconds)
    peak = rng.uniform(0.2, 0.8) * seconds

    def gain(f: np.ndarray, t: np.ndarray) -> np.ndarray:
        near = np.exp(-(((t - peak) / 2.5) ** 2))
        return (
            (0.4 + near) * (1 + 0.15 * curve(rng, t, 6)) * (f > 60) / (1 + (f / (350 + 1800 * near)) ** 1.3)
        )

    doppler = 1.12 - 0.24 / (1 + np.exp(-2 * (time_axis(n) - peak)))
    whine = tone(between(rng, (1100, 2600)) * doppler, np.array([1, 0.5, 0.3])) * np.exp(
        -(((time_axis(n) - peak) / 2.0) ** 2)
    )
    return _unit(shaped_noise(rng, seconds, gain)) + rng.uniform(0.03, 0.25) * whine


def helicopter(rng: Rng) -> Wave:
    """Blades that slap the air ten to twenty times a second, rotor rumble, turbine."""
    seconds = _length(rng)
    n = count(seconds)
    rate = rng.uniform(9, 19) * (1 + 0.02 * wander(rng, n, 1))
    chop = pulses(rng, rate, rng.uniform(6, 25), 0.1)
    thump = formants(chop, [(between(rng, (60, 140)), 40, 1.0), (between(rng, (150, 400)), 120, 0.6)])
    slap = np.clip(chop, 0, None) * band(rng.normal(size=n), 150, rng.uniform(1500, 4000))
    whine = tone(np.full(n, between(rng, (600, 2200))), np.array([1, 0.4, 0.3]))
    air = band(rng.normal(size=n), 100, 1500)
    return (
        _unit(thump) + rng.uniform(0.4, 1) * _unit(slap) + rng.uniform(0.01, 0.08) * whine + 0.2 * _unit(air)
    )


def siren(rng: Rng) -> Wave:
    """Wail, yelp or two tones, as of an ambulance or a police car."""
    n = count(_length(rng))
    t = time_axis(n)
    low, style = between(rng, (450, 750)), rng.integers(3)
    if style == 2:
        pitch = np.where((t / rng.uniform(0.45, 0.7)) % 2 < 1, low, low * rng.uniform(1.25, 1.4))
    else:
        speed = rng.uniform(0.15, 0.4) if style == 0 else rng.uniform(2, 4.5)
        pitch = low * (
            1 + rng.uniform(0.7, 1.3) * (0.5 - 0.5 * np.cos(2 * np.pi * (speed * t + rng.random())))
        )
    harmonics = rng.uniform(0.45, 0.75) ** np.arange(9) * rng.uniform(0.5, 1, 9)
    street = band(rng.normal(size=n), 100, 900)
    return _unit(tone(pitch, harmonics)) * (1 + 0.1 * wander(rng, n, 2)) + rng.uniform(0.02, 0.12) * _unit(
        street
    )


def machine(rng: Rng) -> Wave:
    """An electric motor: hum and harmonics of the shaft, brushes, gears; drill, vacuum cleaner, fan, mixer."""
    n = count(_length(rng))
    shaft = between(rng, (45, 320)) * (1 + 0.03 * wander(rng, n, 1) * rng.random() + 0.01 * wander(rng, n, 8))
    buzz = tone(shaft, 1 / np.arange(1, 30) ** rng.uniform(0.5, 1.3) * rng.uniform(0.1, 1, 29))
    gears = tone(shaft * rng.integers(5, 14), np.array([1, 0.6, 0.3]))
    rough = band(rng.normal(size=n), rng.uniform(200, 900), rng.uniform(2500, 7500)) * (
        1 + rng.uniform(0, 0.8) * np.sign(tone(shaft, np.array([1.0])))
    )
    return _unit(buzz) + rng.uniform(0, 0.5) * gears + rng.uniform(0.2, 1.2) * _unit(rough)


def applause(rng: Rng) -> Wave:
    """People who clap, each at a pace of three to five a second, some near and some far."""
    seconds = _length(rng)
    out = np.zeros(count(seconds))
    for _ in range(rng.integers(12, 70)):
        mine = [hand_clap(rng)[: count(0.1)] for _ in range(2)]
        at, pace, gain = rng.uniform(0, 0.3), rng.uniform(0.2, 0.33), between(rng, (0.05, 1.0))
        while at < seconds:
            add(out, mine[rng.integers(2)], count(at), gain * rng.uniform(0.6, 1))
            at += pace * rng.uniform(0.9, 1.1)
    return _unit(out) + 0.15 * _unit(band(rng.normal(size=len(out)), 400, 4000))


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
    crack = (
        band(rng.normal(size=n), 200, 7000) * fade(n, rng.uniform(0.1, 0.5), 0.001) * (rng.random(n) < 0.3)
    )
    return np.tanh(1.5 * (out + near * 0.25 * crack)) * np.minimum(1, (n - np.arange(n)) / RATE)


def rolling(rng: Rng) -> Wave:
    """A ball or a wheel that rolls on wood, stone or metal: dense small impacts, stronger once per turn."""
    seconds = _length(rng)
    n = count(seconds)
    t = time_axis(n)
    turn = (
        1 + rng.uniform(0.2, 0.8) * np.sin(2 * np.pi * between(rng, (1.5, 8)) * t) + 0.3 * wander(rng, n, 6)
    )
    bumps = np.zeros(n)
    where = times(rng, seconds, between(rng, (150, 1500)))
    bumps[where] = rng.exponential(1.0, size=len(where))
    low = between(rng, (90, 700))
    body = [(low * r, low * r / rng.uniform(3, 12), rng.uniform(0.3, 1)) for r in (1, 1.7, 2.9, 4.4, 6.1)]
    rough = band(rng.normal(size=n), low * 0.6, min(7500, low * 6))
    return _unit(formants(bumps * np.clip(turn, 0, None), body)) + rng.uniform(0.1, 0.5) * _unit(
        rough * np.clip(turn, 0.1, None)
    )


def birds(rng: Rng) -> Wave:
    """A garden with one to four birds."""
    seconds = _length(rng)
    out = 0.004 * band(rng.normal(size=count(seconds)), 200, 4000)
    for _ in range(rng.integers(1, 5)):
        calls = [bird_chirp(rng) for _ in range(3)]
        gain, pause, at = between(rng, (0.15, 1)), rng.uniform(0.5, 1.3), rng.uniform(0, 0.6)
        while at < seconds - 0.3:
            add(out, calls[rng.integers(3)], count(at), gain)
            at += pause * rng.uniform(0.6, 1.6)
    return out


AMBIENCES: dict[str, Callable[[Rng], Wave]] = {
    f.__name__: f
    for f in (
        rain, wind, stream, sea_waves, fire, bubbles, car_engine, train, jet, helicopter, siren, machine, applause, thunder, rolling,
        birds,
    )
}  # fmt: skip
