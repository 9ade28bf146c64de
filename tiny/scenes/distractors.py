"""Things that move without a sound: drifting and turning shapes, a flag, a passer-by far away.

Their motion has no sudden changes, as a real silent object's has none at a moment that could be heard.
"""

from __future__ import annotations

from math import cos, pi, sin

from tiny.scenes.draw import Canvas
from tiny.scenes.stage import Actor, Generator, mix, shade


class Drifter(Actor):
    """A soft cloud, ball or box that wanders smoothly through the picture."""

    def setup(self, rng: Generator) -> None:
        """Path, form, colour."""
        self.form = int(rng.integers(3))
        self.r = rng.uniform(0.03, 0.1)
        self.color = mix(self.stage.ink(rng), (self.stage.light,) * 3, rng.uniform(0.0, 0.5))
        self.wx, self.wy, self.px, self.py = (
            rng.uniform(0.3, 1.2),
            rng.uniform(0.2, 0.9),
            rng.uniform(0, 6),
            rng.uniform(0, 6),
        )
        self.spin = rng.uniform(-2, 2)
        self.top = rng.uniform(0.1, 0.5)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Where it is now."""
        x = self.stage.aspect * (0.5 + 0.45 * sin(self.wx * t + self.px))
        y = self.top + 0.1 * sin(self.wy * t + self.py)
        if self.form == 0:
            canvas.glow(x, y, 2 * self.r, self.color, 0.9, 0.6)
        elif self.form == 1:
            canvas.disc(x, y, self.r, self.color)
        else:
            canvas.box(x, y, self.r, 0.7 * self.r, self.color, self.spin * t)


class Turner(Actor):
    """A mobile or pinwheel that turns evenly without a sound."""

    def setup(self, rng: Generator) -> None:
        """Arms, speed, place."""
        self.arms, self.rate = int(rng.integers(2, 5)), rng.uniform(0.1, 0.6)
        self.px, self.py, self.r = (
            rng.uniform(0.1, 0.9) * self.stage.aspect,
            rng.uniform(0.12, 0.35),
            rng.uniform(0.06, 0.12),
        )
        self.color = self.stage.ink(rng)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Arms with balls."""
        for arm in range(self.arms):
            a = 2 * pi * (self.rate * t + arm / self.arms)
            x, y = self.px + self.r * cos(a), self.py + self.r * sin(a)
            canvas.line(self.px, self.py, x, y, 0.012, shade(self.color, 0.7))
            canvas.disc(x, y, 0.022, self.color)


class Banner(Actor):
    """A curtain or flag that waves slowly."""

    def setup(self, rng: Generator) -> None:
        """Side, colours, pace."""
        self.px = rng.choice([0.04, 0.88]) * self.stage.aspect
        self.color, self.rate = self.stage.ink(rng), rng.uniform(0.2, 0.7)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Five strips."""
        for strip in range(5):
            y = 0.1 + 0.07 * strip
            x = self.px + 0.02 * sin(2 * pi * self.rate * t - 0.8 * strip)
            canvas.box(x, y, 0.06, 0.036, self.color if strip % 2 else shade(self.color, 0.8))


DISTRACTORS: tuple[type[Actor], ...] = (Drifter, Drifter, Turner, Banner)
