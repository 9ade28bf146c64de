"""Flashes and waves of pressure: guns, explosions, fireworks, lightning; and the bell in its tower.

The flash is in the picture whose time is the event's, or the first after it.
"""

from __future__ import annotations

from math import pi, sin

import numpy as np

from tiny.scenes.draw import Canvas
from tiny.scenes.motion import Rhythm, fading, ringing
from tiny.scenes.stage import Actor, Generator, mix, shade


class Gun(Actor):
    """A gun that kicks and flashes at each shot."""

    rhythm = Rhythm(0.3, 2.5, 0.22, ("rare", "bursts", "loose"))
    kick = 0.25

    def setup(self, rng: Generator) -> None:
        """Side, metal, length of the barrel."""
        self.side = 1.0 if rng.random() < 0.5 else -1.0
        self.metal, self.grip = self.stage.ink(rng, vivid=0.15), self.stage.ink(rng)
        self.long = self.size * rng.uniform(0.5, 0.9)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Recoil, muzzle flash, smoke."""
        m, s, d = self.beats.at(t), self.size, self.side
        back = 0.16 * s * fading(m, 0.12)
        lift = 0.25 * fading(m, 0.15)
        x, y = self.x - d * (0.5 * self.long + back), self.y - 0.4 * s
        tip_x, tip_y = x + d * self.long, y - lift * self.long
        if m.since < 1.0:
            rise = m.since
            canvas.glow(
                tip_x + d * 0.2 * s * rise,
                tip_y - 0.3 * s * rise,
                (0.1 + 0.4 * rise) * s,
                (0.75, 0.75, 0.75),
                0.5 * m.last * (1 - rise),
            )
        canvas.line(x, y + 0.05 * s, x - d * 0.08 * s, y + 0.34 * s, 0.15 * s, self.grip)
        canvas.line(x, y, tip_x, tip_y, 0.11 * s, self.metal)
        if m.since < 0.07:
            canvas.glow(tip_x + d * 0.12 * s, tip_y, 0.5 * s, (1.0, 0.85, 0.4), 1.0)
            canvas.disc(tip_x + d * 0.1 * s, tip_y, 0.13 * s, (1.0, 0.97, 0.8))

    def spot(self, index: int) -> tuple[float, float]:
        """The muzzle."""
        return self.x + self.side * 0.5 * self.long, self.y - 0.4 * self.size


class Explosion(Actor):
    """A fireball with smoke and sparks, or fireworks in the sky; the whole picture lights up."""

    rhythm = Rhythm(0.15, 0.8, 0.7, ("rare", "rare", "loose"))
    kick = 1.0

    def setup(self, rng: Generator) -> None:
        """Fire or fireworks; places of the bursts; sparks."""
        self.works = rng.random() < 0.4
        count = len(self.beats.times) + 1
        spread = 0.35 if self.works else 0.12
        self.dx = rng.uniform(-spread, spread, count) * self.stage.aspect
        self.dy = rng.uniform(-0.25, 0.1, count) if self.works else np.zeros(count)
        self.colors = [self.stage.ink(rng, vivid=0.8) for _ in range(count)]
        angles = rng.uniform(0, 2 * pi, 26)
        self.vx, self.vy = (
            np.cos(angles) * rng.uniform(0.4, 1.0, 26),
            np.sin(angles) * rng.uniform(0.4, 1.0, 26),
        )

    def draw(self, canvas: Canvas, t: float) -> None:
        """Rocket before, flash at, fire and sparks after the event."""
        m, s = self.beats.at(t), self.size
        if self.works and m.until < 0.7:
            x, y = self.spot(m.number + 1)
            y += m.until * 0.9
            canvas.line(x, y, x, y + 0.06, 0.015, (1.0, 0.9, 0.6))
        if m.since > 1.8 or m.number < 0:
            return
        x, y = self.spot(m.number)
        age, force = m.since, 0.5 + 0.5 * m.last
        if age < 0.25:
            canvas.flash((1.0, 0.95, 0.8), 0.6 * force * (1 - age / 0.25))
        grown = (1.0 - 1.0 / (1.0 + 6.0 * age)) * s * force
        fade = max(0.0, 1.0 - age / 1.8)
        if not self.works:
            canvas.glow(x, y - 0.3 * age * s, 1.1 * grown + 0.1 * s, (0.2, 0.19, 0.18), 0.9 * fade)
            canvas.glow(
                x, y - 0.2 * age * s, 0.8 * grown + 0.12 * s, (1.0, 0.5, 0.1), max(0.0, 1 - age / 1.0)
            )
            canvas.glow(x, y, 0.5 * grown + 0.08 * s, (1.0, 0.95, 0.6), max(0.0, 1 - age / 0.5))
        px, py = x + self.vx * grown * 1.1, y + self.vy * grown * 1.1 + 0.25 * age * age
        color = self.colors[m.number] if self.works else (1.0, 0.75, 0.3)
        canvas.strokes(px - 0.1 * self.vx * s, py - 0.1 * self.vy * s, px, py, color, fade, 0.03 * s)

    def spot(self, index: int) -> tuple[float, float]:
        """Middle of the burst."""
        return self.x + float(self.dx[index]), self.y - 0.45 * self.size + float(self.dy[index])


class Lightning(Actor):
    """A bolt from the clouds that lights everything at the event, with a flicker after it."""

    rhythm = Rhythm(0.12, 0.45, 1.5, ("rare",))
    kick = 0.2

    def setup(self, rng: Generator) -> None:
        """A jagged path per event."""
        self.paths = [
            (self.stage.aspect * rng.uniform(0.2, 0.8)) + np.cumsum(np.r_[0.0, rng.uniform(-0.09, 0.09, 9)])
            for _ in range(len(self.beats.times) + 1)
        ]
        self.cloud = [
            (rng.uniform(0, self.stage.aspect), rng.uniform(0.0, 0.15), rng.uniform(0.15, 0.3))
            for _ in range(7)
        ]

    def still(self, canvas: Canvas) -> None:
        """Dark clouds."""
        canvas.flash((0.1, 0.11, 0.16), 0.7)
        for x, y, r in self.cloud:
            canvas.glow(x, y, r, (0.3, 0.31, 0.36), 0.8, 0.6)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Bolt and light, two or three flickers."""
        m = self.beats.at(t)
        if m.number < 0 or m.since > 0.6:
            return
        light = (
            m.last * max(0.0, 1 - m.since / 0.6) * (1.0 if m.since < 0.08 or 0.14 < m.since < 0.22 else 0.35)
        )
        canvas.flash((0.85, 0.88, 1.0), 0.75 * light)
        if m.since < 0.25:
            path = self.paths[m.number]
            ys = np.linspace(0.05, 0.85, len(path))
            canvas.strokes(path[:-1], ys[:-1], path[1:], ys[1:], (1.0, 1.0, 1.0), min(1.0, 1.6 * light), 0.02)

    def spot(self, index: int) -> tuple[float, float]:
        """Half-way down the bolt."""
        return float(self.paths[index][5]), 0.5


