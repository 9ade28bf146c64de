"""Single short sounds that are no plain hits, by simple physics: blasts, liquids, air, voices of animals,
signals.

Each function takes a numpy Generator and returns a mono wave at 48 kHz that begins with its onset. Knows
nothing of files or splits. `CALLS` names them: generator name -> function.
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
    echoing,
    fade,
    formants,
    pulses,
    shaped_noise,
    struck,
    time_axis,
    tone,
    wander,
    white,
)

Rng = np.random.Generator


def door_creak(rng: Rng) -> Wave:
    """Stick and slip of a hinge: irregular clicks whose rate glides, through the resonances of the wood."""
    n = count(rng.uniform(0.7, 1.6))
    rough = 1 + rng.uniform(0.03, 0.25) * wander(rng, n, 60)
    glide = (
        np.exp(0.5 * wander(rng, n, 2.5)) * between(rng, (60, 520)) * np.linspace(1, rng.uniform(0.5, 2.0), n)
    )
    slip = pulses(rng, np.clip(glide * rough, 20, 1500), rng.uniform(15, 60), 0.6)
    low = between(rng, (500, 1500))
    peaks = [(low * rng.uniform(1, 4), rng.uniform(60, 300), rng.uniform(0.4, 1.0)) for _ in range(8)]
    swell = np.clip(0.7 + 0.6 * wander(rng, n, 5), 0.1, None) * np.minimum(
        1, (n - np.arange(n)) / (0.1 * RATE)
    )
    return echoing(
        rng,
        formants(slip, peaks) * swell * np.minimum(1, np.arange(n) / count(0.006)),
        0.5,
        rng.uniform(0, 0.4),
    )


def gunshot(rng: Rng) -> Wave:
    """The shock front, the muzzle blast, an echo or two and the tail of the landscape."""
    n = count(1.3)
    blast = white(rng, n) * fade(n, rng.uniform(0.05, 0.15), 0.0002)
    low = band(white(rng, n), 40, rng.uniform(200, 500)) * fade(n, rng.uniform(0.15, 0.35), 0.002)
    tail = band(white(rng, n), 80, rng.uniform(900, 2500)) * fade(n, rng.uniform(0.6, 1.3), 0.01)
    out = blast + rng.uniform(1, 3) * low + rng.uniform(0.05, 0.25) * tail
    for _ in range(rng.integers(0, 4)):
        add(out, band(blast[: count(0.2)], 100, 2000), count(rng.uniform(0.08, 0.5)), rng.uniform(0.05, 0.3))
    return np.tanh(1.5 * out)


def explosion(rng: Rng) -> Wave:
    """A deep burst, debris, a long dark tail."""
    seconds = 2.0
    fall = rng.uniform(0.8, 2.0)
    corner = between(rng, (120, 500))

    def gain(f: np.ndarray, t: np.ndarray) -> np.ndarray:
        return np.exp(-6.9 * t / fall) / (1 + (f / (corner * np.exp(-t) + 60)) ** 1.4)

    body = shaped_noise(rng, seconds, gain)
    n = len(body)
    crack = band(white(rng, n), 50, rng.uniform(1500, 6000)) * fade(n, rng.uniform(0.1, 0.4), 0.001)
    low = band(white(rng, n), 30, 150) * fade(n, rng.uniform(0.6, 1.5), 0.004)
    out = body / np.abs(body).max() + rng.uniform(0.2, 0.8) * crack / np.abs(crack).max()
    out += rng.uniform(0.2, 0.8) * low / np.abs(low).max()
    for _ in range(rng.integers(0, 30)):
        bit = band(white(rng, count(0.05)), 300, 5000) * fade(count(0.05), 0.03)
        add(out, bit, count(rng.uniform(0.2, 1.5)), rng.uniform(0.01, 0.08))
    return np.tanh(1.3 * out) * np.minimum(1, (n - np.arange(n)) / (0.2 * RATE))


def splash(rng: Rng) -> Wave:
    """A body into water: the slap, the crown of spray, the bubbles after it."""
    seconds = rng.uniform(0.8, 1.6)
    size = rng.uniform(0, 1)
    tilt = rng.uniform(0.5, 1.1)

    def gain(f: np.ndarray, t: np.ndarray) -> np.ndarray:
        rise = np.minimum(1, t / 0.02 + 0.3) + 0.6 * np.exp(-(((t - 0.25) / 0.12) ** 2))
        return np.exp(-t * (6 - 3 * size)) * rise * (f > 200) / (1 + (f / 1800) ** tilt)

    spray = shaped_noise(rng, seconds, gain)
    out = spray / np.abs(spray).max()
    slap = band(white(rng, count(0.2)), 150, 1500) * fade(count(0.2), 0.08, 0.001)
    add(out, slap / np.abs(slap).max(), 0, 0.4 + 0.5 * size)
    for _ in range(int(rng.integers(60, 250) * (0.5 + size))):
        at = min(seconds - 0.1, 0.04 + rng.exponential(0.25 + 0.15 * size))
        add(
            out,
            bubble(rng, between(rng, (350, 3500)), rng.uniform(0.0, 0.15)),
            count(at),
            rng.exponential(0.12),
        )
    return out * np.minimum(1, (len(out) - np.arange(len(out))) / (0.15 * RATE))


def water_drop(rng: Rng) -> Wave:
    """One drop into a full or hollow vessel."""
    out = np.zeros(count(0.45))
    add(
        out,
        band(white(rng, count(0.005)), 1500, RATE / 2) * fade(count(0.005), 0.004, 0.0002),
        0,
        rng.uniform(0.05, 0.3),
    )
    f = between(rng, (450, 2600))
    add(out, bubble(rng, f, rng.uniform(0.1, 0.5)), count(rng.uniform(0.002, 0.008)), 1.0)
    for _ in range(rng.integers(0, 3)):
        add(
            out,
            bubble(rng, f * rng.uniform(0.8, 1.6), rng.uniform(0.1, 0.4)),
            count(rng.uniform(0.04, 0.2)),
            rng.uniform(0.1, 0.5),
        )
    return out


def whoosh(rng: Rng) -> Wave:
    """A stick, rope or arm through the air; loudest soon after its start."""
    seconds = rng.uniform(0.35, 0.9)
    peak = rng.uniform(0.25, 0.5) * seconds
    width = rng.uniform(0.06, 0.18)
    centre = between(rng, (500, 2500))
    octaves = rng.uniform(0.9, 1.8)

    def gain(f: np.ndarray, t: np.ndarray) -> np.ndarray:
        speed = np.exp(-(((t - 0.03 - peak) / width) ** 2))
        return speed * np.exp(-((np.log2((f + 50) / (centre * (0.5 + speed))) / octaves) ** 2))

    return shaped_noise(rng, seconds, gain)


def dog_bark(rng: Rng) -> Wave:
    """One bark: a pitch that jumps up and falls, rough, through the throat's formants."""
    n = count(rng.uniform(0.12, 0.26))
    x = np.linspace(0, 1, n)
    size = between(rng, (0.6, 1.4))
    pitch = between(rng, (300, 600)) / size * (0.55 + 0.8 * np.sin(np.pi * np.clip(x * 1.1 + 0.12, 0, 1)))
    pitch = pitch * (1 + rng.uniform(0.02, 0.12) * wander(rng, n, 90))
    source = pulses(rng, pitch, rng.uniform(5, 14), 0.5) + 0.5 * pulses(rng, pitch / 2, 10, 0.3)
    source = source + rng.uniform(0.3, 1.0) * white(rng, n) * np.std(source)
    peaks = [
        (700 / size, 350, 1.0),
        (1500 / size, 500, 0.9),
        (2700 / size, 700, 0.45),
        (4000 / size, 900, 0.2),
    ]
    bark = (
        formants(source, peaks) * np.sin(np.pi * x**0.55) ** 0.7 * np.minimum(1, np.arange(n) / count(0.004))
    )
    return echoing(rng, bark, 0.4, rng.uniform(0, 0.3))


