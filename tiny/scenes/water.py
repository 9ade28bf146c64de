"""Water: drops and splashes as events; streams, waves and bubbles as lasting sounds.

What falls meets the water at its event's own time; lasting sounds move more the higher their level.
"""

from __future__ import annotations

from math import pi, sin

import numpy as np

from tiny.scenes.draw import Canvas
from tiny.scenes.motion import Rhythm
from tiny.scenes.stage import Actor, Generator, mix


class Splash(Actor):
    """Stones, drops or swimmers that fall into water: a crown of drops and rings start at the event."""

    rhythm = Rhythm(0.25, 1.3, 0.6, ("rare", "loose", "regular"))

    def setup(self, rng: Generator) -> None:
        """Size of what falls, water, drops of the crown."""
        self.drip = self.kind == "water_drop"
        self.r = self.size * (rng.uniform(0.04, 0.06) if self.drip else rng.uniform(0.09, 0.16))
        self.water = mix((0.2, 0.45, 0.6), self.stage.ink(rng, 0.55), 0.5)
        self.foam = mix(self.water, (1, 1, 1), 0.75)
        self.color = mix(self.water, (1, 1, 1), 0.7) if self.drip else self.stage.ink(rng)
        self.fall = rng.uniform(0.3, 0.45)
        self.dx = np.zeros(64) if self.drip else rng.uniform(-0.25, 0.25, 64) * self.size
        count = 10 if self.drip else 24
        self.vx, self.vy = rng.uniform(-0.6, 0.6, count) * self.size, rng.uniform(0.6, 1.9, count) * self.size
        self.tap = self.drip and rng.random() < 0.6
        self.metal = self.stage.ink(rng)

    def still(self, canvas: Canvas) -> None:
        """The water, and the tap that drips."""
        canvas.box(0.5 * self.stage.aspect, self.y + 0.2, self.stage.aspect, 0.25, self.water)
        canvas.box(0.5 * self.stage.aspect, self.y - 0.04, self.stage.aspect, 0.008, self.foam)
        if self.tap:
            canvas.line(
                self.x + 0.3,
                self.y - 1.0 * self.size,
                self.x,
                self.y - 1.0 * self.size,
                0.08 * self.size,
                self.metal,
            )
            canvas.line(
                self.x,
                self.y - 1.0 * self.size,
                self.x,
                self.y - 0.9 * self.size,
                0.08 * self.size,
                self.metal,
            )

    def draw(self, canvas: Canvas, t: float) -> None:
        """Rings and crown of the last one, fall of the next one."""
        m, s = self.beats.at(t), self.size
        big = 0.5 if self.drip else 1.0
        if m.number >= 0 and m.since < 1.5:
            x, age, force = self.x + self.dx[m.number % 64], m.since, m.last * big
            fade = 1.0 - age / 1.5
            for ring in (0.0, 0.18):
                if age > ring:
                    canvas.ring(x, self.y, (0.08 + 0.6 * (age - ring)) * s, 0.035 * s, self.foam, fade, 0.3)
            py = self.y - force * self.vy * age + 1.9 * s * age * age
            seen = py < self.y + 0.01
            if seen.any():
                px = x + self.vx * force * age
                canvas.strokes(px[seen], py[seen], px[seen], py[seen] + 0.05 * s, self.foam, 1.0, 0.045 * s)
            if age < 0.2:
                canvas.ellipse(
                    x, self.y, (0.12 + 0.5 * age) * s * big, (0.25 - age) * 0.8 * s * force, self.foam
                )
        if m.until < self.fall:
            share = 1.0 - m.until / self.fall
            start = 0.88 * s if self.drip else self.y + 0.1
            y = self.y - self.r - start * (1.0 - share * share)
            canvas.disc(self.x + self.dx[(m.number + 1) % 64], y, self.r, self.color)
        elif self.drip and m.until < self.fall + 0.5:
            canvas.disc(self.x, self.y - 0.88 * s, self.r * (1 - (m.until - self.fall) / 0.5), self.color)

    def spot(self, index: int) -> tuple[float, float]:
        """Where it meets the water."""
        return self.x + float(self.dx[index % 64]), self.y


