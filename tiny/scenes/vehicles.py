"""Vehicles: cars, sirens, trains, planes, helicopters. All follow a level curve.

A passing vehicle is drawn as large as its level says, so that loudness follows size.
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import ClassVar

from tiny.scenes.draw import Canvas
from tiny.scenes.stage import Actor, Generator, mix, shade


class Passing(Actor):
    """Base of what drives or flies past (place and size from the level) or stands with its engine running."""

    levels: ClassVar[tuple[str, ...]] = ("passing", "passing", "passing", "steady", "swells", "switched")

    def setup(self, rng: Generator) -> None:
        """Colours, direction, whether it passes or stands."""
        self.color, self.second, self.road = self.stage.ink(rng), self.stage.ink(rng), self.stage.ink(rng)
        self.glass, self.dark = (0.65, 0.8, 0.88), (0.07, 0.07, 0.08)
        self.side = 1.0 if rng.random() < 0.5 else -1.0
        values = self.level.values
        self.passes = (
            max(values) > 3 * min(values)
            and len(values) > 20
            and values.index(max(values)) not in (0, len(values) - 1)
        )
        self.peak = self.level.times[values.index(max(values))]
        self.pace = rng.uniform(0.35, 0.6)
        self.rate = rng.uniform(6.0, 10.0)

    def pose(self, t: float) -> tuple[float, float, float, float]:
        """Place x, ground y, size and level at time `t`."""
        level = self.level.at(t)
        if not self.passes:
            shake = 0.008 * level * sin(2 * pi * self.rate * t)
            return self.x, self.y + shake, self.size * (0.75 + 0.05 * level), level
        size = self.size * (0.2 + 0.8 * level)
        away = t - self.peak
        x = (
            0.5 * self.stage.aspect
            + self.side * self.pace * away / (0.35 + 0.2 * abs(away)) * 0.6 * self.stage.aspect
        )
        return x, self.y - 0.25 * self.size * (1 - level), size, level


class Car(Passing):
    """A car, truck or motor cycle; with `siren` its lights flash."""

    def still(self, canvas: Canvas) -> None:
        """The road."""
        canvas.box(0.5 * self.stage.aspect, self.y + 0.04, self.stage.aspect, 0.05, shade(self.road, 0.7))

    def draw(self, canvas: Canvas, t: float) -> None:
        """Body, turning wheels, exhaust or flashing lights."""
        x, y, s, level = self.pose(t)
        d = self.side
        canvas.ellipse(x, y, 0.5 * s, 0.05 * s, (0.03, 0.03, 0.03), alpha=0.5)
        tall = 0.2 if self.color[0] > self.second[0] else 0.28
        canvas.box(x - d * 0.05 * s, y - (0.2 + tall) * s, 0.28 * s, tall * 0.6 * s, shade(self.color, 0.85))
        canvas.box(x + d * 0.02 * s, y - (0.22 + tall) * s, 0.18 * s, tall * 0.4 * s, self.glass)
        canvas.box(x, y - 0.2 * s, 0.48 * s, 0.12 * s, self.color)
        turn = 9.0 * self.level.turns(t) + 3 * t
        for place in (-0.29, 0.29):
            canvas.disc(x + place * s, y - 0.07 * s, 0.1 * s, self.dark)
            canvas.line(
                x + place * s,
                y - 0.07 * s,
                x + place * s + 0.08 * s * cos(turn),
                y - 0.07 * s + 0.08 * s * sin(turn),
                0.03 * s,
                (0.8, 0.8, 0.8),
            )
        canvas.disc(x + d * 0.46 * s, y - 0.2 * s, 0.035 * s, (1.0, 0.95, 0.7))
        if self.kind == "siren":
            on = int(t * 5) % 2
            for i, tint in enumerate(((1.0, 0.1, 0.1), (0.2, 0.4, 1.0))):
                bright = 1.0 if i == on and level > 0.02 else 0.25
                lx, ly = x + (i - 0.5) * 0.2 * s, y - (0.2 + 1.75 * tall) * s
                canvas.disc(lx, ly, 0.06 * s, shade(tint, bright))
                if bright == 1.0:
                    canvas.glow(lx, ly, 0.45 * s, tint, 0.6)
        elif level > 0.05:
            for i in range(3):
                p = (2.5 * t + i / 3) % 1.0
                canvas.glow(
                    x - d * (0.5 + 0.25 * p) * s,
                    y - (0.1 + 0.1 * p) * s,
                    (0.04 + 0.1 * p) * s,
                    (0.7, 0.7, 0.7),
                    level * (1 - p),
                )


class Train(Passing):
    """A row of waggons on rails that runs through the picture, faster when louder."""

    levels = ("passing", "fades", "steady", "swells")

    def setup(self, rng: Generator) -> None:
        """Waggons."""
        super().setup(rng)
        self.long = self.size * rng.uniform(0.7, 1.0)
        self.steam = rng.random() < 0.4

    def still(self, canvas: Canvas) -> None:
        """Rails and sleepers."""
        canvas.box(0.5 * self.stage.aspect, self.y + 0.01, self.stage.aspect, 0.012, self.road)
        for i in range(14):
            canvas.box(self.stage.aspect * i / 13, self.y + 0.035, 0.02, 0.014, shade(self.road, 0.6))

    def draw(self, canvas: Canvas, t: float) -> None:
        """Waggons that come round again, wheels, steam."""
        level, run = self.level.at(t), 1.1 * self.level.turns(t)
        s = self.size * (0.45 + 0.4 * level)
        step = 1.08 * self.long
        count = int(self.stage.aspect / step) + 3
        shake = 0.01 * level * sin(2 * pi * 3.0 * run)
        for i in range(count):
            x = ((i * step + self.side * run) % (count * step)) - step
            canvas.box(
                x, self.y - 0.36 * s + shake, 0.5 * self.long, 0.26 * s, self.color if i % 2 else self.second
            )
            for window in range(3):
                canvas.box(
                    x + (window - 1) * 0.28 * self.long,
                    self.y - 0.44 * s + shake,
                    0.09 * self.long,
                    0.09 * s,
                    self.glass,
                )
            for place in (-0.3, 0.3):
                wx = x + place * self.long
                canvas.disc(wx, self.y - 0.06 * s, 0.08 * s, self.dark)
                canvas.line(
                    wx,
                    self.y - 0.06 * s,
                    wx + 0.07 * s * cos(14 * run),
                    self.y - 0.06 * s + 0.07 * s * sin(14 * run),
                    0.02,
                    (0.7, 0.7, 0.7),
                )
        if self.steam:
            for i in range(5):
                p = (1.5 * t + i / 5) % 1.0
                canvas.glow(
                    self.x - self.side * 0.4 * p,
                    self.y - (0.7 + 0.3 * p) * s,
                    (0.08 + 0.16 * p) * s,
                    (0.9, 0.9, 0.9),
                    level * (1 - p),
                )


class Plane(Passing):
    """An aeroplane across the sky with a shimmering jet, or a rocket-like take-off."""

    def pose(self, t: float) -> tuple[float, float, float, float]:
        """Higher up than a car, trembling with the engines."""
        x, y, s, level = super().pose(t)
        return x, y - 0.35 * self.size + 0.012 * level * sin(40 * t), s, level

    def draw(self, canvas: Canvas, t: float) -> None:
        """Hull, wings, tail, jet."""
        x, y, s, level = self.pose(t)
        d = self.side
        for i in range(4):
            p = (6 * t + i / 4) % 1.0
            canvas.glow(
                x - d * (0.5 + 0.5 * p) * s,
                y,
                (0.06 + 0.1 * p) * s,
                mix((1.0, 0.7, 0.3), (0.85, 0.85, 0.85), p),
                level * (1 - p),
            )
        canvas.ellipse(x, y, 0.5 * s, 0.085 * s, self.color)
        canvas.polygon(
            [
                (x + d * 0.1 * s, y),
                (x - d * 0.1 * s, y),
                (x - d * 0.28 * s, y + 0.28 * s),
                (x - d * 0.18 * s, y + 0.28 * s),
            ],
            self.second,
        )
        canvas.polygon(
            [
                (x + d * 0.1 * s, y),
                (x - d * 0.1 * s, y),
                (x - d * 0.22 * s, y - 0.2 * s),
                (x - d * 0.14 * s, y - 0.2 * s),
            ],
            shade(self.second, 0.7),
        )
        canvas.polygon(
            [
                (x - d * 0.36 * s, y),
                (x - d * 0.5 * s, y),
                (x - d * 0.54 * s, y - 0.2 * s),
                (x - d * 0.46 * s, y - 0.2 * s),
            ],
            self.second,
        )
        canvas.ellipse(x + d * 0.4 * s, y - 0.03 * s, 0.05 * s, 0.03 * s, self.glass)


class Helicopter(Passing):
    """A helicopter whose rotor blurs round; it hovers or flies past."""

    levels = ("passing", "steady", "swells", "fades", "switched")

    def draw(self, canvas: Canvas, t: float) -> None:
        """Cabin, tail, skids, rotors."""
        x, y, s, level = self.pose(t)
        d = self.side
        y += -0.35 * self.size + 0.02 * sin(1.7 * t)
        canvas.line(x, y, x - d * 0.55 * s, y - 0.06 * s, 0.07 * s, self.color)
        canvas.ellipse(x, y, 0.24 * s, 0.16 * s, self.color)
        canvas.ellipse(x + d * 0.1 * s, y - 0.02 * s, 0.12 * s, 0.1 * s, self.glass)
        canvas.line(x - 0.18 * s, y + 0.22 * s, x + 0.2 * s, y + 0.22 * s, 0.03 * s, self.dark)
        canvas.line(x, y - 0.15 * s, x, y - 0.24 * s, 0.04 * s, self.dark)
        turn = 2 * pi * 5.3 * (self.level.turns(t) + 0.2 * t) if level > 0.01 else 0.0
        reach = 0.55 * s
        canvas.ellipse(x, y - 0.25 * s, reach, 0.03 * s, (0.6, 0.6, 0.6), alpha=0.3 * level)
        for blade in (0.0, pi / 2):
            w = reach * cos(turn + blade)
            canvas.line(
                x - w,
                y - 0.25 * s - 0.03 * s * sin(turn),
                x + w,
                y - 0.25 * s + 0.03 * s * sin(turn),
                0.03 * s,
                self.dark,
            )
        tx, ty = x - d * 0.56 * s, y - 0.06 * s
        canvas.line(
            tx - 0.1 * s * cos(1.3 * turn),
            ty - 0.1 * s * sin(1.3 * turn),
            tx + 0.1 * s * cos(1.3 * turn),
            ty + 0.1 * s * sin(1.3 * turn),
            0.03 * s,
            self.dark,
        )
