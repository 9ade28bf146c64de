"""When things happen and how far they have moved: beats (event times), level curves, rhythms and strokes.

Events come first, motion is bent to meet them: at an event's own time the ball touches, the hammer lands.
Knows no pictures and no sounds; times in seconds, strengths and levels from 0 to 1.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import cos, exp, pi
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Generator = np.random.Generator

NEVER = 1e6


class Moment(NamedTuple):
    """A time seen between two events; `since` or `until` is NEVER (a million seconds) where there is none."""

    number: int
    since: float
    until: float
    last: float
    next: float

    @property
    def gap(self) -> float:
        """Seconds from the event before to the event after."""
        return self.since + self.until


@dataclass(frozen=True)
class Beats:
    """The times (s, rising) and strengths (0..1) of one object's events."""

    times: tuple[float, ...]
    strengths: tuple[float, ...]

    def at(self, t: float) -> Moment:
        """Where time `t` lies between the events."""
        after = bisect_right(self.times, t)
        before = after - 1
        return Moment(
            before,
            t - self.times[before] if before >= 0 else NEVER,
            self.times[after] - t if after < len(self.times) else NEVER,
            self.strengths[before] if before >= 0 else 0.0,
            self.strengths[after] if after < len(self.times) else 0.0,
        )


@dataclass(frozen=True)
class Level:
    """A loudness curve: straight lines through (times, values); also drives how much is seen to move."""

    times: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, t: float) -> float:
        """Level at time `t`, 0..1."""
        return float(np.interp(t, self.times, self.values))

    def turns(self, t: float) -> float:
        """The level added up from 0 to `t` (level x s): the phase of something whose speed is the level."""
        grid = np.linspace(0.0, t, 2 + int(24 * t))
        values = np.interp(grid, self.times, self.values)
        return float(np.sum(values[1:] + values[:-1]) * 0.5 * (grid[1] - grid[0])) if t > 0 else 0.0

    def samples(self, count: int, rate: int) -> npt.NDArray[np.float32]:
        """The curve at every sample of a sound."""
        return np.interp(np.arange(count) / rate, self.times, self.values).astype(np.float32)


@dataclass(frozen=True)
class Rhythm:
    """How often an object's events come.

    Attributes:
        low: events a second, slowest.
        high: events a second, fastest.
        gap: seconds that two events keep apart at least.
        styles: names of the generators below that suit the object.
    """

    low: float
    high: float
    gap: float = 0.14
    styles: tuple[str, ...] = ("regular", "loose", "bursts")


