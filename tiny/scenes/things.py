"""Things that hands move: doors, keyboards, pianos, guitars.

Each event starts a visible move or flash at its own time.
"""

from __future__ import annotations

from math import cos, pi

import numpy as np

from tiny.scenes.draw import Canvas
from tiny.scenes.motion import NEVER, Rhythm, fading, raised, ringing, smooth
from tiny.scenes.stage import SKIN, WOOD, Actor, Generator, mix, shade


class Door(Actor):
    """A door in its frame: slams shut at the event, or (creaking) starts to move at it."""

    rhythm = Rhythm(0.25, 0.9, 1.0, ("rare", "loose"))
    kick = 0.15

    def setup(self, rng: Generator) -> None:
        """Leaf, frame, side."""
        self.leaf = mix(WOOD, self.stage.ink(rng), 0.7)
        self.frame, self.hole = self.stage.ink(rng), mix(self.leaf, (0, 0, 0), 0.8)
        self.side = 1.0 if rng.random() < 0.5 else -1.0
        self.half = self.size * rng.uniform(0.26, 0.34)
        self.slow = rng.uniform(0.7, 1.1)

    def still(self, canvas: Canvas) -> None:
        """Frame and the dark behind."""
        canvas.box(self.x, self.y - 0.5 * self.size, self.half + 0.04, 0.5 * self.size + 0.03, self.frame)
        canvas.box(self.x, self.y - 0.5 * self.size, self.half, 0.5 * self.size, self.hole)

    def draw(self, canvas: Canvas, t: float) -> None:
        """The leaf seen in perspective: narrow when open."""
        m = self.beats.at(t)
        if self.kind == "door_slam":
            width = 1.0 - 0.75 * raised(m, 0.25, 0.9) * (0.0 if m.until == NEVER and m.since > 0.2 else 1.0)
            width += 0.03 * ringing(m, 14.0, 0.08)
        else:
            moved = smooth(m.since / self.slow) ** 0.7 if m.number >= 0 else 1.0
            width = 1.0 - 0.7 * (moved if m.number % 2 == 0 else 1.0 - moved) if m.number >= 0 else 1.0
        hinge, s = self.x - self.side * self.half, self.size
        edge, lean = hinge + self.side * 2 * self.half * width, 0.1 * s * (1.0 - width)
        canvas.polygon(
            [(hinge, self.y - s), (edge, self.y - s - lean), (edge, self.y + lean), (hinge, self.y)],
            self.leaf,
        )
        middle, reach = 0.5 * (hinge + edge), 0.55 * self.half * width
        canvas.box(middle, self.y - 0.72 * s, reach, 0.16 * s, shade(self.leaf, 0.75))
        canvas.box(middle, self.y - 0.27 * s, reach, 0.18 * s, shade(self.leaf, 0.75))
        canvas.disc(edge - self.side * 0.12 * self.half * width, self.y - 0.48 * s, 0.03 * s, (0.9, 0.8, 0.4))


