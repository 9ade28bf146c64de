"""Machines that run and things that roll, as fast as they are loud. All follow a level curve."""

from __future__ import annotations

from math import cos, pi, sin

from tiny.scenes.draw import Canvas
from tiny.scenes.motion import smooth
from tiny.scenes.stage import Actor, Generator, shade


class Machine(Actor):
    """A box with a turning wheel, fan, drill or saw, trembling while it runs."""

    levels = ("switched", "switched", "steady", "swells")

    def setup(self, rng: Generator) -> None:
        """What turns, how fast."""
        self.color, self.second, self.metal = (
            self.stage.ink(rng),
            self.stage.ink(rng),
            self.stage.ink(rng, vivid=0.1),
        )
        self.form = ("fan", "wheel", "saw")[int(rng.integers(3))]
        self.rate, self.blades = rng.uniform(2.0, 5.5), int(rng.integers(3, 6))
        self.tremble = rng.uniform(0.008, 0.02)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Body, lamp, moving part."""
        level, s = self.level.at(t), self.size
        turn = 2 * pi * self.rate * self.level.turns(t)
        x = self.x + self.tremble * level * sin(2 * pi * 9.0 * t)
        y = self.y + 0.6 * self.tremble * level * sin(2 * pi * 11.3 * t + 1)
        canvas.box(x, y - 0.2 * s, 0.42 * s, 0.2 * s, self.color)
        canvas.disc(
            x + 0.33 * s, y - 0.3 * s, 0.035 * s, (0.2, 1.0, 0.3) if level > 0.05 else (0.3, 0.1, 0.1)
        )
        if self.form == "saw":
            slide = 0.22 * s * sin(turn)
            canvas.box(x + slide, y - 0.5 * s, 0.4 * s, 0.05 * s, self.metal)
            canvas.box(x + slide + 0.42 * s, y - 0.5 * s, 0.07 * s, 0.1 * s, self.second)
            return
        cx, cy, r = x, y - 0.62 * s, 0.3 * s
        canvas.line(x, y - 0.3 * s, cx, cy, 0.08 * s, self.color)
        if self.form == "wheel":
            canvas.ring(cx, cy, r, 0.08 * s, self.metal)
        for blade in range(self.blades):
            a = turn / (1 if self.form == "fan" else 2) + 2 * pi * blade / self.blades
            wide = (0.13 if self.form == "fan" else 0.05) * s
            canvas.line(cx, cy, cx + r * cos(a), cy + r * sin(a), wide, self.second if blade else self.metal)
        canvas.disc(cx, cy, 0.07 * s, self.metal)


class Rolling(Actor):
    """A ball, barrel or wheel that rolls over the floor, as fast as it is loud."""

    levels = ("swells", "fades", "passing", "gusts")

    def setup(self, rng: Generator) -> None:
        """Radius, spokes, floor."""
        self.r = self.size * rng.uniform(0.15, 0.28)
        self.color, self.floor = self.stage.ink(rng, vivid=0.7), self.stage.ink(rng)
        self.side = 1.0 if rng.random() < 0.5 else -1.0
        self.speed = rng.uniform(0.5, 0.9)
        self.start = rng.uniform(0.0, 1.0)

    def still(self, canvas: Canvas) -> None:
        """Floor with marks."""
        canvas.box(0.5 * self.stage.aspect, self.y + 0.03, self.stage.aspect, 0.03, self.floor)

    def draw(self, canvas: Canvas, t: float) -> None:
        """To and fro between the sides of the picture, turning as far as it rolls."""
        way = self.start + self.speed * self.level.turns(t)
        room = self.stage.aspect - 2 * self.r
        share = way / room % 2.0
        x = self.r + room * (share if share < 1 else 2 - share)
        x = x if self.side > 0 else self.stage.aspect - x
        turn = self.side * (x if share < 1 else -x) / self.r
        y = self.y - self.r
        canvas.ellipse(x, self.y, self.r, 0.15 * self.r, (0.03, 0.03, 0.03), alpha=0.4)
        canvas.disc(x, y, self.r, self.color)
        for spoke in range(3):
            a = turn + spoke * pi / 3
            canvas.line(
                x - 0.8 * self.r * cos(a),
                y - 0.8 * self.r * sin(a),
                x + 0.8 * self.r * cos(a),
                y + 0.8 * self.r * sin(a),
                0.12 * self.r,
                shade(self.color, 0.5),
            )
        canvas.glow(x - 0.35 * self.r, y - 0.35 * self.r, 0.5 * self.r, (1, 1, 1), 0.5 * smooth(1.0))
