"""Weather and fire: rain, wind in grass, flames, thunderclouds.

Lasting sounds move more, faster or denser the higher their level is at that moment.
"""

from __future__ import annotations

from math import sin

import numpy as np

from tiny.scenes.draw import Canvas
from tiny.scenes.stage import Actor, Generator


class Rain(Actor):
    """Streaks that fall and little rings where they land; denser with level."""

    front = True
    levels = ("steady", "steady", "swells", "fades")

    def setup(self, rng: Generator) -> None:
        """Drops, slant, speed."""
        self.count = 140
        self.x0, self.phase = (
            rng.uniform(-0.2, 1.2, self.count) * self.stage.aspect,
            rng.uniform(0, 1, self.count),
        )
        self.rate = rng.uniform(0.9, 1.5, self.count) * rng.uniform(1.0, 1.5)
        self.slant, self.long = rng.uniform(-0.25, 0.25), rng.uniform(0.05, 0.1)
        self.color = (0.85, 0.9, 1.0) if self.stage.light < 0.6 else (0.3, 0.36, 0.48)

    def draw(self, canvas: Canvas, t: float) -> None:
        """As many streaks as the level asks for, and what they splash."""
        level = self.level.at(t)
        n = int(self.count * level)
        if n < 2:
            return
        fallen = (self.phase[:n] + self.rate[:n] * t) % 1.0
        turn = np.floor(self.phase[:n] + self.rate[:n] * t)
        x = (self.x0[:n] + 0.37 * turn) % (1.4 * self.stage.aspect) - 0.2 * self.stage.aspect
        y = -0.1 + 1.15 * fallen
        top, low_x = x + self.slant * y, x + self.slant * (y + self.long)
        canvas.strokes(top, y, low_x, y + self.long, self.color, 0.75, 0.006)
        low = fallen > 0.82
        if low.any():
            w = 0.25 * (fallen[low] - 0.8)
            sx = x[low] + self.slant * 0.9
            sy = 0.86 + 0.12 * self.phase[:n][low]
            canvas.strokes(sx - w, sy, sx + w, sy, self.color, 0.5, 0.006)