def cat_meow(rng: Rng) -> Wave:
    """One meow: rising and falling pitch while the mouth opens from i over a to u."""
    n = count(rng.uniform(0.5, 1.0))
    x = np.linspace(0, 1, n)
    pitch = (
        between(rng, (420, 750)) * (0.85 + 0.45 * np.sin(np.pi * x**0.7)) * (1 + 0.012 * wander(rng, n, 12))
    )
    harmonics = 1.0 / np.arange(1, 14) ** rng.uniform(0.6, 1.1)
    source = tone(pitch, harmonics) + 0.03 * white(rng, n)
    opening = np.sin(np.pi * x) ** 0.7
    narrow = formants(source, [(500, 150, 0.8), (2400, 300, 0.5)])
    wide = formants(source, [(1100, 250, 1.0), (1800, 300, 0.8), (3300, 500, 0.3)])
    return (
        (narrow * (1 - opening) + wide * opening)
        * np.minimum(1, np.arange(n) / count(0.03))
        * np.minimum(1, (1 - x) / 0.25)
    )


def bird_chirp(rng: Rng) -> Wave:
    """A short call: a few whistled notes with fast glides."""
    out = np.zeros(count(0.8))
    at, base = 0.0, between(rng, (2000, 4800))
    glide, note = rng.uniform(-0.5, 0.5), rng.uniform(0.04, 0.16)
    for _ in range(rng.integers(1, 6)):
        n = count(note * rng.uniform(0.8, 1.2))
        x = np.linspace(0, 1, n)
        trill = 1 + rng.uniform(0, 0.08) * np.sin(2 * np.pi * rng.uniform(20, 60) * time_axis(n))
        pitch = np.clip(base * 2 ** (glide * (x - 0.5) + rng.uniform(-0.1, 0.1)) * trill, 800, 7300)
        add(
            out,
            tone(pitch, np.array([1, 0.15, 0.05])) * np.sin(np.pi * x) ** 0.6,
            count(at),
            rng.uniform(0.5, 1),
        )
        at += note * rng.uniform(1.1, 1.8)
    return out


