"""People with instruments and people who applaud: whistle, trumpet, violin, an audience.

A note begins, a bow turns at the event's own time; hands clap more the higher the level.
"""

from __future__ import annotations

from math import cos, pi

from tiny.scenes.draw import Canvas
from tiny.scenes.motion import Moment, Rhythm, ringing, smooth
from tiny.scenes.stage import SKIN, Actor, Generator, mix, shade


class Player(Actor):
    """A person who whistles, blows a trumpet or draws a bow; each event starts a note."""

    rhythm = Rhythm(0.4, 2.2, 0.35, ("regular", "loose", "rare"))
    choke = True

    def setup(self, rng: Generator) -> None:
        """Clothes, instrument, how long a note is."""
        self.coat, self.skin = self.stage.ink(rng), mix(SKIN, self.stage.ink(rng), 0.4)
        self.brass = mix((0.9, 0.75, 0.25), self.stage.ink(rng), 0.4)
        self.hold, self.side = rng.uniform(0.25, 0.5), 1.0 if rng.random() < 0.5 else -1.0

    def draw(self, canvas: Canvas, t: float) -> None:
        """Head and body; cheeks, instrument or bow move with the note."""
        m, s, d = self.beats.at(t), self.size, self.side
        sounding = m.last * max(0.0, 1.0 - m.since / (2 * self.hold)) if m.since < 2 * self.hold else 0.0
        jerk = 0.05 * s * (sounding + 0.6 * ringing(m, 5.0, 0.15))
        hx, hy = self.x - d * 0.1 * s, self.y - 0.68 * s - jerk
        canvas.ellipse(self.x - d * 0.1 * s, self.y - 0.1 * s, 0.26 * s, 0.4 * s, self.coat)
        canvas.ellipse(hx, hy, 0.17 * s, 0.2 * s, self.skin)
        canvas.disc(hx + d * 0.06 * s, hy - 0.05 * s, 0.022 * s, (0.05, 0.05, 0.05))
        if self.kind == "violin":
            self._bow(canvas, m, hx, hy)
            return
        canvas.disc(
            hx + d * 0.11 * s,
            hy + 0.08 * s,
            (0.04 + 0.06 * sounding) * s,
            mix(self.skin, (0.9, 0.2, 0.2), 0.5),
        )
        tip = hx + d * (0.3 if self.kind == "whistle" else 0.62) * s
        lift = 0.09 * s - 0.22 * s * sounding
        canvas.line(hx + d * 0.17 * s, hy + 0.1 * s, tip, hy + lift, 0.05 * s, self.brass)
        if self.kind == "trumpet":
            canvas.polygon(
                [
                    (tip - d * 0.12 * s, hy + lift - 0.02 * s),
                    (tip - d * 0.12 * s, hy + lift + 0.04 * s),
                    (tip + d * 0.06 * s, hy + lift + 0.13 * s),
                    (tip + d * 0.06 * s, hy + lift - 0.11 * s),
                ],
                self.brass,
            )
        if sounding > 0.05:
            for puff in range(3):
                far = 0.1 + 0.5 * ((m.since * 2.2 + puff / 3) % 1.0)
                canvas.ring(
                    tip + d * 0.05 * s, hy + lift, far * s * 0.6, 0.02 * s, self.brass, sounding * (0.9 - far)
                )
        canvas.line(
            self.x + d * 0.05 * s,
            self.y - 0.3 * s,
            hx + d * 0.3 * s,
            hy + lift + 0.04 * s,
            0.08 * s,
            shade(self.coat, 0.7),
        )

    def _bow(self, canvas: Canvas, m: Moment, hx: float, hy: float) -> None:
        s, d = self.size, self.side
        stroke = smooth(min(m.since / 0.45, 1.0)) ** 0.6 if m.number >= 0 else 0.0
        there = (2 * stroke - 1) * (1 if m.number % 2 == 0 else -1)
        canvas.ellipse(hx + d * 0.3 * s, hy + 0.2 * s, 0.2 * s, 0.1 * s, self.brass, d * 0.3)
        canvas.line(
            hx + d * 0.3 * s, hy + 0.2 * s, hx + d * 0.68 * s, hy + 0.3 * s, 0.04 * s, shade(self.brass, 0.5)
        )
        bx, by = hx + d * (0.3 + 0.12 * there) * s, hy + (0.2 + 0.26 * there) * s
        canvas.line(
            bx - d * 0.15 * s, by - 0.36 * s, bx + d * 0.15 * s, by + 0.36 * s, 0.035 * s, (0.95, 0.93, 0.85)
        )
        canvas.line(
            self.x, self.y - 0.25 * s, bx + d * 0.15 * s, by + 0.36 * s, 0.09 * s, shade(self.coat, 0.7)
        )


class Crowd(Actor):
    """Rows of heads whose hands clap, more of them and faster the louder it is."""

    levels = ("steady", "swells", "fades", "switched")

    def setup(self, rng: Generator) -> None:
        """Places, paces and colours of the heads."""
        rows = [(row, i) for row in range(3) for i in range(7)]
        self.heads = [
            (
                self.stage.aspect * (i + 0.5 * (row % 2) + rng.uniform(0.1, 0.5)) / 7,
                0.55 + 0.18 * row + rng.uniform(-0.02, 0.02),
                rng.uniform(2.5, 5.0),
                rng.random(),
                self.stage.ink(rng),
            )
            for row, i in rows
        ]
        self.skin = mix(SKIN, self.stage.ink(rng), 0.5)

    def draw(self, canvas: Canvas, t: float) -> None:
        """Each head with two hands."""
        level = self.level.at(t)
        for x, y, pace, phase, coat in self.heads:
            canvas.ellipse(x, y + 0.13, 0.075, 0.08, coat)
            canvas.disc(x, y, 0.045, self.skin)
            if level > phase * 0.6:
                apart = 0.02 + 0.035 * level * abs(cos(pi * (pace * t + phase)))
                canvas.disc(x - apart, y + 0.07, 0.024, self.skin)
                canvas.disc(x + apart, y + 0.07, 0.024, self.skin)