class Grass(Actor):
    """Blades, or a tree with leaves, that sway with the wind; flying leaves in strong wind."""

    levels = ("gusts", "gusts", "swells", "steady")

    def setup(self, rng: Generator) -> None:
        """Blades, their stiffness, leaves."""
        n = 46
        self.root = np.sort(rng.uniform(-0.05, 1.05, n)) * self.stage.aspect
        self.tall = rng.uniform(0.25, 0.55, n) * rng.uniform(0.8, 1.3)
        self.phase = self.root * rng.uniform(3, 6) + rng.uniform(-0.5, 0.5, n)
        self.color, self.second = self.stage.ink(rng, 0.28, 0.7), self.stage.ink(rng, 0.2, 0.6)
        self.way = 1.0 if rng.random() < 0.5 else -1.0
        self.leaf_y, self.leaf_p = rng.uniform(0.1, 0.8, 14), rng.uniform(0, 1, 14)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Bend by the level, flutter on top of it."""
        level, run = self.level.at(t), self.level.turns(t)
        bend = self.way * level * (0.35 + 0.25 * np.sin(6.0 * run + 1.5 * t - self.phase)) + 0.04 * np.sin(
            2 * t + self.phase
        )
        x, y = self.root, np.full_like(self.root, 1.02)
        for part in (0.4, 0.75, 1.0):
            nx, ny = (
                self.root + bend * part * part * self.tall * 1.6,
                1.02 - part * self.tall * (1 - 0.25 * part * np.abs(bend)),
            )
            half = len(x) // 2
            canvas.strokes(x[:half], y[:half], nx[:half], ny[:half], self.color, 1.0, 0.022)
            canvas.strokes(x[half:], y[half:], nx[half:], ny[half:], self.second, 1.0, 0.022)
            x, y = nx, ny
        if level > 0.35:
            lx = ((self.leaf_p + self.way * 0.9 * run) % 1.0) * 1.2 * self.stage.aspect - 0.1
            ly = self.leaf_y + 0.05 * np.sin(7 * run + 9 * self.leaf_p)
            canvas.strokes(
                lx, ly, lx + 0.04, ly + 0.02 * np.sin(11 * run + 5 * self.leaf_p), self.second, 1.0, 0.025
            )


class Fire(Actor):
    """Flames of many soft blobs above logs, sparks flying up; higher and livelier with level."""

    levels = ("steady", "steady", "gusts", "fades")

    def setup(self, rng: Generator) -> None:
        """Where the tongues rise."""
        n = 16
        self.dx, self.phase, self.rate = rng.uniform(-1, 1, n), rng.uniform(0, 1, n), rng.uniform(1.0, 2.0, n)
        self.logs, self.wide = (0.22, 0.13, 0.07), self.size * rng.uniform(0.22, 0.35)
        self.spark_x, self.spark_p = rng.uniform(-1, 1, 12), rng.uniform(0, 1, 12)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Back light, tongues, logs, sparks."""
        level, s = 0.25 + 0.75 * self.level.at(t), self.size
        flick = 0.75 + 0.25 * sin(23 * t + 3 * sin(7.3 * t)) * sin(11 * t)
        canvas.glow(self.x, self.y - 0.3 * s, 1.1 * s * level, (1.0, 0.55, 0.2), 0.45 * flick * level)
        for i in range(16):
            p = (self.phase[i] + self.rate[i] * t) % 1.0
            x = self.x + self.wide * self.dx[i] * (1 - 0.7 * p) + 0.04 * s * sin(9 * t + 5 * self.phase[i])
            color = (1.0, 0.9 - 0.7 * p, 0.35 * (1 - p))
            canvas.glow(
                x,
                self.y - 0.05 * s - 0.85 * s * level * p,
                0.2 * s * (1.15 - p),
                color,
                0.9 * (1 - 0.6 * p),
                1.4,
            )
        for side in (-1.0, 1.0):
            canvas.line(
                self.x - side * 1.3 * self.wide,
                self.y,
                self.x + side * self.wide,
                self.y - 0.1 * s,
                0.1 * s,
                self.logs,
            )
        p = (self.spark_p + 0.7 * t * (0.6 + level)) % 1.0
        x, y = (
            self.x + self.spark_x * self.wide * (1 + p) + 0.03 * np.sin(9 * p + 7 * self.spark_x),
            self.y - 1.2 * s * level * p,
        )
        canvas.strokes(x, y, x, y + 0.015, (1.0, 0.85, 0.4), level, 0.012)


class Storm(Actor):
    """Drifting dark clouds that light up from inside while thunder rolls."""

    levels = ("gusts", "swells", "passing")

    def setup(self, rng: Generator) -> None:
        """Clouds and the flicker."""
        self.clouds = [
            (rng.uniform(-0.1, 1.1) * self.stage.aspect, rng.uniform(0.0, 0.4), rng.uniform(0.18, 0.34))
            for _ in range(9)
        ]
        self.drift = rng.uniform(0.02, 0.06)
        self.phase = rng.uniform(0, 9)

    def still(self, canvas: Canvas) -> None:
        """It is dark."""
        canvas.flash((0.12, 0.13, 0.18), 0.7)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Clouds with sheet lightning as bright as the level."""
        level = self.level.at(t)
        flick = max(0.0, sin(17 * t + self.phase) * sin(7.1 * t) * sin(2.3 * t + 1)) ** 1.5
        light = min(1.0, 2.0 * flick) * level * (level > 0.4)
        for i, (x, y, r) in enumerate(self.clouds):
            part = light if (i + int(t)) % 3 else 0.2 * light
            tone = 0.2 + 0.03 * (i % 4) + 0.7 * part
            canvas.glow(x + self.drift * t, y, r, (tone, tone, min(1.0, tone + 0.06)), 0.9, 0.6)
        if light > 0.05:
            canvas.flash((0.8, 0.83, 1.0), 0.35 * light)