def car_horn(rng: Rng) -> Wave:
    """Two reeds a third apart, rich in harmonics."""
    n = count(rng.uniform(0.35, 1.3))
    f = between(rng, (300, 520))
    bright = 0.75 + 0.2 * rng.random(14)
    harmonics = bright ** np.arange(14) * rng.uniform(0.4, 1, size=14)
    out = sum(
        tone(np.full(n, f * r), harmonics)
        for r in ((1.0, rng.choice([1.2, 1.25, 1.19, 1.335])) if rng.random() < 0.8 else (1.0,))
    )
    edge = np.minimum(1, np.arange(n) / count(0.015)) * np.minimum(1, (n - np.arange(n)) / count(0.05))
    return np.tanh(0.8 * out) * edge


def telephone_ring(rng: Rng) -> Wave:
    """A ring of a mechanical bell (clapper between two gongs, 20 strokes a second) or a warble."""
    n = count(rng.uniform(0.9, 1.8))
    if rng.random() < 0.6:
        out = np.zeros(n)
        gongs = [between(rng, (1000, 2200))]
        gongs.append(gongs[0] * rng.uniform(1.1, 1.3))
        step = 1 / rng.uniform(18, 26) / 2
        for k in range(int(n / RATE / step)):
            hit = struck(
                np.random.default_rng(k % 2 + int(gongs[0])),
                0.5,
                (gongs[k % 2], gongs[k % 2] * 1.001),
                6,
                0.6,
                (0.4, 0.7),
                0.3,
                (0.1, 0.2),
            )
            add(out, hit, count(k * step), rng.uniform(0.7, 1))
        return out * np.minimum(1, (n - np.arange(n)) / count(0.15))
    t = time_axis(n)
    low, high = between(rng, (600, 1300)), rng.uniform(1.15, 1.5)
    pitch = np.where(np.sin(2 * np.pi * rng.uniform(8, 22) * t) > 0, low, low * high)
    return (
        tone(pitch, np.array([1, 0.2, 0.35, 0.1, 0.15]))
        * np.minimum(1, (n - np.arange(n)) / count(0.025))
        * np.minimum(1, np.arange(n) / count(0.004))
    )


def whistle(rng: Rng) -> Wave:
    """Blown with the mouth (a clean glide) or a referee's whistle (a pea that flutters)."""
    n = count(rng.uniform(0.4, 1.2))
    t = time_axis(n)
    if rng.random() < 0.5:
        pitch = between(rng, (2200, 3400)) * (1 + 0.02 * np.sin(2 * np.pi * rng.uniform(25, 45) * t))
        flutter = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(25, 45) * t)
        wave = (tone(pitch, np.array([1, 0.25, 0.1])) + 0.5 * tone(pitch * 1.07, np.array([1.0]))) * flutter
    else:
        pitch = between(rng, (900, 2000)) * 2 ** (
            rng.uniform(-0.7, 0.7) * t / t[-1] + 0.1 * wander(rng, n, 4)
        )
        wave = tone(pitch, np.array([1, 0.04]))
    breath = band(white(rng, n), 1500, 6000) * rng.uniform(0.02, 0.1)
    return (
        (wave + breath)
        * np.minimum(1, np.arange(n) / count(0.012))
        * np.minimum(1, (n - np.arange(n)) / count(0.05))
    )


CALLS: dict[str, Callable[[Rng], Wave]] = {
    "door_creak": door_creak,
    "gunshot": gunshot,
    "explosion": explosion,
    "splash": splash,
    "water_drop": water_drop,
    "whoosh": whoosh,
    "dog_bark": dog_bark,
    "cat_meow": cat_meow,
    "bird_chirp": bird_chirp,
    "car_horn": car_horn,
    "telephone_ring": telephone_ring,
    "whistle": whistle,
}