class Stream(Actor):
    """Running water: a brook that flows across, or a fall or jet that pours down."""

    levels = ("steady", "steady", "swells", "switched")

    def setup(self, rng: Generator) -> None:
        """Direction, width, flecks of foam."""
        self.down = rng.random() < 0.5
        self.wide = rng.uniform(0.12, 0.35) if self.down else rng.uniform(0.2, 0.4)
        self.water = mix((0.25, 0.5, 0.65), self.stage.ink(rng, 0.55), 0.4)
        self.foam = mix(self.water, (1, 1, 1), 0.7)
        n = 60
        self.across, self.phase, self.rate = (
            rng.uniform(-1, 1, n),
            rng.uniform(0, 1, n),
            rng.uniform(0.6, 1.3, n),
        )
        self.speed = rng.uniform(0.8, 1.4)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Flecks carried along; the fall foams where it lands."""
        level, run = self.level.at(t), self.speed * self.level.turns(t)
        if self.down:
            width = self.wide * (0.3 + 0.7 * level)
            canvas.box(0.5 * self.stage.aspect, 0.92, self.stage.aspect, 0.1, self.water)
            if level < 0.03:
                return
            canvas.box(self.x, 0.5, width, 0.5, self.water, alpha=0.85)
            p = (self.phase + 1.6 * self.rate * run) % 1.0
            x, y = self.x + self.across * width * 0.95, 1.0 * p * p * 0.85
            canvas.strokes(x, y, x, y + 0.05 + 0.08 * p, self.foam, 0.9, 0.012)
            for i in range(6):
                b = (self.phase[i] + 3 * run) % 1.0
                canvas.glow(
                    self.x + self.across[i] * width * 1.2,
                    0.87 - 0.1 * b * level,
                    0.05 + 0.1 * b,
                    self.foam,
                    0.8 * (1 - b),
                )
            return
        middle = 0.72
        canvas.box(0.5 * self.stage.aspect, middle, self.stage.aspect, 0.5 * self.wide + 0.08, self.water)
        p = (self.phase + 0.8 * self.rate * run) % 1.0
        x = p * 1.2 * self.stage.aspect - 0.1
        y = middle + self.across * (0.5 * self.wide + 0.05) + 0.015 * np.sin(14 * x + 9 * run)
        canvas.strokes(
            x,
            y,
            x + 0.03 + 0.09 * self.rate * level,
            y + 0.01 * np.sin(20 * x + 5 * run),
            self.foam,
            0.9,
            0.014,
        )


class Waves(Actor):
    """Waves that roll up to a beach; crests and foam follow the level."""

    levels = ("swells", "swells", "gusts")

    def setup(self, rng: Generator) -> None:
        """Sea, sand, horizon."""
        self.horizon = rng.uniform(0.25, 0.45)
        self.sea = mix((0.12, 0.35, 0.5), self.stage.ink(rng, 0.55), 0.3)
        self.foam, self.sand = (0.93, 0.96, 0.97), (0.8, 0.7, 0.5)
        self.phase = rng.uniform(0, 6.28, 5)
        self.grid = np.linspace(-0.05, 1.05, 25) * self.stage.aspect

    def still(self, canvas: Canvas) -> None:
        """Sea and sand."""
        canvas.box(
            0.5 * self.stage.aspect,
            0.5 * (self.horizon + 1.05),
            self.stage.aspect,
            0.5 * (1.05 - self.horizon),
            self.sea,
        )
        canvas.box(0.5 * self.stage.aspect, 1.0, self.stage.aspect, 0.12, self.sand)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Crest lines that come nearer, then the edge that runs up the sand."""
        level, run = self.level.at(t), self.level.turns(t)
        g = self.grid
        for i in range(5):
            near = (0.2 * i + 0.22 * run + 0.03 * t) % 1.0
            y = self.horizon + 0.03 + (0.86 - self.horizon) * near * near
            ys = y + (0.01 + 0.03 * near * level) * np.sin(9 * g + self.phase[i] + 2 * t)
            color = mix(self.sea, self.foam, 0.25 + 0.65 * near * level)
            canvas.strokes(g[:-1], ys[:-1], g[1:], ys[1:], color, 0.9, 0.008 + 0.05 * near * level)
        edge = 0.86 + 0.09 * level + 0.012 * np.sin(7 * g + self.phase[0] + t)
        for row in (0.0, 0.03, 0.06):
            canvas.strokes(
                g[:-1],
                edge[:-1] - row,
                g[1:],
                edge[1:] - row,
                mix(self.foam, self.sea, row * 14),
                0.95,
                0.035,
            )


