"""Short sounds by simple physics, one hit each: impacts, liquids, blasts, voices of animals, small machines.

Each function takes a numpy Generator and returns a mono wave at 16 kHz that begins with its onset; every
draw is another body. Knows nothing of files or splits. `EVENTS` names them: generator name -> function.
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
    fade,
    formants,
    pulses,
    shaped_noise,
    struck,
    time_axis,
    tone,
    wander,
)

Rng = np.random.Generator


def wood_knock(rng: Rng) -> Wave:
    """Knuckle, stick or mallet on a board, box or log."""
    body = struck(
        rng, 0.5, (130, 900), rng.integers(5, 12), 0.9, (0.06, 0.3), 0.9, (0.5, 2.5), rng.uniform(0, 0.4)
    )
    return body


def metal_clang(rng: Rng) -> Wave:
    """Pipe, pan, plate or bar."""
    return struck(
        rng,
        1.6,
        (180, 1400),
        rng.integers(14, 40),
        0.45,
        (0.5, 2.2),
        0.35,
        (0.15, 0.8),
        rng.uniform(0.05, 0.4),
    )


def hammer(rng: Rng) -> Wave:
    """A hammer on a nail or an anvil: a bright short ring over a dull thump."""
    ring = struck(rng, 0.7, (900, 3200), rng.integers(6, 16), 0.5, (0.06, 0.6), 0.3, (0.1, 0.35), 0.5)
    thump = struck(rng, 0.7, (90, 300), 5, 0.8, (0.05, 0.16), 0.8, (1.0, 3.0), 0.2)
    return ring + rng.uniform(0.3, 1.2) * thump


def glass_clink(rng: Rng) -> Wave:
    """Two glasses, a spoon on a cup."""
    hit = struck(
        rng, 0.9, (1100, 3600), rng.integers(4, 9), 0.7, (0.15, 0.9), 0.4, (0.08, 0.25), rng.uniform(0, 0.15)
    )
    if rng.random() < 0.4:
        add(
            hit,
            struck(rng, 0.6, (1300, 4000), 5, 0.7, (0.15, 0.6), 0.4, (0.08, 0.2)),
            count(rng.uniform(0.0, 0.02)),
            0.6,
        )
    return hit


def glass_break(rng: Rng) -> Wave:
    """The crack of a pane, then shards that ring and fall."""
    out = np.zeros(count(1.5))
    add(
        out,
        band(rng.normal(size=count(0.25)), 1500, 8000) * fade(count(0.25), rng.uniform(0.06, 0.2)),
        0,
        1.2,
    )
    spread = rng.uniform(0.12, 0.4)
    for _ in range(rng.integers(25, 80)):
        at = min(1.2, rng.exponential(spread))
        shard = struck(rng, 0.3, (1800, 5500), rng.integers(2, 5), 0.5, (0.04, 0.3), 0.4, (0.06, 0.15), 0.2)
        add(out, shard, count(at), rng.uniform(0.05, 0.6) * np.exp(-at))
    return out


def stone_hit(rng: Rng) -> Wave:
    """Stone on stone or on concrete."""
    hit = struck(
        rng,
        0.35,
        (500, 2400),
        rng.integers(8, 20),
        0.35,
        (0.02, 0.08),
        0.3,
        (0.1, 0.5),
        rng.uniform(0.5, 1.2),
    )
    thump = struck(rng, 0.35, (90, 220), 3, 0.9, (0.04, 0.1), 0.8, (1, 3))
    for _ in range(rng.integers(0, 4)):
        add(hit, hit.copy() * rng.uniform(0.1, 0.3), count(rng.uniform(0.03, 0.2)))
    return hit + rng.uniform(0, 0.7) * thump


def ball_bounce(rng: Rng) -> Wave:
    """A rubber or leather ball on a floor: a soft low thump, the ring of the air inside, a slap of the skin."""
    n = count(0.45)
    t = time_axis(n)
    f = between(rng, (70, 260))
    thump = np.sin(2 * np.pi * (f * t + f * 0.4 * 0.03 * (1 - np.exp(-t / 0.03)))) * fade(
        n, rng.uniform(0.08, 0.22), 0.003
    )
    air = struck(rng, 0.45, (f * 2.5, f * 5), 4, 0.5, (0.08, 0.3), 0.4, (1.5, 4.0))
    slap = band(rng.normal(size=n), 300, rng.uniform(1200, 4000)) * fade(n, rng.uniform(0.02, 0.06), 0.001)
    return thump + rng.uniform(0.1, 0.5) * air + rng.uniform(0.05, 0.35) * slap


def door_slam(rng: Rng) -> Wave:
    """A heavy board against its frame, the rattle of the latch, the room."""
    slam = struck(
        rng, 0.9, (55, 160), rng.integers(8, 16), 0.9, (0.15, 0.5), 0.7, (2, 5), rng.uniform(0.4, 0.9)
    )
    for _ in range(rng.integers(1, 4)):
        latch = struck(rng, 0.15, (900, 2600), 6, 0.5, (0.02, 0.09), 0.4, (0.1, 0.4), 0.5)
        add(slam, latch, count(rng.uniform(0.005, 0.09)), rng.uniform(0.1, 0.4))
    room = band(rng.normal(size=len(slam)), 60, 1200) * fade(len(slam), rng.uniform(0.3, 0.7), 0.01)
    return slam + rng.uniform(0.01, 0.05) * room / np.abs(room).max() * 3


def door_creak(rng: Rng) -> Wave:
    """Stick and slip of a hinge: irregular clicks whose rate glides, through the resonances of the wood."""
    n = count(rng.uniform(0.7, 1.6))
    glide = (
        np.exp(0.5 * wander(rng, n, 2.5)) * between(rng, (35, 180)) * np.linspace(1, rng.uniform(0.5, 2.0), n)
    )
    slip = pulses(rng, glide, rng.uniform(8, 40), 0.5)
    peaks = [(between(rng, (350, 3200)), rng.uniform(40, 200), rng.uniform(0.4, 1.0)) for _ in range(6)]
    swell = np.clip(0.7 + 0.5 * wander(rng, n, 4), 0.1, None) * np.minimum(
        1, (n - np.arange(n)) / (0.1 * RATE)
    )
    return formants(slip, peaks) * swell * np.minimum(1, np.arange(n) / 100)


def footstep(rng: Rng) -> Wave:
    """Heel, then sole: on a hard floor, on wood, on gravel or on leaves."""
    out = np.zeros(count(0.4))
    ground = rng.integers(4)
    gap = count(rng.uniform(0.05, 0.13))
    for at, gain in ((0, 1.0), (gap, rng.uniform(0.2, 0.6))):
        if ground == 0:
            grain = struck(rng, 0.2, (180, 700), 7, 0.6, (0.02, 0.07), 0.5, (0.4, 1.5), 0.9)
        elif ground == 1:
            grain = struck(rng, 0.25, (80, 240), 8, 0.8, (0.05, 0.15), 0.8, (1, 4), 0.5)
        else:
            grain = np.zeros(count(0.25))
            low, high = (700, 6000) if ground == 2 else (1800, 7800)
            for _ in range(rng.integers(15, 60)):
                bit = band(rng.normal(size=count(0.012)), low, high) * fade(
                    count(0.012), rng.uniform(0.002, 0.012)
                )
                add(grain, bit, count(abs(rng.normal(0, 0.035))), rng.exponential(1.0))
            grain = grain / (np.abs(grain).max() + 1e-9)
            grain += 0.4 * struck(rng, 0.25, (70, 160), 3, 0.8, (0.04, 0.1), 0.8, (2, 5))
        add(out, grain, at, gain)
    return out


def hand_clap(rng: Rng) -> Wave:
    """One pair of hands: a noise burst with the resonance of the hollow between the palms."""
    n = count(0.3)
    burst = rng.normal(size=n) * fade(n, rng.uniform(0.015, 0.05), 0.0004)
    palm = between(rng, (600, 2200))
    out = (
        formants(burst, [(palm, palm / rng.uniform(1.5, 4), 1.0), (palm * rng.uniform(1.8, 2.6), palm, 0.5)])
        + 0.15 * burst
    )
    tail = band(rng.normal(size=n), 500, 5000) * fade(n, rng.uniform(0.1, 0.3), 0.002)
    return out / np.abs(out).max() + rng.uniform(0.0, 0.06) * tail


def key_press(rng: Rng) -> Wave:
    """A key of a keyboard: the click going down, the bottom, the return."""
    out = np.zeros(count(0.25))
    add(
        out,
        struck(rng, 0.08, (1500, 4200), 6, 0.4, (0.008, 0.03), 0.3, (0.1, 0.4), 0.8),
        0,
        rng.uniform(0.2, 0.6),
    )
    down = struck(rng, 0.15, (250, 900), 8, 0.6, (0.015, 0.06), 0.4, (0.3, 1.0), 0.7)
    add(out, down, count(rng.uniform(0.002, 0.012)), 1.0)
    up = struck(rng, 0.08, (900, 3200), 6, 0.5, (0.01, 0.03), 0.3, (0.1, 0.5), 0.7)
    add(out, up, count(rng.uniform(0.07, 0.14)), rng.uniform(0.15, 0.5))
    return out


def clock_tick(rng: Rng) -> Wave:
    """The escapement of a clock: two or three tiny clicks in a wooden or metal case."""
    out = np.zeros(count(0.25))
    case = (
        (lambda: struck(rng, 0.2, (700, 1800), 6, 0.7, (0.02, 0.1), 0.5, (0.1, 0.4), 0.2))
        if rng.random() < 0.5
        else (lambda: struck(rng, 0.2, (2200, 4800), 5, 0.4, (0.01, 0.06), 0.4, (0.06, 0.2), 0.3))
    )
    add(out, case(), 0, 1.0)
    for _ in range(rng.integers(1, 3)):
        add(out, case(), count(rng.uniform(0.008, 0.045)), rng.uniform(0.15, 0.6))
    return out


def gunshot(rng: Rng) -> Wave:
    """The shock front, the muzzle blast, an echo or two and the tail of the landscape."""
    n = count(1.3)
    blast = rng.normal(size=n) * fade(n, rng.uniform(0.05, 0.15), 0.0002)
    low = band(rng.normal(size=n), 40, rng.uniform(200, 500)) * fade(n, rng.uniform(0.15, 0.35), 0.002)
    tail = band(rng.normal(size=n), 80, rng.uniform(900, 2500)) * fade(n, rng.uniform(0.6, 1.3), 0.01)
    out = blast + rng.uniform(1, 3) * low + rng.uniform(0.05, 0.25) * tail
    for _ in range(rng.integers(0, 4)):
        add(out, band(blast[: count(0.2)], 100, 2000), count(rng.uniform(0.08, 0.5)), rng.uniform(0.05, 0.3))
    return np.tanh(1.5 * out)


def explosion(rng: Rng) -> Wave:
    """A deep burst, debris, a long dark tail."""
    seconds = 2.0
    fall = rng.uniform(0.8, 2.0)
    corner = between(rng, (150, 700))
    body = shaped_noise(
        rng, seconds, lambda f, t: np.exp(-6.9 * t / fall) / (1 + (f / (corner * np.exp(-t) + 60)) ** 1.6)
    )
    n = len(body)
    crack = rng.normal(size=n) * fade(n, rng.uniform(0.03, 0.2), 0.001)
    boom = np.sin(2 * np.pi * np.cumsum(between(rng, (35, 80)) * np.exp(-time_axis(n))) / RATE) * fade(
        n, 0.7, 0.004
    )
    out = body / np.abs(body).max() + rng.uniform(0.1, 0.5) * crack / 3 + rng.uniform(0.2, 0.8) * boom
    for _ in range(rng.integers(0, 30)):
        bit = band(rng.normal(size=count(0.05)), 300, 5000) * fade(count(0.05), 0.03)
        add(out, bit, count(rng.uniform(0.2, 1.5)), rng.uniform(0.01, 0.08))
    return np.tanh(1.3 * out) * np.minimum(1, (n - np.arange(n)) / (0.2 * RATE))


def punch(rng: Rng) -> Wave:
    """A fist or a body: a dead thump with the slap of skin or cloth."""
    n = count(0.3)
    t = time_axis(n)
    f = between(rng, (60, 140))
    thump = np.sin(2 * np.pi * (f * t + 0.6 * (1 - np.exp(-t / 0.012)))) * fade(
        n, rng.uniform(0.06, 0.16), 0.001
    )
    slap = band(rng.normal(size=n), rng.uniform(250, 700), rng.uniform(1800, 4500)) * fade(
        n, rng.uniform(0.02, 0.07), 0.0008
    )
    cloth = band(rng.normal(size=n), 800, 6000) * fade(n, rng.uniform(0.06, 0.2), 0.01)
    return thump + rng.uniform(0.2, 0.7) * slap + rng.uniform(0, 0.08) * cloth


def splash(rng: Rng) -> Wave:
    """A body into water: the slap, the crown of spray, the bubbles after it."""
    seconds = rng.uniform(0.8, 1.6)
    size = rng.uniform(0, 1)
    spray = shaped_noise(
        rng,
        seconds,
        lambda f, t: (
            np.exp(-t * (6 - 3 * size)) * np.minimum(1, t / 0.02 + 0.3) / (1 + np.abs(f / 1400 - 0.8) ** 1.3)
        ),
    )
    out = spray / np.abs(spray).max()
    add(
        out, band(rng.normal(size=count(0.2)), 150, 1500) * fade(count(0.2), 0.08, 0.001), 0, 0.3 + 0.4 * size
    )
    for _ in range(int(rng.integers(30, 120) * (0.5 + size))):
        at = min(seconds - 0.1, 0.04 + rng.exponential(0.25 + 0.15 * size))
        add(
            out,
            bubble(rng, between(rng, (350, 2600)), rng.uniform(0.02, 0.2)),
            count(at),
            rng.exponential(0.12),
        )
    return out * np.minimum(1, (len(out) - np.arange(len(out))) / (0.15 * RATE))


def water_drop(rng: Rng) -> Wave:
    """One drop into a full or hollow vessel."""
    out = np.zeros(count(0.45))
    add(out, band(rng.normal(size=80), 1500, 8000) * fade(80, 0.004, 0.0002), 0, rng.uniform(0.05, 0.3))
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


def coin(rng: Rng) -> Wave:
    """A coin on a table: a bright ring, then faster and faster bounces."""
    out = np.zeros(count(1.1))
    f = between(rng, (2600, 5200))
    at, gap, gain = 0.0, rng.uniform(0.06, 0.25), 1.0
    for _ in range(rng.integers(1, 9)):
        ring = struck(rng, 0.6, (f, f * 1.01), 4, 0.32, (0.15, 0.6), 0.2, (0.05, 0.12), 0.25)
        add(out, ring, count(at), gain)
        at, gap, gain = at + gap, gap * rng.uniform(0.6, 0.85), gain * rng.uniform(0.5, 0.85)
        if at > 0.9:
            break
    return out


def whoosh(rng: Rng) -> Wave:
    """A stick, rope or arm through the air; loudest soon after its start."""
    seconds = rng.uniform(0.25, 0.7)
    peak = rng.uniform(0.25, 0.5) * seconds
    width = rng.uniform(0.05, 0.13)
    centre = between(rng, (500, 2200))

    def gain(f: np.ndarray, t: np.ndarray) -> np.ndarray:
        speed = np.exp(-(((t - 0.03 - peak) / width) ** 2))
        middle = centre * (0.5 + speed)
        return speed**1.5 * np.exp(-((np.log2((f + 50) / middle) / 0.7) ** 2))

    return shaped_noise(rng, seconds, gain)


def bell(rng: Rng) -> Wave:
    """A cast bell: hum, prime, tierce, quint, nominal and above, each a beating pair."""
    n = count(2.0)
    t = time_axis(n)
    f = between(rng, (180, 1500))
    ring = rng.uniform(1.5, 5.0)
    out = np.zeros(n)
    for ratio, gain in (
        (0.5, 0.5),
        (1, 1),
        (1.19, 0.8),
        (1.5, 0.4),
        (2, 0.9),
        (2.51, 0.4),
        (2.66, 0.3),
        (3.01, 0.4),
        (4.16, 0.3),
        (5.4, 0.2),
    ):
        if f * ratio < 7500:
            for beat in (0.0, rng.uniform(0.3, 2.5)):
                out += (
                    gain
                    * rng.uniform(0.4, 1)
                    * np.sin(2 * np.pi * (f * ratio + beat) * t)
                    * np.exp(-6.91 * t * ratio**0.7 / ring)
                )
    out /= np.abs(out).max()
    return (
        out + 0.2 * struck(rng, 2.0, (f * 3, f * 4), 6, 0.4, (0.02, 0.06), 0.2, (0.1, 0.3), 0.5)
    ) * np.minimum(1, (n - np.arange(n)) / 3200)


def dog_bark(rng: Rng) -> Wave:
    """One bark: a pitch that jumps up and falls, rough, through the throat's formants."""
    n = count(rng.uniform(0.14, 0.3))
    x = np.linspace(0, 1, n)
    size = between(rng, (0.7, 1.5))
    pitch = between(rng, (220, 420)) / size * (0.7 + 0.9 * np.sin(np.pi * np.clip(x * 1.15 + 0.1, 0, 1)))
    source = pulses(rng, pitch, rng.uniform(4, 10), 0.35) + rng.uniform(0.1, 0.3) * rng.normal(size=n)
    peaks = [(650 / size, 200, 1.0), (1250 / size, 300, 0.7), (2500 / size, 500, 0.25)]
    return formants(source, peaks) * np.sin(np.pi * x**0.6) ** 0.8 * np.minimum(1, np.arange(n) / 80)


