"""Blows and falls: things that drop and break, hands and glasses brought together, fists, blades, arrows.

Every one touches, meets or passes at its event's own time, wherever that lies between two pictures.
"""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np

from tiny.scenes.draw import Canvas
from tiny.scenes.motion import Rhythm, fading, raised
from tiny.scenes.stage import MATERIALS, SKIN, STEEL, Actor, Generator, mix, shade


class Faller(Actor):
    """Objects that fall to the ground one after another; glass and the like break into flying pieces."""

    rhythm = Rhythm(0.25, 1.2, 0.7, ("rare", "loose", "regular"))
    breaks = ("glass_break", "stone_hit", "explosion")

    def setup(self, rng: Generator) -> None:
        """Shape, colours, how the pieces fly."""
        self.half = self.size * rng.uniform(0.1, 0.2)
        self.round = rng.random() < 0.4
        self.color = mix(MATERIALS.get(self.kind, STEEL), self.stage.ink(rng), 0.75)
        self.floor = self.stage.ink(rng)
        self.fall = rng.uniform(0.35, 0.5)
        self.angle = rng.uniform(-0.6, 0.6)
        self.spin = rng.uniform(-3.0, 3.0)
        self.vx, self.vy = rng.uniform(-1, 1, 18) * self.size, rng.uniform(0.3, 1.5, 18) * self.size
        self.long = rng.uniform(0.25, 0.8, 18) * self.half

    def still(self, canvas: Canvas) -> None:
        """The floor."""
        canvas.box(self.x, self.y + 0.03, 1.1 * self.size, 0.03, self.floor)

    def draw(self, canvas: Canvas, t: float) -> None:
        """The falling object, and what is left of the one before."""
        m = self.beats.at(t)
        if m.since < 1.4:
            self._left(canvas, m.since, m.last)
        if m.until < self.fall:
            share = 1.0 - m.until / self.fall
            y = self.y - self.half - (self.y + 0.2) * (1.0 - share * share)
            self._object(canvas, self.x, y, self.angle * (1 - share) + self.spin * m.until)

    def _object(self, canvas: Canvas, x: float, y: float, angle: float, alpha: float = 1.0) -> None:
        if self.round:
            canvas.disc(x, y, self.half, self.color, alpha)
            canvas.glow(x - 0.3 * self.half, y - 0.3 * self.half, 0.6 * self.half, (1, 1, 1), 0.6 * alpha)
        else:
            canvas.box(x, y, self.half, self.half, self.color, angle, alpha)

    def _left(self, canvas: Canvas, since: float, strength: float) -> None:
        if self.kind not in self.breaks:
            hop = max(0.0, 0.7 * strength * since - 3.0 * since * since) * self.size
            tilt = 0.3 * strength * ((since * 9) % 1.0 - 0.5) * max(0.0, 1 - 3 * since)
            self._object(
                canvas, self.x, self.y - self.half - hop, tilt, max(0.0, min(1.0, 4 * (1.3 - since)))
            )
            return
        x = self.x + self.vx * since * (0.5 + strength)
        y = np.minimum(
            self.y - self.half * 0.3 - self.vy * since * (0.5 + strength) + 2.2 * self.size * since * since,
            self.y,
        )
        turn = self.vx * 9.0 * since / self.size
        dx, dy = self.long * np.cos(turn), self.long * np.sin(turn)
        fade = max(0.0, min(1.0, 3 * (1.3 - since)))
        canvas.strokes(
            x - dx, y - dy, x + dx, y + dy, mix(self.color, (1, 1, 1), 0.3), fade, 0.035 * self.size
        )
        if since < 0.15:
            canvas.glow(self.x, self.y, self.half * (1 + 8 * since), (1, 1, 1), 0.6 * (1 - since / 0.15))