class Bubbles(Actor):
    """A pot, bottle or tank in which bubbles rise, more and faster with level."""

    levels = ("steady", "swells", "switched", "fades")

    def setup(self, rng: Generator) -> None:
        """Vessel and bubbles."""
        n = 22
        self.half, self.tall = self.size * rng.uniform(0.3, 0.5), self.size * rng.uniform(0.75, 0.95)
        self.water = mix((0.2, 0.45, 0.6), self.stage.ink(rng, 0.55), 0.5)
        self.light, self.glass = mix(self.water, (1, 1, 1), 0.75), self.stage.ink(rng)
        self.dx, self.phase, self.rate = (
            rng.uniform(-0.9, 0.9, n),
            rng.uniform(0, 1, n),
            rng.uniform(0.5, 1.1, n),
        )
        self.r = rng.uniform(0.015, 0.06, n) * self.size

    def still(self, canvas: Canvas) -> None:
        """The vessel."""
        canvas.box(self.x, self.y - 0.5 * self.tall, self.half + 0.02, 0.5 * self.tall + 0.02, self.glass)
        canvas.box(self.x, self.y - 0.5 * self.tall, self.half, 0.5 * self.tall, self.water)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Rings that rise and wobble, a surface that heaves."""
        level, run = self.level.at(t), self.level.turns(t)
        top = self.y - 0.92 * self.tall
        for i in range(int(2 + 20 * level) if level > 0.03 else 0):
            p = (self.phase[i] + 1.3 * self.rate[i] * run) % 1.0
            x = self.x + self.half * self.dx[i] + 0.02 * self.size * sin(11 * p + 6 * self.phase[i])
            y, r = self.y + (top - self.y) * p, self.r[i] * (0.5 + 0.7 * p)
            canvas.disc(x, y, r, self.light, 0.85)
            canvas.disc(x + 0.25 * r, y + 0.25 * r, 0.6 * r, self.water, 0.7)
        heave = 0.03 * self.size * level
        for i in range(5):
            x = self.x + self.half * (i - 2) * 0.4
            canvas.ellipse(
                x,
                top + heave * sin(13 * run + 2.4 * i),
                0.22 * self.half,
                0.02 * self.size + heave * 0.5,
                self.light,
            )


class Steam(Bubbles):
    """A pot on the stove: bubbles with steam above."""

    def draw(self, canvas: Canvas, t: float) -> None:
        """Bubbles, then soft puffs."""
        super().draw(canvas, t)
        level = self.level.at(t)
        for i in range(6):
            p = (self.phase[i] + 0.5 * self.rate[i] * t) % 1.0
            x = self.x + self.half * self.dx[i] * (1 + p) + 0.04 * sin(2 * pi * p + i)
            canvas.glow(
                x, self.y - self.tall - 0.35 * p, 0.06 + 0.1 * p, (0.95, 0.95, 0.97), 0.6 * level * (1 - p)
            )
