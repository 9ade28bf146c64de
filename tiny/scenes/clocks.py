"""Clocks that tick, telephones and horns that sound: a hand jumps, a body shakes from the event on."""

from __future__ import annotations

from math import cos, pi, sin

from tiny.scenes.draw import Canvas
from tiny.scenes.motion import Rhythm, fading, ringing
from tiny.scenes.stage import Actor, Generator, mix, shade


class Clock(Actor):
    """A clock face whose hand jumps at each tick, with a pendulum that passes its middle then."""

    rhythm = Rhythm(0.9, 4.0, 0.22, ("regular",))

    def setup(self, rng: Generator) -> None:
        """Face, hand, pendulum."""
        self.face, self.rim = mix(self.stage.ink(rng, vivid=0.2), (1, 1, 1), 0.3), self.stage.ink(rng)
        self.hand = (0.08, 0.08, 0.1) if sum(self.face) > 1.5 else (0.95, 0.95, 0.9)
        self.r = self.size * rng.uniform(0.27, 0.36)
        self.start, self.pendulum = rng.uniform(0, 6.28), rng.random() < 0.7
        self.step = 2 * pi / (60 if rng.random() < 0.4 else 12)

    def still(self, canvas: Canvas) -> None:
        """Face and marks."""
        y = self.y - self.size + self.r
        canvas.disc(self.x, y, self.r * 1.12, self.rim)
        canvas.disc(self.x, y, self.r, self.face)
        for hour in range(12):
            a = hour * pi / 6
            canvas.line(
                self.x + 0.8 * self.r * sin(a),
                y - 0.8 * self.r * cos(a),
                self.x + 0.92 * self.r * sin(a),
                y - 0.92 * self.r * cos(a),
                0.03 * self.size,
                self.hand,
            )

    def draw(self, canvas: Canvas, t: float) -> None:
        """Hand with its small rebound, then the pendulum."""
        m, y = self.beats.at(t), self.y - self.size + self.r
        angle = self.start + self.step * (m.number + 1) + 0.25 * self.step * ringing(m, 12.0, 0.05)
        canvas.line(
            self.x,
            y,
            self.x + 0.85 * self.r * sin(angle),
            y - 0.85 * self.r * cos(angle),
            0.035 * self.size,
            self.hand,
        )
        canvas.disc(self.x, y, 0.05 * self.size, self.rim)
        if self.pendulum:
            share = m.since / m.gap if m.gap < 3 else 0.5
            swing = 0.45 * sin(pi * share) * (1 if m.number % 2 == 0 else -1)
            px, py = self.x + 0.75 * self.size * sin(swing), y + 0.6 * self.size * cos(swing) + self.r * 0.2
            canvas.line(self.x, y + self.r, px, py, 0.025 * self.size, self.rim)
            canvas.disc(px, py, 0.09 * self.size, self.rim)

    def spot(self, index: int) -> tuple[float, float]:
        """The face."""
        return self.x, self.y - self.size + self.r


class Shaker(Actor):
    """A telephone or car that jumps and shakes from the event on, with rays or lights while it sounds."""

    rhythm = Rhythm(0.3, 1.3, 0.7, ("regular", "rare", "loose"))
    choke = True

    def setup(self, rng: Generator) -> None:
        """Colours, length of a ring."""
        self.color, self.dark = self.stage.ink(rng), (0.08, 0.08, 0.1)
        self.hold, self.rate = rng.uniform(0.4, 0.8), rng.uniform(7.0, 11.0)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Body moved and tilted by the shaking."""
        m, s = self.beats.at(t), self.size
        on = m.last if m.number >= 0 and m.since < self.hold else fading(m, 0.1) * 0.0
        shake = on * cos(2 * pi * self.rate * m.since)
        x, y = self.x + 0.03 * s * shake, self.y - 0.04 * s * on
        if self.kind == "car_horn":
            self._car(canvas, x, y, on)
        else:
            canvas.polygon(
                [
                    (x - 0.34 * s, y),
                    (x + 0.34 * s, y),
                    (x + 0.2 * s, y - 0.4 * s),
                    (x - 0.2 * s, y - 0.4 * s),
                ],
                self.color,
            )
            canvas.disc(x, y - 0.18 * s, 0.11 * s, mix(self.color, (1, 1, 1), 0.6))
            tilt = 0.1 * s * shake
            canvas.line(
                x - 0.3 * s, y - 0.48 * s - tilt, x + 0.3 * s, y - 0.48 * s + tilt, 0.09 * s, self.dark
            )
            for end in (-1.0, 1.0):
                canvas.disc(x + end * 0.3 * s, y - 0.44 * s + end * tilt, 0.08 * s, self.dark)
        if on:
            for ray in range(5):
                a = -0.9 + 0.45 * ray
                near, far = 0.55 * s, (0.65 + 0.1 * shake) * s
                canvas.line(
                    self.x + near * sin(a),
                    y - 0.1 * s - near * cos(a),
                    self.x + far * sin(a),
                    y - 0.1 * s - far * cos(a),
                    0.03 * s,
                    (1.0, 0.9, 0.3),
                )

    def _car(self, canvas: Canvas, x: float, y: float, on: float) -> None:
        s = self.size
        canvas.box(x, y - 0.38 * s, 0.3 * s, 0.16 * s, shade(self.color, 0.8))
        canvas.box(x, y - 0.38 * s, 0.25 * s, 0.1 * s, (0.6, 0.75, 0.85))
        canvas.box(x, y - 0.18 * s, 0.42 * s, 0.13 * s, self.color)
        for end in (-1.0, 1.0):
            canvas.box(self.x + end * 0.32 * s, self.y - 0.03 * s, 0.07 * s, 0.06 * s, self.dark)
            canvas.disc(x + end * 0.31 * s, y - 0.19 * s, 0.065 * s, (0.8, 0.8, 0.7))
            if on:
                canvas.glow(x + end * 0.31 * s, y - 0.19 * s, 0.24 * s, (1.0, 1.0, 0.8), on)