def smooth(x: float) -> float:
    """0 to 1 with soft ends."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)


def raised(m: Moment, fall: float = 0.16, rise: float = 0.22) -> float:
    """How far something that strikes is lifted: 0 at the event itself (fastest there), up to 1 in between."""
    fall, rise = min(fall, 0.45 * m.gap), min(rise, 0.5 * m.gap)
    down = 1.0 - (1.0 - m.until / fall) ** 2 if m.until < fall else 1.0
    up = 1.0 - (1.0 - m.since / rise) ** 2 if m.since < rise else 1.0
    return min(down, up) * effort(m)


def effort(m: Moment) -> float:
    """How hard the coming stroke will be (0.35..1), moving from the last strength to the next."""
    if m.until == NEVER:
        strength = m.last
    elif m.since == NEVER:
        strength = m.next
    else:
        strength = m.last + (m.next - m.last) * smooth(m.since / max(m.gap, 1e-6))
    return 0.35 + 0.65 * strength


def fading(m: Moment, decay: float) -> float:
    """What remains of the last event: its strength at once, then dying away with `decay` seconds."""
    return m.last * exp(-m.since / decay) if m.since < 8 * decay else 0.0


def ringing(m: Moment, frequency: float, decay: float) -> float:
    """A swing (-1..1) set off by the last event, `frequency` times a second."""
    return fading(m, decay) * cos(2 * pi * frequency * m.since) if m.since < 8 * decay else 0.0


def bouncing(m: Moment, height: float, gravity: float) -> float:
    """Height of a ball that touches the ground at the events: parabolas, held at the top in long pauses."""
    fall = (2.0 * height / gravity) ** 0.5
    if m.gap <= 2.0 * fall:
        return 0.5 * gravity * m.since * m.until
    falling = height - 0.5 * gravity * (fall - m.until) ** 2 if m.until < fall else height
    if m.since == NEVER:
        return falling
    if m.last < 0.4:
        # a spent ball lies still, then is picked up again
        lift = 0.0 if m.until == NEVER else smooth((m.since - 0.1) / max(m.gap - fall - 0.15, 0.05))
        return min(falling, height * lift)
    rising = height - 0.5 * gravity * (fall - m.since) ** 2 if m.since < fall else height
    return min(falling, rising)


def beats(rng: Generator, rhythm: Rhythm, seconds: float) -> Beats:
    """Draw the events of one object: 1 at least, none in the first or last 0.15 s."""
    rate = float(np.exp(rng.uniform(np.log(rhythm.low), np.log(rhythm.high))))
    style = rhythm.styles[int(rng.integers(len(rhythm.styles)))]
    times, strengths = _STYLES[style](rng, rate, seconds)
    kept: list[tuple[float, float]] = []
    for time, strength in zip(times, strengths, strict=True):
        if 0.15 <= time <= seconds - 0.15 and (not kept or time - kept[-1][0] >= rhythm.gap):
            kept.append((float(time), float(min(max(strength, 0.12), 1.0))))
    if len(kept) > 5 and rng.random() < 0.25:
        # silence for a while
        quiet = rng.uniform(0.0, seconds - 2.0)
        kept = [pair for pair in kept if not quiet < pair[0] < quiet + 2.0] or kept[:1]
    if not kept:
        kept = [(float(rng.uniform(0.25, 0.75)) * seconds, float(rng.uniform(0.5, 1.0)))]
    return Beats(tuple(time for time, _ in kept), tuple(strength for _, strength in kept))


def _strengths(rng: Generator, count: int) -> list[float]:
    middle = rng.uniform(0.55, 0.9)
    return list(np.clip(middle + rng.uniform(0.03, 0.2) * rng.standard_normal(count), 0.15, 1.0))


def _regular(rng: Generator, rate: float, seconds: float) -> tuple[list[float], list[float]]:
    times = np.arange(rng.uniform(0.15, 0.15 + min(1 / rate, 1.0)), seconds, 1 / rate)
    times = times + rng.uniform(0.0, 0.03) * rng.standard_normal(len(times)) / rate
    strengths = _strengths(rng, len(times))
    if rng.random() < 0.3:
        strengths = [s * (1.0 if i % 2 else 0.6) for i, s in enumerate(strengths)]
    return sorted(times), strengths


def _loose(rng: Generator, rate: float, seconds: float) -> tuple[list[float], list[float]]:
    gaps = rng.gamma(3.0, 1 / (3.0 * rate), int(seconds * rate * 2) + 4)
    times = np.cumsum(gaps)
    return list(times), _strengths(rng, len(times))


def _bursts(rng: Generator, rate: float, seconds: float) -> tuple[list[float], list[float]]:
    times: list[float] = []
    now = rng.uniform(0.2, 1.0)
    while now < seconds:
        count = int(rng.integers(2, 6))
        times += [now + i * 0.6 / rate for i in range(count)]
        now = times[-1] + rng.uniform(0.8, 2.2) / min(rate, 1.6)
    return times, _strengths(rng, len(times))


def _decaying(rng: Generator, rate: float, seconds: float) -> tuple[list[float], list[float]]:
    """A ball let fall: gaps and strengths shrink by the restitution, then it is dropped again."""
    times: list[float] = []
    strengths: list[float] = []
    now = rng.uniform(0.3, 0.9)
    while now < seconds:
        keep, gap, strength = rng.uniform(0.62, 0.85), rng.uniform(0.55, 0.85), rng.uniform(0.8, 1.0)
        while gap > 0.13 and now < seconds:
            times.append(now)
            strengths.append(strength)
            now, gap, strength = now + gap, gap * keep, strength * keep
        now += rng.uniform(0.8, 2.0)
    return times, strengths


def _rare(rng: Generator, rate: float, seconds: float) -> tuple[list[float], list[float]]:
    count = max(1, min(int(rng.poisson(rate * seconds)), int(seconds / 0.9)))
    times = sorted(rng.uniform(0.3, max(seconds - 0.3, 0.4), count))
    return list(times), list(rng.uniform(0.6, 1.0, count))


_STYLES = {"regular": _regular, "loose": _loose, "bursts": _bursts, "decaying": _decaying, "rare": _rare}


def level(rng: Generator, seconds: float, style: str) -> Level:
    """Draw a level curve: "steady", "swells", "gusts", "switched", "fades" or "passing"."""
    if style == "passing":
        middle, width = seconds * rng.uniform(0.3, 0.7), rng.uniform(0.7, 2.2)
        times = np.linspace(0.0, seconds, 48)
        return _curve(times, 0.03 + 0.97 / (1.0 + ((times - middle) / width) ** 2))
    if style == "swells":
        times = np.linspace(0.0, seconds, 48)
        period = rng.uniform(2.0, 5.0)
        wave = 0.5 - 0.5 * np.cos(2 * np.pi * (times / period + rng.random()))
        return _curve(times, rng.uniform(0.15, 0.4) + (1 - 0.4) * wave)
    if style == "gusts":
        times = np.linspace(0.0, seconds, 2 + int(seconds / rng.uniform(0.5, 1.2)))
        return _curve(times, rng.uniform(0.15, 1.0, len(times)))
    if style == "switched":
        on = rng.uniform(0.1, 0.4) * seconds
        off = rng.uniform(0.6, 0.95) * seconds if rng.random() < 0.6 else seconds + 1.0
        return Level((0.0, on, on + 0.06, off, off + 0.12, off + 9.0), (0.0, 0.0, 0.9, 0.9, 0.0, 0.0))
    if style == "fades":
        ends = (rng.uniform(0.0, 0.15), 1.0)
        first, last = ends if rng.random() < 0.5 else ends[::-1]
        return Level((0.0, 0.2 * seconds, 0.8 * seconds, seconds), (first, first, last, last))
    value = rng.uniform(0.5, 1.0)
    return Level((0.0, seconds), (value, value))


def _curve(times: npt.NDArray[np.floating], values: npt.NDArray[np.floating]) -> Level:
    return Level(tuple(float(t) for t in times), tuple(float(min(max(v, 0.0), 1.0)) for v in values))