class Typing(Actor):
    """A keyboard and a hand; at each event one finger reaches down and a key lights and sinks."""

    rhythm = Rhythm(1.5, 6.0, 0.12, ("loose", "loose", "bursts", "regular"))

    def setup(self, rng: Generator) -> None:
        """Keys, hand, which key comes when."""
        self.rows, self.columns = (3, 8) if rng.random() < 0.6 else (2, 4)
        self.order = rng.integers(0, self.rows * self.columns, max(len(self.beats.times), 1) + 1)
        self.case, self.key = self.stage.ink(rng), self.stage.ink(rng)
        self.key = mix(self.case, (1, 1, 1) if sum(self.case) < 1.5 else (0, 0, 0), 0.5)
        self.skin, self.sleeve = mix(SKIN, self.stage.ink(rng), 0.3), self.stage.ink(rng)

    def _key(self, index: int) -> tuple[float, float]:
        row, column = divmod(int(self.order[index % len(self.order)]), self.columns)
        wide = 1.2 * self.size / self.columns
        return (
            self.x + (column - 0.5 * (self.columns - 1)) * wide,
            self.y - 0.35 * self.size + (row - 0.5 * (self.rows - 1)) * 0.5 * self.size / self.rows,
        )

    def still(self, canvas: Canvas) -> None:
        """Case and keys at rest."""
        canvas.box(self.x, self.y - 0.35 * self.size, 0.68 * self.size, 0.32 * self.size, self.case)
        for i in range(self.rows * self.columns):
            row, column = divmod(i, self.columns)
            wide, tall = 1.2 * self.size / self.columns, 0.5 * self.size / self.rows
            canvas.box(
                self.x + (column - 0.5 * (self.columns - 1)) * wide,
                self.y - 0.35 * self.size + (row - 0.5 * (self.rows - 1)) * tall,
                0.42 * wide,
                0.4 * tall,
                self.key,
            )

    def draw(self, canvas: Canvas, t: float) -> None:
        """The pressed key, then the hand on its way from key to key."""
        m, s = self.beats.at(t), self.size
        lift = raised(m, 0.07, 0.1)
        here, there = self._key(max(m.number, 0)), self._key(m.number + 1)
        share = smooth(m.since / max(m.gap - 0.08, 0.02)) if m.gap < 9 else (1.0 if m.number < 0 else 0.0)
        x, y = here[0] + (there[0] - here[0]) * share, here[1] + (there[1] - here[1]) * share
        if m.number >= 0 and m.since < 0.15:
            wide, tall = 0.5 * s / self.columns, 0.2 * s / self.rows
            canvas.box(here[0], here[1] + 0.015 * s, wide, tall, mix(self.key, (0, 0, 0), 0.6))
        y -= 0.2 * s * lift
        canvas.line(x + 0.1 * s, y + 0.25 * s, x + 0.3 * s, y + 0.75 * s, 0.2 * s, self.sleeve)
        canvas.ellipse(x + 0.09 * s, y + 0.2 * s, 0.14 * s, 0.12 * s, self.skin)
        canvas.line(x + 0.05 * s, y + 0.15 * s, x, y + 0.02 * s, 0.07 * s, shade(self.skin, 0.9))

    def spot(self, index: int) -> tuple[float, float]:
        """The key."""
        return self._key(index)


class Keys(Actor):
    """Piano keys with a finger that presses one at each note."""

    rhythm = Rhythm(0.7, 4.0, 0.18, ("regular", "loose", "bursts"))

    def setup(self, rng: Generator) -> None:
        """Number of keys and the tune."""
        self.count = int(rng.integers(6, 11))
        self.tune = np.clip(
            np.cumsum(rng.integers(-2, 3, len(self.beats.times) + 2)) + self.count // 2, 0, self.count - 1
        )
        self.wide = 1.5 * self.size / self.count
        self.skin, self.wood = mix(SKIN, self.stage.ink(rng), 0.2), self.stage.ink(rng)

    def _left(self, key: int) -> float:
        return self.x + (key - 0.5 * (self.count - 1)) * self.wide

    def still(self, canvas: Canvas) -> None:
        """Case, white and black keys."""
        y, s = self.y - 0.3 * self.size, self.size
        canvas.box(self.x, y, 0.8 * s, 0.4 * s, self.wood)
        for key in range(self.count):
            canvas.box(self._left(key), y, 0.46 * self.wide, 0.3 * s, (0.93, 0.92, 0.88))
            if key % 7 not in (2, 6) and key < self.count - 1:
                canvas.box(
                    self._left(key) + 0.5 * self.wide,
                    y - 0.1 * s,
                    0.27 * self.wide,
                    0.2 * s,
                    (0.06, 0.06, 0.07),
                )

    def draw(self, canvas: Canvas, t: float) -> None:
        """Sunken key and finger."""
        m, s, y = self.beats.at(t), self.size, self.y - 0.3 * self.size
        lift, here, there = (
            raised(m, 0.09, 0.16),
            int(self.tune[max(m.number, 0)]),
            int(self.tune[m.number + 1]),
        )
        if m.number >= 0 and m.since < 0.3:
            canvas.box(self._left(here), y + 0.12 * s, 0.46 * self.wide, 0.2 * s, (0.62, 0.6, 0.56))
        share = smooth(m.since / max(m.gap - 0.1, 0.02)) if m.gap < 9 else (1.0 if m.number < 0 else 0.0)
        x = self._left(here) + (self._left(there) - self._left(here)) * share
        tip = y + 0.2 * s - 0.28 * s * lift
        canvas.line(x, tip, x + 0.06 * s, tip + 0.3 * s, 0.1 * s, self.skin)
        canvas.ellipse(x + 0.1 * s, tip + 0.42 * s, 0.2 * s, 0.16 * s, shade(self.skin, 0.85))

    def spot(self, index: int) -> tuple[float, float]:
        """The key."""
        return self._left(int(self.tune[index])), self.y - 0.1 * self.size


