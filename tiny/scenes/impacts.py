"""Things that hit: balls, rollers, hammers, sticks and mallets.

Every stroke touches at its event's own time, wherever that lies between two pictures.
"""

from __future__ import annotations

from math import cos, pi, sin

from tiny.scenes.draw import Canvas
from tiny.scenes.motion import NEVER, Rhythm, bouncing, effort, fading, raised, ringing
from tiny.scenes.stage import MATERIALS, STEEL, WOOD, Actor, Generator, mix, shade


class Ball(Actor):
    """A ball (or coin, or stone) that falls, bounces and is thrown again."""

    rhythm = Rhythm(0.6, 3.0, 0.13, ("decaying", "decaying", "regular", "bursts"))

    def setup(self, rng: Generator) -> None:
        """Radius, height, gravity, colours."""
        small = self.kind in ("coin", "stone_hit", "glass_clink")
        self.r = self.size * rng.uniform(0.07, 0.11) if small else self.size * rng.uniform(0.12, 0.24)
        self.gravity = rng.uniform(3.0, 6.0) * self.size
        self.top = self.size * rng.uniform(0.5, 0.75)
        self.color = self.stage.ink(rng, vivid=0.8)
        self.floor = self.stage.ink(rng, vivid=0.3)
        self.drift, self.stripes = rng.uniform(-0.04, 0.04), rng.random() < 0.5
        self.solid = self.kind in ("coin", "stone_hit", "glass_clink")

    def still(self, canvas: Canvas) -> None:
        """The floor."""
        canvas.box(self.x, self.y + 0.03, 0.9 * self.size, 0.03, self.floor)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Shadow, squashed ball, highlight."""
        m = self.beats.at(t)
        height = max(0.0, bouncing(m, self.top, self.gravity))
        x = self.x + self.drift * sin(0.9 * t) * 2
        near = 1.0 - min(height / self.top, 1.0)
        canvas.ellipse(
            x, self.y, self.r * (0.6 + 0.4 * near), self.r * 0.16, (0.02, 0.02, 0.02), alpha=0.15 + 0.4 * near
        )
        squash = 0.0 if self.solid else 0.35 * effort(m) * max(0.0, 1.0 - min(m.since, m.until) / 0.045)
        ry, rx = self.r * (1 - squash), self.r * (1 + 0.6 * squash)
        y = self.y - ry - height
        canvas.ellipse(x, y, rx, ry, self.color)
        if self.stripes:
            turn = 3.0 * t
            canvas.line(
                x - 0.8 * rx * cos(turn),
                y - 0.8 * ry * sin(turn),
                x + 0.8 * rx * cos(turn),
                y + 0.8 * ry * sin(turn),
                0.2 * self.r,
                shade(self.color, 0.5),
            )
        canvas.glow(x - 0.35 * rx, y - 0.35 * ry, 0.55 * self.r, mix(self.color, (1, 1, 1), 0.8), 0.8)


class Roller(Actor):
    """A ball or block that runs to and fro between two walls and hits one of them at each event."""

    rhythm = Rhythm(0.6, 3.0, 0.2, ("regular", "loose", "bursts"))

    def setup(self, rng: Generator) -> None:
        """Walls, radius, colours."""
        self.r = self.size * rng.uniform(0.1, 0.18)
        self.reach = self.size * rng.uniform(0.45, 0.7)
        self.round = rng.random() < 0.6
        self.color = mix(MATERIALS.get(self.kind, WOOD), self.stage.ink(rng), 0.75)
        self.wall = self.stage.ink(rng)

    def still(self, canvas: Canvas) -> None:
        """Floor and walls."""
        canvas.box(self.x, self.y + 0.02, self.reach + 2.2 * self.r, 0.02, self.wall)

    def draw(self, canvas: Canvas, t: float) -> None:
        """The wall that was hit shakes, the roller runs on."""
        m = self.beats.at(t)
        shake, bright = 0.5 * self.r * ringing(m, 12.0, 0.08), fading(m, 0.07)
        side = 1.0 if m.number % 2 == 0 else -1.0
        for wall in (-1.0, 1.0):
            x = self.x + wall * (self.reach + self.r + 0.02) + (shake if wall == side else 0.0)
            color = mix(self.wall, (1, 1, 1), 0.8 * bright) if wall == side else self.wall
            canvas.box(x, self.y - 1.6 * self.r, 0.025, 1.6 * self.r, color)
        if m.since == NEVER:
            share = max(0.0, 1.0 - m.until / 0.7)
        elif m.until == NEVER:
            share = 0.4 * (1.0 - 1.0 / (1.0 + 3.0 * m.since))
        else:
            # fastest at the walls, slow in the middle, all the slower the longer the pause
            share = m.since / m.gap
            share += (0.6 if m.gap < 1.4 else 0.95) * sin(2 * pi * share) / (2 * pi)
        x = self.x + side * self.reach * (1.0 - 2.0 * share)
        if self.round:
            turn = x / self.r
            canvas.disc(x, self.y - self.r, self.r, self.color)
            canvas.line(
                x,
                self.y - self.r,
                x + 0.8 * self.r * cos(turn),
                self.y - self.r + 0.8 * self.r * sin(turn),
                0.25 * self.r,
                shade(self.color, 0.45),
            )
        else:
            canvas.box(x, self.y - self.r, self.r, self.r, self.color)

    def spot(self, index: int) -> tuple[float, float]:
        """Left and right wall in turn."""
        return self.x + (1 if index % 2 == 0 else -1) * self.reach, self.y - self.r


class Striker(Actor):
    """A hammer, stick or mallet on a turning arm that strikes a block, drum, bell, pane, cymbal or bar."""

    rhythm = Rhythm(0.5, 5.0, 0.14, ("regular", "loose", "bursts"))

    def setup(self, rng: Generator) -> None:
        """Arm, head, target."""
        self.side = 1.0 if rng.random() < 0.5 else -1.0
        self.arm = self.size * rng.uniform(0.55, 0.8)
        self.swing = rng.uniform(0.7, 1.2)
        self.head = self.size * (
            rng.uniform(0.1, 0.16) if self.kind in ("hammer", "stone_hit") else rng.uniform(0.05, 0.08)
        )
        self.color = self.stage.ink(rng)
        self.metal = mix(self.color, STEEL, 0.3) if self.kind == "hammer" else self.stage.ink(rng)
        self.target = mix(MATERIALS.get(self.kind, WOOD), self.stage.ink(rng), 0.7)
        self.fall = rng.uniform(0.1, 0.18)
        self.block = self.size * rng.uniform(0.22, 0.34)

    def still(self, canvas: Canvas) -> None:
        """What the target stands on."""
        if self.kind != "hammer":
            canvas.box(self.x, self.y + 0.02, 1.3 * self.block, 0.02, shade(self.target, 0.6))

    def draw(self, canvas: Canvas, t: float) -> None:
        """Target with its answer to the blow, then arm and head."""
        m = self.beats.at(t)
        top = self.y - self.block * (0.9 if self.kind != "marimba" else 0.4)
        self._target(canvas, top, ringing(m, 11.0, 0.12), fading(m, 0.15))
        lift = self.swing * raised(m, self.fall)
        pivot_x, pivot_y = self.x - self.side * self.arm, top - self.head - 0.05 * self.size
        x = pivot_x + self.side * self.arm * cos(lift)
        y = pivot_y + 0.05 * self.size - self.arm * sin(lift)
        canvas.line(pivot_x, pivot_y, x, y, 0.05 * self.size, self.color)
        if self.kind == "hammer":
            canvas.box(x, y, 0.55 * self.head, self.head, self.metal, angle=-self.side * lift)
        else:
            canvas.disc(x, y, self.head, self.metal)

    def _target(self, canvas: Canvas, top: float, shake: float, bright: float) -> None:
        color = mix(self.target, (1.0, 1.0, 0.85), 0.5 * bright)
        width, middle = self.block, 0.5 * (top + self.y)
        tall = 0.5 * (self.y - top)
        if self.kind == "bell":
            tilt = 0.25 * self.block * shake
            canvas.polygon(
                [
                    (self.x - 0.4 * width, top),
                    (self.x + 0.4 * width, top),
                    (self.x + 0.9 * width + tilt, self.y),
                    (self.x - 0.9 * width + tilt, self.y),
                ],
                color,
            )
            canvas.disc(self.x + tilt, self.y, 0.18 * width, shade(color, 0.5))
        elif self.kind == "cymbal":
            canvas.line(self.x, top, self.x, self.y, 0.03 * self.size, shade(color, 0.5))
            canvas.ellipse(self.x, top + 0.02, 1.4 * width, 0.16 * width, color, angle=0.35 * shake)
        elif self.kind == "drum_hit":
            canvas.box(self.x, middle, width, tall, color)
            canvas.ellipse(
                self.x, top + 0.12 * width * bright, width, 0.2 * width, mix(color, (1, 1, 1), 0.5)
            )
        elif self.kind == "marimba":
            for i in range(5):
                hit = bright if i == 2 else 0.0
                canvas.box(
                    self.x + (i - 2) * 0.55 * width,
                    top + 0.1 * width + 0.1 * width * hit,
                    0.2 * width,
                    0.1 * width,
                    mix(self.target, (1, 1, 1), 0.6 * hit),
                )
        elif self.kind == "hammer":
            sink = 0.06 * width * shake
            canvas.box(self.x, middle + 0.3 * tall, 0.9 * width, 0.7 * tall, shade(self.target, 0.7))
            canvas.box(self.x, top + 0.2 * tall + sink, 1.2 * width, 0.25 * tall, color)
            if bright > 0.25:
                canvas.glow(self.x, top, 0.6 * width, (1.0, 0.85, 0.4), bright)
        else:
            canvas.box(
                self.x,
                middle + 0.12 * tall * bright,
                width * (1 + 0.1 * bright),
                tall * (1 - 0.12 * bright),
                color,
                angle=0.12 * shake,
            )

    def spot(self, index: int) -> tuple[float, float]:
        """The top of the target."""
        return self.x, self.y - 0.9 * self.block