class Clapper(Actor):
    """Two things brought together: hands, cymbals, glasses, blades."""

    rhythm = Rhythm(0.6, 4.5, 0.16, ("regular", "loose", "bursts"))

    def setup(self, rng: Generator) -> None:
        """How far apart, shape by kind."""
        self.apart = self.size * rng.uniform(0.25, 0.4)
        base = SKIN if self.kind == "hand_clap" else MATERIALS.get(self.kind, STEEL)
        self.color = mix(base, self.stage.ink(rng), 0.6)
        self.sleeve = self.stage.ink(rng)
        self.fall, self.rise = rng.uniform(0.1, 0.16), rng.uniform(0.14, 0.25)
        self.tilt = rng.uniform(-0.3, 0.3)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Both halves, mirrored."""
        m = self.beats.at(t)
        gap = self.apart * raised(m, self.fall, self.rise)
        y, s = self.y - 0.5 * self.size, self.size
        hit = fading(m, 0.06)
        for side in (-1.0, 1.0):
            x = self.x + side * gap
            if self.kind == "hand_clap":
                canvas.line(
                    x + side * 0.1 * s, y + 0.1 * s, x + side * 0.45 * s, y + 0.5 * s, 0.13 * s, self.sleeve
                )
                canvas.ellipse(
                    x + side * 0.06 * s, y, 0.065 * s, 0.2 * s, self.color, side * (0.25 + self.tilt)
                )
                canvas.line(
                    x + side * 0.06 * s,
                    y,
                    x + side * 0.16 * s,
                    y - 0.13 * s,
                    0.05 * s,
                    shade(self.color, 0.85),
                )
            elif self.kind == "cymbal":
                canvas.ellipse(
                    x + side * 0.03 * s,
                    y,
                    0.04 * s,
                    0.34 * s,
                    mix(self.color, (1, 1, 1), 0.6 * hit),
                    side * 0.12,
                )
                canvas.line(x + side * 0.05 * s, y, x + side * 0.4 * s, y + 0.25 * s, 0.07 * s, self.sleeve)
            elif self.kind == "glass_clink":
                canvas.box(x + side * 0.11 * s, y, 0.105 * s, 0.17 * s, mix(self.color, (1, 1, 1), 0.5 * hit))
                canvas.line(
                    x + side * 0.11 * s, y + 0.17 * s, x + side * 0.11 * s, y + 0.4 * s, 0.03 * s, self.color
                )
                canvas.ellipse(x + side * 0.11 * s, y + 0.4 * s, 0.1 * s, 0.02 * s, self.color)
            else:
                turn = 0.5 + gap / s
                canvas.line(
                    x + side * 0.3 * s,
                    y + 0.45 * s,
                    x - side * 0.3 * s * sin(turn),
                    y - 0.4 * s * cos(turn),
                    0.05 * s,
                    self.color,
                )
        if hit > 0.2 and self.kind != "hand_clap":
            canvas.glow(self.x, y, 0.25 * s, (1.0, 0.95, 0.7), hit)

    def spot(self, index: int) -> tuple[float, float]:
        """Where the halves meet."""
        return self.x, self.y - 0.5 * self.size


class Puncher(Actor):
    """A fist that shoots out at a hanging bag, which swings back and wobbles."""

    rhythm = Rhythm(0.5, 3.0, 0.25, ("bursts", "loose", "regular"))

    def setup(self, rng: Generator) -> None:
        """Side, colours."""
        self.side = 1.0 if rng.random() < 0.5 else -1.0
        self.glove, self.sleeve, self.bag = (
            self.stage.ink(rng, 0.0, 0.8),
            self.stage.ink(rng),
            self.stage.ink(rng),
        )

    def draw(self, canvas: Canvas, t: float) -> None:
        """Bag, then arm."""
        m, s = self.beats.at(t), self.size
        swing = 0.22 * fading(m, 0.5) * abs(sin(2 * pi * 0.9 * m.since)) if m.since < 4 else 0.0
        top = self.y - s
        x = self.x + self.side * (0.12 * s + swing * 0.7 * s)
        canvas.line(self.x + self.side * 0.12 * s, top, x, top + 0.3 * s, 0.02 * s, shade(self.bag, 0.5))
        canvas.line(x, top + 0.4 * s, x + self.side * swing * 0.4 * s, self.y - 0.2 * s, 0.3 * s, self.bag)
        reach = 0.42 * s * raised(m, 0.12, 0.2)
        fist = self.x - self.side * (0.12 * s + reach)
        canvas.line(
            fist - self.side * 0.5 * s, self.y - 0.3 * s, fist, self.y - 0.52 * s, 0.12 * s, self.sleeve
        )
        canvas.disc(fist, self.y - 0.52 * s, 0.12 * s, self.glove)

    def spot(self, index: int) -> tuple[float, float]:
        """The middle of the bag."""
        return self.x, self.y - 0.52 * self.size


class Swinger(Actor):
    """A blade, bat or arrow that sweeps fast through the picture, its middle at the event."""

    rhythm = Rhythm(0.4, 1.6, 0.5, ("rare", "loose", "regular"))

    def setup(self, rng: Generator) -> None:
        """Arrow or blade, colours, speed."""
        self.arrow = rng.random() < 0.4
        self.color, self.grip = self.stage.ink(rng), self.stage.ink(rng)
        self.quick = rng.uniform(0.12, 0.2)
        self.height = rng.uniform(-0.1, 0.15) * self.size

    def draw(self, canvas: Canvas, t: float) -> None:
        """One sweep, to and fro in turn."""
        m, s = self.beats.at(t), self.size
        late, early = m.since if m.since < 1e3 else 9.0, m.until if m.until < 1e3 else 9.0
        nearest, index = (late, m.number) if late < early else (-early, m.number + 1)
        share = nearest / self.quick
        side = 1.0 if index % 2 == 0 else -1.0
        if self.arrow:
            if abs(share) < 6:
                x, y = self.x + side * share * 0.6 * s, self.y - 0.5 * s + self.height
                canvas.line(x - side * 0.3 * s, y, x + side * 0.2 * s, y, 0.03 * s, self.color)
                canvas.disc(x + side * 0.2 * s, y, 0.04 * s, self.grip)
                canvas.line(x - side * 0.36 * s, y, x - side * 0.26 * s, y, 0.08 * s, self.grip)
            return
        angle = side * 1.3 * min(max(share, -1.0), 1.0) * (1.0 if abs(share) < 1 else 1.0)
        tip_x, tip_y = self.x + 0.85 * s * sin(angle), self.y - 0.05 * s - 0.85 * s * cos(angle)
        if abs(share) < 0.8:
            before = angle - side * 0.45
            canvas.polygon(
                [
                    (self.x, self.y),
                    (self.x + 0.8 * s * sin(before), self.y - 0.8 * s * cos(before)),
                    (tip_x, tip_y),
                ],
                self.color,
                0.35,
            )
        canvas.line(self.x, self.y - 0.05 * s, tip_x, tip_y, 0.06 * s, self.color)
        canvas.line(
            self.x, self.y, self.x + 0.2 * s * sin(angle), self.y - 0.2 * s * cos(angle), 0.09 * s, self.grip
        )

    def spot(self, index: int) -> tuple[float, float]:
        """The middle of the sweep."""
        return self.x, self.y - 0.5 * self.size