class Strings(Actor):
    """Guitar strings: a hand plucks one, which swings and dies away."""

    rhythm = Rhythm(0.7, 4.0, 0.18, ("regular", "loose", "bursts"))

    def setup(self, rng: Generator) -> None:
        """Body, number of strings, the tune."""
        self.count = int(rng.integers(3, 7))
        self.tune = rng.integers(0, self.count, len(self.beats.times) + 2)
        self.body, self.skin = mix(WOOD, self.stage.ink(rng), 0.7), mix(SKIN, self.stage.ink(rng), 0.3)

    def _height(self, string: int) -> float:
        return self.y - 0.45 * self.size + (string - 0.5 * (self.count - 1)) * 0.4 * self.size / self.count

    def still(self, canvas: Canvas) -> None:
        """The body with its hole."""
        y, s = self.y - 0.45 * self.size, self.size
        canvas.box(self.x + 0.5 * s, y, 0.5 * s, 0.1 * s, shade(self.body, 0.5))
        canvas.ellipse(self.x - 0.05 * s, y, 0.42 * s, 0.32 * s, self.body)
        canvas.ellipse(self.x - 0.4 * s, y, 0.36 * s, 0.42 * s, self.body)
        canvas.disc(self.x - 0.05 * s, y, 0.14 * s, (0.08, 0.05, 0.03))

    def draw(self, canvas: Canvas, t: float) -> None:
        """Strings, the plucked one bent both ways, then the hand."""
        m, s = self.beats.at(t), self.size
        hit = int(self.tune[max(m.number, 0)])
        wide = 0.09 * s * fading(m, 0.3) if m.number >= 0 else 0.0
        left, right, middle = self.x - 0.6 * s, self.x + 0.9 * s, self.x - 0.05 * s
        for string in range(self.count):
            y = self._height(string)
            if string == hit and wide > 0.004:
                off = wide * cos(2 * pi * 21.0 * m.since)
                canvas.line(left, y, middle, y + off, 0.02 * s, (1, 0.97, 0.85))
                canvas.line(middle, y + off, right, y, 0.02 * s, (1, 0.97, 0.85))
            else:
                canvas.line(left, y, right, y, 0.012 * s, (0.85, 0.83, 0.75))
        there = int(self.tune[m.number + 1])
        lift = raised(m, 0.1, 0.15)
        share = smooth(m.since / max(m.gap - 0.1, 0.02)) if m.gap < 9 else (1.0 if m.number < 0 else 0.0)
        y = self._height(hit) + (self._height(there) - self._height(hit)) * share + 0.16 * s * (1 - lift)
        canvas.ellipse(middle - 0.02 * s, y + 0.16 * s, 0.1 * s, 0.15 * s, self.skin)
        canvas.line(middle - 0.02 * s, y + 0.08 * s, middle, y - 0.04 * s, 0.05 * s, shade(self.skin, 0.85))

    def spot(self, index: int) -> tuple[float, float]:
        """Over the hole."""
        return self.x - 0.05 * self.size, self.y - 0.45 * self.size