def cat_meow(rng: Rng) -> Wave:
    """One meow: rising and falling pitch while the mouth opens from i over a to u."""
    n = count(rng.uniform(0.5, 1.0))
    x = np.linspace(0, 1, n)
    pitch = (
        between(rng, (420, 750)) * (0.85 + 0.45 * np.sin(np.pi * x**0.7)) * (1 + 0.012 * wander(rng, n, 12))
    )
    harmonics = 1.0 / np.arange(1, 14) ** rng.uniform(0.6, 1.1)
    source = tone(pitch, harmonics) + 0.03 * rng.normal(size=n)
    opening = np.sin(np.pi * x) ** 0.7
    narrow = formants(source, [(500, 150, 0.8), (2400, 300, 0.5)])
    wide = formants(source, [(1100, 250, 1.0), (1800, 300, 0.8), (3300, 500, 0.3)])
    return (
        (narrow * (1 - opening) + wide * opening)
        * np.minimum(1, np.arange(n) / 500)
        * np.minimum(1, (1 - x) / 0.25)
    )


def bird_chirp(rng: Rng) -> Wave:
    """A short call: a few whistled notes with fast glides."""
    out = np.zeros(count(0.8))
    at, base = 0.0, between(rng, (2000, 4800))
    glide, length = rng.uniform(-0.5, 0.5), rng.uniform(0.04, 0.16)
    for _ in range(rng.integers(1, 6)):
        n = count(length * rng.uniform(0.8, 1.2))
        x = np.linspace(0, 1, n)
        trill = 1 + rng.uniform(0, 0.08) * np.sin(2 * np.pi * rng.uniform(20, 60) * time_axis(n))
        pitch = np.clip(base * 2 ** (glide * (x - 0.5) + rng.uniform(-0.1, 0.1)) * trill, 800, 7300)
        add(
            out,
            tone(pitch, np.array([1, 0.15, 0.05])) * np.sin(np.pi * x) ** 0.6,
            count(at),
            rng.uniform(0.5, 1),
        )
        at += length * rng.uniform(1.1, 1.8)
    return out