class Belfry(Actor):
    """A bell that swings out at each stroke, its clapper meeting the rim."""

    rhythm = Rhythm(0.3, 1.6, 0.5, ("regular", "loose", "rare"))

    def setup(self, rng: Generator) -> None:
        """Bell, yoke."""
        self.color = mix((0.8, 0.62, 0.25), self.stage.ink(rng), 0.6)
        self.yoke = self.stage.ink(rng)
        self.wide = rng.uniform(0.75, 1.1)

    def still(self, canvas: Canvas) -> None:
        """The beam."""
        canvas.box(self.x, self.y - self.size, 0.5 * self.size, 0.03 * self.size, self.yoke)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Swing away from the clapper, back and forth."""
        m, s = self.beats.at(t), self.size
        tilt = 0.5 * fading(m, 0.6) * sin(2 * pi * 1.3 * m.since) if m.since < 4.8 else 0.0
        jolt = 0.04 * s * ringing(m, 13.0, 0.1)
        top_x, top_y = self.x, self.y - 0.95 * s
        c, n = np.cos(tilt), np.sin(tilt)

        def place(u: float, v: float) -> tuple[float, float]:
            return top_x + jolt + s * (u * c - v * n), top_y + s * (u * n + v * c)

        w = self.wide
        color = mix(self.color, (1, 1, 0.9), 0.4 * fading(m, 0.12))
        canvas.polygon(
            [place(-0.16 * w, 0.08), place(0.16 * w, 0.08), place(0.3 * w, 0.62), place(-0.3 * w, 0.62)],
            color,
        )
        canvas.polygon(
            [place(-0.3 * w, 0.6), place(0.3 * w, 0.6), place(0.37 * w, 0.74), place(-0.37 * w, 0.74)],
            shade(color, 0.85),
        )
        clap = place(0.25 * w * np.cos(min(m.since, 3.0) * 5.0) * fading(m, 0.8), 0.78)
        canvas.disc(clap[0], clap[1], 0.06 * s, shade(self.color, 0.45))
