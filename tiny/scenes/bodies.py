"""Living things: walkers and feet, horses, animals with a voice, flocks of birds.

A foot is planted, a mouth opens at the event's own time.
"""

from __future__ import annotations

from math import pi, sin

import numpy as np

from tiny.scenes.draw import Canvas
from tiny.scenes.motion import NEVER, Moment, Rhythm, fading
from tiny.scenes.stage import SKIN, Actor, Generator, mix, shade


def _stride(m: Moment, longest: float = 1.1) -> float:
    """How far the step between two plants has gone, 0..1; in long pauses the foot waits on the ground."""
    if m.until == NEVER or m.since == NEVER:
        return 1.0 if m.until == NEVER else max(0.0, 1.0 - m.until / 0.4)
    if m.gap <= longest:
        return m.since / m.gap
    return max(0.0, 1.0 - m.until / 0.45)


class Walker(Actor):
    """A figure seen from the side that walks, or on the spot; each event plants the other foot."""

    rhythm = Rhythm(1.0, 3.2, 0.26, ("regular", "regular", "bursts"))

    def setup(self, rng: Generator) -> None:
        """Proportions, colours, path."""
        self.leg = self.size * rng.uniform(0.38, 0.46)
        self.coat, self.legs, self.skin = (
            self.stage.ink(rng),
            self.stage.ink(rng),
            mix(SKIN, self.stage.ink(rng), 0.4),
        )
        self.floor = self.stage.ink(rng)
        self.side = 1.0 if rng.random() < 0.5 else -1.0
        self.path = rng.uniform(0.0, 0.09) * self.stage.aspect
        count = max(len(self.beats.times), 1)
        self.path = min(self.path, 0.7 * self.stage.aspect / count)
        self.start = self.x - self.side * 0.5 * self.path * count

    def still(self, canvas: Canvas) -> None:
        """The ground."""
        canvas.box(0.5 * self.stage.aspect, self.y + 0.02, self.stage.aspect, 0.02, self.floor)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Two jointed legs, body, arms, head."""
        m = self.beats.at(t)
        share, s = _stride(m), self.size
        x = self.start + self.side * self.path * (m.number + 1 + share)
        bob = 0.06 * s * sin(pi * share) - 0.02 * s * fading(m, 0.08)
        hip = self.y - self.leg * 0.97 - bob * 0.5
        open_ = 0.42 * self.leg
        for foot in (0, 1):
            moving = (m.number + foot) % 2 == 0
            reach = open_ * (2 * share - 1 if moving else 1 - 2 * share)
            lift = 0.35 * self.leg * sin(pi * share) ** 1.0 if moving and 0 < share < 1 else 0.0
            fx, fy = x + self.side * reach, self.y - lift
            kx, ky = 0.5 * (x + fx) + self.side * (0.06 * s + 0.4 * lift), 0.5 * (hip + fy) - 0.2 * lift
            color = self.legs if foot else shade(self.legs, 0.75)
            canvas.line(x, hip, kx, ky, 0.09 * s, color)
            canvas.line(kx, ky, fx, fy - 0.02 * s, 0.07 * s, color)
            canvas.line(
                fx, fy - 0.015 * s, fx + self.side * 0.08 * s, fy - 0.015 * s, 0.05 * s, shade(color, 0.5)
            )
        canvas.line(x, hip, x + self.side * 0.02 * s, hip - 0.3 * s, 0.17 * s, self.coat)
        swing = 0.15 * s * (2 * share - 1) * (1 if m.number % 2 else -1)
        canvas.line(x, hip - 0.28 * s, x + self.side * swing, hip - 0.02 * s, 0.06 * s, shade(self.coat, 0.7))
        canvas.disc(x + self.side * 0.03 * s, hip - 0.45 * s, 0.09 * s, self.skin)

    def spot(self, index: int) -> tuple[float, float]:
        """Where the foot is planted."""
        return self.start + self.side * self.path * (index + 1), self.y


class Feet(Actor):
    """Two shoes seen close from the front, landing in turn with a little dust."""

    rhythm = Rhythm(1.0, 3.0, 0.26, ("regular", "bursts"))

    def setup(self, rng: Generator) -> None:
        """Shoe size, colours."""
        self.shoe, self.cloth, self.floor = self.stage.ink(rng), self.stage.ink(rng), self.stage.ink(rng)
        self.high = self.size * rng.uniform(0.25, 0.4)

    def still(self, canvas: Canvas) -> None:
        """The ground."""
        canvas.box(0.5 * self.stage.aspect, self.y + 0.03, self.stage.aspect, 0.03, self.floor)

    def draw(self, canvas: Canvas, t: float) -> None:
        """The foot about to land comes down fastest at the end."""
        m, s = self.beats.at(t), self.size
        share = _stride(m)
        for foot in (0, 1):
            moving = (m.number + foot) % 2 == 0
            lift = self.high * (1.0 - share) ** 0.5 * min(1.0, 6 * share) if moving and 0 < share < 1 else 0.0
            x, y = self.x + (foot - 0.5) * 0.42 * s, self.y - lift
            canvas.line(
                x, y - 0.12 * s, x, y - 1.1 * s, 0.2 * s, self.cloth if foot else shade(self.cloth, 0.8)
            )
            canvas.ellipse(x, y - 0.06 * s, 0.15 * s, 0.09 * s, self.shoe)
            canvas.box(x, y - 0.012, 0.15 * s, 0.012, shade(self.shoe, 0.4))
        if m.since < 0.3:
            x = self.x + ((m.number + 1) % 2 - 0.5) * 0.42 * s
            canvas.glow(
                x,
                self.y,
                (0.15 + 0.5 * m.since) * s,
                mix(self.floor, (1, 1, 1), 0.5),
                m.last * (0.5 - 1.6 * m.since),
                0.3,
            )


class Horse(Actor):
    """A four-legged body that trots; each event plants a pair of hooves."""

    rhythm = Rhythm(2.0, 5.0, 0.15, ("regular", "regular", "bursts"))

    def setup(self, rng: Generator) -> None:
        """Colours, direction, path."""
        self.coat, self.floor = self.stage.ink(rng), self.stage.ink(rng)
        self.mane, self.side = shade(self.coat, 0.55), 1.0 if rng.random() < 0.5 else -1.0
        count = max(len(self.beats.times), 1)
        self.path = min(rng.uniform(0.0, 0.06), 0.6 * self.stage.aspect / count)
        self.start = self.x - self.side * 0.5 * self.path * count

    def still(self, canvas: Canvas) -> None:
        """The road."""
        canvas.box(0.5 * self.stage.aspect, self.y + 0.02, self.stage.aspect, 0.02, self.floor)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Legs in diagonal pairs, body, neck, head, tail."""
        m, s = self.beats.at(t), self.size
        share, d = _stride(m, 0.8), self.side
        x = self.start + d * self.path * (m.number + 1 + share)
        y = self.y - 0.52 * s - 0.05 * s * sin(pi * share)
        for leg, place in enumerate((-0.3, -0.2, 0.2, 0.3)):
            moving = (m.number + (leg in (0, 3))) % 2 == 0
            reach = 0.15 * s * (2 * share - 1 if moving else 1 - 2 * share)
            lift = 0.16 * s * sin(pi * share) if moving and 0 < share < 1 else 0.0
            fx = x + d * (place * s + reach)
            kx, ky = x + d * (place * s + 0.7 * reach + 0.3 * lift), y + 0.26 * s - 0.5 * lift
            color = self.coat if leg % 2 else shade(self.coat, 0.7)
            canvas.line(x + d * place * s, y, kx, ky, 0.07 * s, color)
            canvas.line(kx, ky, fx, self.y - lift, 0.05 * s, color)
        canvas.ellipse(x, y, 0.38 * s, 0.16 * s, self.coat)
        nod = 0.03 * s * sin(2 * pi * share)
        canvas.line(x + d * 0.3 * s, y - 0.05 * s, x + d * 0.48 * s, y - 0.34 * s + nod, 0.13 * s, self.coat)
        canvas.line(
            x + d * 0.46 * s, y - 0.36 * s + nod, x + d * 0.62 * s, y - 0.26 * s + nod, 0.1 * s, self.coat
        )
        canvas.line(x + d * 0.28 * s, y - 0.14 * s, x + d * 0.42 * s, y - 0.42 * s + nod, 0.05 * s, self.mane)
        canvas.line(x - d * 0.36 * s, y - 0.05 * s, x - d * 0.5 * s, y + 0.18 * s + nod, 0.05 * s, self.mane)