def hoof(rng: Rng) -> Wave:
    """One hoof on a road: a hollow clop."""
    clop = struck(rng, 0.3, (450, 1300), 6, 0.55, (0.03, 0.09), 0.5, (0.4, 1.2), rng.uniform(0.3, 0.8))
    return clop + rng.uniform(0.2, 0.6) * struck(rng, 0.3, (110, 250), 3, 0.7, (0.04, 0.1), 0.6, (1, 3))


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
    """A ring of a mechanical bell (clapper at about 20 per second between two gongs) or an electronic warble."""
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
        * np.minimum(1, (n - np.arange(n)) / 400)
        * np.minimum(1, np.arange(n) / 60)
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
    breath = band(rng.normal(size=n), 1500, 6000) * rng.uniform(0.02, 0.1)
    return (wave + breath) * np.minimum(1, np.arange(n) / 200) * np.minimum(1, (n - np.arange(n)) / 800)


EVENTS: dict[str, Callable[[Rng], Wave]] = {
    f.__name__: f
    for f in (
        wood_knock, metal_clang, hammer, glass_clink, glass_break, stone_hit, ball_bounce, door_slam, door_creak, footstep,
        hand_clap, key_press, clock_tick, gunshot, explosion, punch, splash, water_drop, coin, whoosh, bell, dog_bark, cat_meow,
        bird_chirp, hoof, car_horn, telephone_ring, whistle,
    )
}  # fmt: skip
