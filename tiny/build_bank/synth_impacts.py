"""Single hits of solid bodies by simple physics: decaying modes, contact noise, a room.

Each function takes a numpy Generator and returns a mono wave at 48 kHz that begins with its onset; every
draw is another body. Knows nothing of files or splits. `IMPACTS` names them: generator name -> function.
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
    echoing,
    fade,
    formants,
    struck,
    time_axis,
    white,
)

Rng = np.random.Generator


def wood_knock(rng: Rng) -> Wave:
    """Knuckle, stick or mallet on a board, box or log."""
    modes = rng.integers(8, 20)
    body = struck(rng, 0.5, (110, 650), modes, 0.5, (0.03, 0.14), 0.6, (0.4, 2.5), rng.uniform(0.2, 0.8))
    return echoing(rng, body, 0.3, rng.uniform(0, 0.25))


def metal_clang(rng: Rng) -> Wave:
    """Pipe, pan, plate or bar."""
    modes = rng.integers(24, 60)
    return struck(rng, 1.6, (160, 1100), modes, 0.3, (0.5, 2.2), 0.3, (0.1, 0.6), rng.uniform(0.1, 0.5))


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
        band(white(rng, count(0.25)), 1500, RATE / 2) * fade(count(0.25), rng.uniform(0.06, 0.2)),
        0,
        1.2,
    )
    spread = rng.uniform(0.12, 0.4)
    shards = [
        struck(rng, 0.3, (1800, 5500), rng.integers(2, 5), 0.5, (0.04, 0.3), 0.4, (0.06, 0.15), 0.2)
        for _ in range(16)
    ]
    for _ in range(rng.integers(25, 80)):
        at = min(1.2, rng.exponential(spread))
        add(out, shards[rng.integers(16)], count(at), rng.uniform(0.05, 0.6) * np.exp(-at))
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
    """A rubber or leather ball on a floor: a soft low thump, the ring of the air inside, a slap of the
    skin, the hall.
    """
    n = count(0.5)
    t = time_axis(n)
    f = between(rng, (60, 200))
    thump = np.sin(2 * np.pi * (f * t + f * 0.012 * (1 - np.exp(-t / 0.03)))) * fade(
        n, rng.uniform(0.05, 0.12), 0.002
    )
    air = struck(rng, 0.5, (f * 2.5, f * 7), 8, 0.4, (0.05, 0.16), 0.4, (0.8, 2.5), 0.3)
    slap = band(white(rng, n), 200, rng.uniform(1500, 5000)) * fade(n, rng.uniform(0.02, 0.06), 0.0008)
    dry = (
        rng.uniform(0.4, 1) * thump
        + rng.uniform(0.3, 0.9) * air
        + rng.uniform(0.2, 0.7) * slap / np.abs(slap).max()
    )
    return echoing(rng, dry, rng.uniform(0.3, 1.0), rng.uniform(0.1, 0.5))


def door_slam(rng: Rng) -> Wave:
    """A heavy board against its frame, the rattle of the latch, the room."""
    slam = struck(
        rng, 0.9, (50, 140), rng.integers(14, 28), 0.6, (0.08, 0.3), 0.5, (1, 4), rng.uniform(0.8, 1.6)
    )
    thud = band(white(rng, len(slam)), 50, rng.uniform(250, 700)) * fade(
        len(slam), rng.uniform(0.1, 0.3), 0.002
    )
    slam = slam + rng.uniform(0.3, 1.0) * thud / np.abs(thud).max()
    for _ in range(rng.integers(1, 4)):
        latch = struck(rng, 0.15, (900, 2600), 6, 0.5, (0.02, 0.09), 0.4, (0.1, 0.4), 0.5)
        add(slam, latch, count(rng.uniform(0.005, 0.09)), rng.uniform(0.1, 0.5))
    return echoing(rng, slam, rng.uniform(0.4, 1.0), rng.uniform(0.2, 0.6))


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
            low, high = (700, 6000) if ground == 2 else (1800, TOP)
            for _ in range(rng.integers(15, 60)):
                bit = band(white(rng, count(0.012)), low, high) * fade(
                    count(0.012), rng.uniform(0.002, 0.012)
                )
                add(grain, bit, count(abs(rng.normal(0, 0.035))), rng.exponential(1.0))
            grain = grain / (np.abs(grain).max() + 1e-9)
            grain += 0.4 * struck(rng, 0.25, (70, 160), 3, 0.8, (0.04, 0.1), 0.8, (2, 5))
        add(out, grain, at, gain)
    return out


def hand_clap(rng: Rng) -> Wave:
    """One pair of hands: a noise burst with the resonance of the hollow between the palms, in a room."""
    n = count(0.3)
    burst = white(rng, n) * fade(n, rng.uniform(0.015, 0.05), 0.0004)
    palm = between(rng, (600, 2200))
    peaks = [(palm, palm / rng.uniform(1.0, 3), 1.0), (palm * rng.uniform(1.8, 2.6), palm, 0.5)]
    dry = formants(burst, peaks) + 0.15 * burst
    return echoing(rng, dry, rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.5))


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


def punch(rng: Rng) -> Wave:
    """A fist or a body: a dead thump with the slap of skin or cloth."""
    n = count(0.35)
    t = time_axis(n)
    f = between(rng, (55, 120))
    thump = np.sin(2 * np.pi * (f * t + 0.5 * (1 - np.exp(-t / 0.012)))) * fade(
        n, rng.uniform(0.05, 0.1), 0.001
    )
    slap = band(white(rng, n), rng.uniform(100, 400), rng.uniform(900, 3500)) * fade(
        n, rng.uniform(0.05, 0.14), 0.001
    )
    body = band(white(rng, n), 60, 350) * fade(n, rng.uniform(0.06, 0.14), 0.001)
    cloth = band(white(rng, n), 800, 6000) * fade(n, rng.uniform(0.06, 0.2), 0.01)
    out = (
        rng.uniform(0.2, 0.7) * thump
        + rng.uniform(0.5, 1) * slap / np.abs(slap).max()
        + 0.7 * body / np.abs(body).max()
    )
    return echoing(rng, out + rng.uniform(0, 0.08) * cloth, 0.3, rng.uniform(0, 0.3))


def hoof(rng: Rng) -> Wave:
    """One hoof on a road: a hollow clop."""
    clop = struck(rng, 0.3, (450, 1300), 6, 0.55, (0.03, 0.09), 0.5, (0.4, 1.2), rng.uniform(0.3, 0.8))
    return clop + rng.uniform(0.2, 0.6) * struck(rng, 0.3, (110, 250), 3, 0.7, (0.04, 0.1), 0.6, (1, 3))


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
        if f * ratio < TOP:
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
    ) * np.minimum(1, (n - np.arange(n)) / count(0.2))


IMPACTS: dict[str, Callable[[Rng], Wave]] = {
    "wood_knock": wood_knock,
    "metal_clang": metal_clang,
    "hammer": hammer,
    "glass_clink": glass_clink,
    "glass_break": glass_break,
    "stone_hit": stone_hit,
    "ball_bounce": ball_bounce,
    "door_slam": door_slam,
    "footstep": footstep,
    "hand_clap": hand_clap,
    "key_press": key_press,
    "clock_tick": clock_tick,
    "punch": punch,
    "hoof": hoof,
    "coin": coin,
    "bell": bell,
}