class Animal(Actor):
    """A dog, cat or bird whose mouth opens and body jerks at each call."""

    rhythm = Rhythm(0.4, 2.5, 0.3, ("bursts", "loose", "rare"))
    choke = True

    def setup(self, rng: Generator) -> None:
        """Coat, pose, temper."""
        self.coat, self.dark = self.stage.ink(rng), self.stage.ink(rng)
        self.side = 1.0 if rng.random() < 0.5 else -1.0
        self.hold = rng.uniform(0.12, 0.22) if self.kind != "cat_meow" else rng.uniform(0.3, 0.5)
        self.ears = rng.uniform(0.7, 1.3)

    def _gape(self, m: Moment) -> float:
        """How far the mouth is open: at once at the event, closed after the call."""
        return m.last * max(0.0, 1.0 - (m.since / (2 * self.hold)) ** 2) if m.since < 2 * self.hold else 0.0

    def draw(self, canvas: Canvas, t: float) -> None:
        """Body, head thrown forward by the call, jaw."""
        m = self.beats.at(t)
        gape, s, d = self._gape(m), self.size, self.side
        breath = 0.01 * s * sin(2.2 * t)
        if self.kind == "bird_song":
            self._bird(canvas, gape, breath)
            return
        x, y = self.x, self.y - 0.32 * s + breath
        for leg in (-0.25, -0.16, 0.14, 0.22):
            canvas.line(x + d * leg * s, y, x + d * leg * s, self.y, 0.07 * s, shade(self.coat, 0.8))
        canvas.ellipse(x, y, 0.33 * s, 0.16 * s, self.coat, -0.12 * d * gape)
        wag = 0.1 * s * sin(9 * t) * (0.3 + gape)
        canvas.line(x - d * 0.3 * s, y - 0.05 * s, x - d * 0.48 * s, y - 0.28 * s + wag, 0.05 * s, self.coat)
        hx, hy = x + d * (0.34 + 0.1 * gape) * s, y - (0.22 + 0.08 * gape) * s
        canvas.line(x + d * 0.22 * s, y - 0.05 * s, hx, hy, 0.15 * s, self.coat)
        canvas.disc(hx, hy, 0.15 * s, self.coat)
        for ear in (-0.09, 0.07):
            canvas.polygon(
                [
                    (hx + (ear - 0.05) * s, hy - 0.1 * s),
                    (hx + (ear + 0.05) * s, hy - 0.1 * s),
                    (hx + ear * s, hy - (0.12 + 0.12 * self.ears) * s),
                ],
                self.dark,
            )
        long = 0.2 if self.kind == "dog_bark" else 0.11
        canvas.line(hx, hy + 0.0 * s, hx + d * long * s, hy + (0.02 - 0.08 * gape) * s, 0.1 * s, self.coat)
        canvas.ellipse(hx + d * long * 0.8 * s, hy + 0.07 * s, 0.09 * s, 0.12 * s * gape, (0.5, 0.08, 0.1))
        canvas.line(
            hx,
            hy + 0.07 * s,
            hx + d * long * 0.9 * s,
            hy + (0.07 + 0.15 * gape) * s,
            0.06 * s,
            shade(self.coat, 0.85),
        )
        canvas.disc(hx + d * 0.05 * s, hy - 0.05 * s, 0.025 * s, (0.05, 0.05, 0.05))

    def _bird(self, canvas: Canvas, gape: float, breath: float) -> None:
        s, d = self.size, self.side
        x, y = self.x, self.y - 0.3 * s - 0.06 * s * gape
        canvas.line(self.x - 0.6 * s, self.y, self.x + 0.6 * s, self.y + 0.03, 0.05 * s, (0.3, 0.2, 0.12))
        for leg in (-0.05, 0.05):
            canvas.line(x + leg * s, y + 0.1 * s, self.x + leg * s, self.y, 0.03 * s, (0.5, 0.35, 0.15))
        canvas.line(x - d * 0.2 * s, y, x - d * 0.5 * s, y + (0.12 - 0.15 * gape) * s, 0.09 * s, self.dark)
        canvas.ellipse(x, y, 0.26 * s, 0.19 * s + breath, self.coat, -0.3 * d)
        canvas.ellipse(x - d * 0.06 * s, y, 0.17 * s, 0.08 * s, self.dark, d * (0.2 - 0.6 * gape))
        hx, hy = x + d * 0.2 * s, y - (0.2 + 0.07 * gape) * s
        canvas.disc(hx, hy, 0.13 * s, self.coat)
        canvas.disc(hx + d * 0.04 * s, hy - 0.03 * s, 0.025 * s, (0.03, 0.03, 0.03))
        for jaw in (-1.0, 1.0):
            canvas.line(
                hx + d * 0.11 * s,
                hy,
                hx + d * 0.25 * s,
                hy + jaw * 0.11 * gape * s - 0.04 * gape * s,
                0.05 * s,
                (0.9, 0.6, 0.1),
            )

    def spot(self, index: int) -> tuple[float, float]:
        """The mouth."""
        return self.x + self.side * 0.45 * self.size, self.y - 0.5 * self.size


