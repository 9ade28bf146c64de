"""Lasting sounds of engines, wheels and crowds by simple physics, 4.5 to 6 s each.

Each function takes a numpy Generator and returns a mono wave at 48 kHz. Knows nothing of files or splits.
`ENGINES` names them: generator name -> function.
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
    count,
    curve,
    echoing,
    formants,
    length,
    pulses,
    shaped_noise,
    struck,
    time_axis,
    times,
    tone,
    unit,
    wander,
    white,
)
from synth_impacts import hand_clap

Rng = np.random.Generator


def car_engine(rng: Rng) -> Wave:
    """Firing pulses through pipe and body, with the load going up and down, over the noise of the tyres."""
    n = count(length(rng))
    load = np.exp(0.12 * wander(rng, n, 0.7) + rng.uniform(-0.4, 0.6) * np.linspace(0, 1, n))
    revs = between(rng, (30, 110)) * load * (1 + 0.01 * wander(rng, n, 30))
    source = pulses(rng, revs, rng.uniform(3, 10), 0.25) + 0.4 * pulses(rng, revs / 2, 6, 0.2)
    exhaust = np.clip(source, 0, None) * white(rng, n)
    peaks = [(between(rng, (80, 900)), rng.uniform(60, 300), rng.uniform(0.3, 1)) for _ in range(6)]
    peaks += [(between(rng, (900, 3000)), rng.uniform(300, 900), rng.uniform(0.1, 0.4)) for _ in range(3)]
    tyres = band(white(rng, n), 200, rng.uniform(600, 1500), 1)
    engine = unit(formants(unit(source) + rng.uniform(0.2, 0.8) * unit(exhaust), peaks))
    return engine * (0.6 + 0.4 * load) + rng.uniform(0.05, 0.4) * unit(tyres) * load


def train(rng: Rng) -> Wave:
    """Wheels on rails with the pairs of clacks at the joints, over the drive's hum or the puffs of a steam
    engine.
    """
    seconds = length(rng)
    n = count(seconds)
    wheels = 1 + 0.4 * np.sin(2 * np.pi * rng.uniform(4, 12) * time_axis(n)) + 0.2 * wander(rng, n, 10)
    rumble = band(white(rng, n), 50, rng.uniform(150, 500), 1) * wheels
    rails = band(white(rng, n), 700, rng.uniform(2000, 5000)) * (1 + 0.6 * wander(rng, n, 6))
    out = unit(rumble) + rng.uniform(0.03, 0.3) * unit(rails)
    if rng.random() < 0.4:
        puff = np.clip(pulses(rng, np.full(n, rng.uniform(2.5, 7)), 4, 0.2), 0, None)
        steam = band(white(rng, n), 300, rng.uniform(2500, 6500)) * (0.1 + puff)
        out += rng.uniform(0.6, 1.5) * unit(steam)
    else:
        drive = between(rng, (60, 200)) * (1 + 0.05 * wander(rng, n, 0.5))
        out += rng.uniform(0.2, 0.9) * unit(tone(drive, rng.uniform(0.6, 0.9) ** np.arange(16)))
    if rng.random() < 0.4:
        squeal = tone(between(rng, (1500, 3500)) * (1 + 0.01 * wander(rng, n, 3)), np.array([1, 0.3]))
        out += rng.uniform(0.02, 0.15) * squeal * np.clip(wander(rng, n, 1), 0, None)
    step, pair = rng.uniform(0.4, 1.0), rng.uniform(0.09, 0.18)
    clack = struck(rng, 0.35, (150, 450), 20, 0.5, (0.05, 0.14), 0.4, (0.3, 1), 1.0)
    at, strength = rng.uniform(0, step), rng.uniform(1.0, 5.0)
    while at < seconds:
        for k in (0, 1):
            add(out, clack, count(at + k * pair), strength * rng.uniform(0.7, 1))
        at += step * rng.uniform(0.97, 1.03)
    return out


def jet(rng: Rng) -> Wave:
    """An aircraft overhead: a jet's dark roar with the whine of its turbines, or the drone of propellers."""
    seconds = length(rng)
    n = count(seconds)
    peak = rng.uniform(0.2, 0.8) * seconds
    near = np.exp(-(((time_axis(n) - peak) / 2.2) ** 2))
    doppler = 1.12 - 0.24 / (1 + np.exp(-2 * (time_axis(n) - peak)))
    if rng.random() < 0.5:
        blades = between(rng, (55, 130)) * doppler * (1 + 0.004 * wander(rng, n, 5))
        drone = pulses(rng, blades, rng.uniform(2, 6), 0.05) + pulses(
            rng, blades * rng.uniform(1.005, 1.03), 3, 0.05
        )
        peaks = [(between(rng, (90, 1200)), rng.uniform(80, 300), rng.uniform(0.3, 1)) for _ in range(6)]
        air = band(white(rng, n), 100, 1200, 1)
        return (0.5 + near) * (unit(formants(drone, peaks)) + rng.uniform(0.1, 0.4) * unit(air))
    steep, corner = rng.uniform(1.0, 2.2), rng.uniform(0, 900)

    def gain(f: np.ndarray, t: np.ndarray) -> np.ndarray:
        close = np.exp(-(((t - peak) / 2.2) ** 2))
        dark = 1 + (f / (250 + corner * close)) ** steep
        return (1 + close) * (1 + 0.1 * curve(rng, t, 6)) * (f > 60) / dark

    whine = sum(tone(between(rng, (900, 3200)) * doppler, np.array([1, 0.4])) for _ in range(3)) * near
    return unit(shaped_noise(rng, seconds, gain)) + rng.uniform(0.1, 0.6) * whine


