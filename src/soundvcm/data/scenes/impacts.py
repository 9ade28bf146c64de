"""Things that hit: balls, rollers, hammers and sticks, falling and breaking objects, hands, fists, swords.

Every stroke touches at its event's own time, wherever that lies between two pictures.
"""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np

from soundvcm.data.scenes.draw import Canvas, Color
from soundvcm.data.scenes.motion import NEVER, Rhythm, bouncing, effort, fading, raised, ringing, smooth
from soundvcm.data.scenes.stage import Actor, Generator, mix, shade

WOOD, STEEL, SKIN, GLASS, STONE = (
    (0.55, 0.36, 0.2),
    (0.6, 0.63, 0.68),
    (0.82, 0.6, 0.47),
    (0.7, 0.88, 0.92),
    (0.5, 0.48, 0.46),
)
MATERIALS: dict[str, Color] = {
    "wood_knock": WOOD, "metal_clang": STEEL, "glass_clink": GLASS, "glass_break": GLASS, "stone_hit": STONE,
    "coin": (0.85, 0.7, 0.25), "bell": (0.8, 0.62, 0.25), "cymbal": (0.85, 0.7, 0.3), "hammer": STEEL,
}  # fmt: skip


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
            canvas.line(x - 0.8 * rx * cos(turn), y - 0.8 * ry * sin(turn), x + 0.8 * rx * cos(turn),
                        y + 0.8 * ry * sin(turn), 0.2 * self.r, shade(self.color, 0.5))  # fmt: skip
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
        shake = 0.25 * self.r * ringing(m, 12.0, 0.08)
        side = 1.0 if m.index % 2 == 0 else -1.0
        for wall in (-1.0, 1.0):
            x = self.x + wall * (self.reach + self.r + 0.02) + (shake if wall == side else 0.0)
            canvas.box(x, self.y - 1.6 * self.r, 0.025, 1.6 * self.r, self.wall)
        if m.since == NEVER:
            share = max(0.0, 1.0 - m.until / 0.7)
        elif m.until == NEVER:
            share = 0.4 * (1.0 - 1.0 / (1.0 + 3.0 * m.since))
        else:
            # leaves fast, waits in the middle when the pause is long, arrives fast
            share = (
                m.since / m.gap
                if m.gap < 1.4
                else 0.5 * smooth(m.since / 0.7) + 0.5 * max(0.0, 1 - m.until / 0.5)
            )
        x = self.x + side * self.reach * (1.0 - 2.0 * share)
        if self.round:
            turn = x / self.r
            canvas.disc(x, self.y - self.r, self.r, self.color)
            canvas.line(x, self.y - self.r, x + 0.8 * self.r * cos(turn), self.y - self.r + 0.8 * self.r * sin(turn),
                        0.25 * self.r, shade(self.color, 0.45))  # fmt: skip
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
            canvas.polygon([(self.x - 0.4 * width, top), (self.x + 0.4 * width, top), (self.x + 0.9 * width + tilt, self.y),
                            (self.x - 0.9 * width + tilt, self.y)], color)  # fmt: skip
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
                canvas.box(self.x + (i - 2) * 0.55 * width, top + 0.1 * width + 0.1 * width * hit, 0.2 * width, 0.1 * width,
                           mix(self.target, (1, 1, 1), 0.6 * hit))  # fmt: skip
        elif self.kind == "hammer":
            sink = 0.06 * width * shake
            canvas.box(self.x, middle + 0.3 * tall, 0.9 * width, 0.7 * tall, shade(self.target, 0.7))
            canvas.box(self.x, top + 0.2 * tall + sink, 1.2 * width, 0.25 * tall, color)
            if bright > 0.25:
                canvas.glow(self.x, top, 0.6 * width, (1.0, 0.85, 0.4), bright)
        else:
            canvas.box(self.x, middle + 0.12 * tall * bright, width * (1 + 0.1 * bright), tall * (1 - 0.12 * bright), color,
                       angle=0.12 * shake)  # fmt: skip

    def spot(self, index: int) -> tuple[float, float]:
        """The top of the target."""
        return self.x, self.y - 0.9 * self.block


class Faller(Actor):
    """Objects that fall to the ground one after another; glass and the like break into pieces that fly off."""

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
                canvas.line(x + side * 0.3 * s, y + 0.45 * s, x - side * 0.3 * s * sin(turn), y - 0.4 * s * cos(turn),
                            0.05 * s, self.color)  # fmt: skip
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
        nearest, index = (late, m.index) if late < early else (-early, m.index + 1)
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
            canvas.polygon([(self.x, self.y), (self.x + 0.8 * s * sin(before), self.y - 0.8 * s * cos(before)),
                            (tip_x, tip_y)], self.color, 0.35)  # fmt: skip
        canvas.line(self.x, self.y - 0.05 * s, tip_x, tip_y, 0.06 * s, self.color)
        canvas.line(
            self.x, self.y, self.x + 0.2 * s * sin(angle), self.y - 0.2 * s * cos(angle), 0.09 * s, self.grip
        )

    def spot(self, index: int) -> tuple[float, float]:
        """The middle of the sweep."""
        return self.x, self.y - 0.5 * self.size