class Flock(Actor):
    """Small birds on branches that hop, turn and flap while they sing."""

    def setup(self, rng: Generator) -> None:
        """Places and habits."""
        self.birds = [
            (
                rng.uniform(0.1, 0.9) * self.stage.aspect,
                rng.uniform(0.2, 0.8),
                rng.uniform(0.7, 1.6),
                rng.random(),
                self.stage.ink(rng),
            )
            for _ in range(int(rng.integers(3, 8)))
        ]
        self.branch, self.r = self.stage.ink(rng, 0.08, 0.5), rng.uniform(0.035, 0.06)

    def still(self, canvas: Canvas) -> None:
        """The branches."""
        for x, y, *_ in self.birds:
            canvas.line(x - 0.2, y + 1.2 * self.r, x + 0.22, y + 1.2 * self.r + 0.02, 0.02, self.branch)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Hops and flaps, more with level."""
        level, r = self.level.at(t), self.r
        for x, y, pace, phase, color in self.birds:
            cycle = (pace * t + phase) % 1.0
            busy = level if cycle < 0.5 else 0.0
            y -= 0.8 * r * busy * abs(sin(2 * pi * cycle))
            side = 1.0 if int(pace * t * 0.4 + phase) % 2 else -1.0
            canvas.ellipse(x, y, 1.3 * r, 0.9 * r, color)
            canvas.ellipse(x - 0.2 * r, y, 0.8 * r, 0.35 * r, shade(color, 0.6), busy * sin(40 * t))
            canvas.disc(x + side * r, y - 0.7 * r, 0.6 * r, color)
            gape = 0.3 * r * busy * (np.sin(22 * t + 6 * phase) > 0)
            canvas.line(
                x + side * 1.5 * r,
                y - 0.7 * r,
                x + side * 2.1 * r,
                y - 0.7 * r - gape,
                0.3 * r,
                (0.9, 0.6, 0.1),
            )