def helicopter(rng: Rng) -> Wave:
    """Blades that chop the air ten to twenty times a second, engine, turbine."""
    n = count(length(rng))
    rate = rng.uniform(11, 24) * (1 + 0.02 * wander(rng, n, 1))
    chop = unit(pulses(rng, rate, rng.uniform(0.8, 2.5), 0.06))
    depth = rng.uniform(0.25, 0.7)
    air = band(white(rng, n), 90, rng.uniform(500, 2500), 1) * np.clip(1 + depth * chop, 0.05, None)
    engine = tone(between(rng, (70, 180)) * (1 + 0.01 * wander(rng, n, 4)), 0.8 ** np.arange(18))
    whine = tone(np.full(n, between(rng, (800, 2600))), np.array([1, 0.4, 0.3]))
    thump = formants(chop, [(between(rng, (40, 120)), 60, 1.0)])
    out = unit(air) + rng.uniform(0.1, 0.6) * unit(thump) + rng.uniform(0.2, 0.8) * unit(engine)
    return out + rng.uniform(0.01, 0.12) * whine


def siren(rng: Rng) -> Wave:
    """Wail, yelp or two tones, as of an ambulance or a police car."""
    n = count(length(rng))
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
    street = band(white(rng, n), 100, 900)
    return unit(tone(pitch, harmonics)) * (1 + 0.1 * wander(rng, n, 2)) + rng.uniform(0.02, 0.12) * unit(
        street
    )


def machine(rng: Rng) -> Wave:
    """An electric motor: harmonics of the shaft, brushes, gears; drill, vacuum cleaner, fan, mixer."""
    n = count(length(rng))
    shaft = between(rng, (45, 320)) * (1 + 0.03 * wander(rng, n, 1) * rng.random() + 0.01 * wander(rng, n, 8))
    buzz = tone(shaft, 1 / np.arange(1, 30) ** rng.uniform(0.5, 1.3) * rng.uniform(0.1, 1, 29))
    gears = tone(shaft * rng.integers(5, 14), np.array([1, 0.6, 0.3]))
    rough = band(white(rng, n), rng.uniform(200, 900), rng.uniform(2500, 12000)) * (
        1 + rng.uniform(0, 0.8) * np.sign(tone(shaft, np.array([1.0])))
    )
    return unit(buzz) + rng.uniform(0, 0.5) * gears + rng.uniform(0.2, 1.2) * unit(rough)


def applause(rng: Rng) -> Wave:
    """People who clap, each at a pace of three to five a second, some near and most far, in a hall."""
    seconds = length(rng)
    out = np.zeros(count(seconds))
    claps = [band(hand_clap(rng)[: count(0.05)], 500, RATE / 2, 1) for _ in range(40)]
    claps = [clap / np.sqrt(np.sum(clap**2)) for clap in claps]
    for _ in range(rng.integers(40, 260)):
        mine = [claps[k] for k in rng.integers(40, size=2)]
        at, pace, gain = rng.uniform(0, 0.3), rng.uniform(0.2, 0.33), between(rng, (0.15, 1.0))
        while at < seconds:
            add(out, mine[rng.integers(2)], count(at), gain * rng.uniform(0.6, 1))
            at += pace * rng.uniform(0.85, 1.15)
    wet = band(echoing(rng, out, rng.uniform(0.3, 1.0), rng.uniform(0.1, 0.6))[: len(out)], 400, RATE / 2, 1)
    return wet


def rolling(rng: Rng) -> Wave:
    """A ball or a wheel that rolls on wood, stone or metal: dense small impacts, stronger once per turn."""
    seconds = length(rng)
    n = count(seconds)
    turn = (
        1
        + rng.uniform(0.2, 0.8) * np.sin(2 * np.pi * between(rng, (1.5, 8)) * time_axis(n))
        + 0.2 * wander(rng, n, 6)
    )
    turn = np.clip(turn, 0.05, None)
    bumps = np.zeros(n)
    where = times(rng, seconds, between(rng, (4000, 20000)))
    bumps[where] = rng.gamma(2.0, 0.5, size=len(where))
    low = between(rng, (90, 500))
    body = [(low * r, low * r / rng.uniform(2, 8), rng.uniform(0.3, 1)) for r in (1, 1.7, 2.9, 4.4, 6.1)]
    rough = band(white(rng, n), low * 0.6, min(TOP, low * 6))
    rumble = band(white(rng, n), 40, 200)
    return (
        unit(formants(bumps * turn, body))
        + rng.uniform(0.1, 0.5) * unit(rough * turn)
        + 0.3 * unit(rumble * turn)
    )


ENGINES: dict[str, Callable[[Rng], Wave]] = {
    "car_engine": car_engine,
    "train": train,
    "jet": jet,
    "helicopter": helicopter,
    "siren": siren,
    "machine": machine,
    "applause": applause,
    "rolling": rolling,
}
