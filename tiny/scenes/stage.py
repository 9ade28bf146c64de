"""What every drawn actor shares: where it stands, colours that stand out from the background, the Actor base.

Knows the painter and the beats; knows no particular actor, kind of sound or bank.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tiny.scenes.draw import Canvas, Color
from tiny.scenes.motion import Beats, Level, Rhythm

Generator = np.random.Generator

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


@dataclass(frozen=True)
class Stage:
    """The place given to one actor.

    Attributes:
        x: middle of the place, world units.
        y: the ground under it, world units (larger is lower).
        size: height available to the actor, world units.
        light: mean brightness of the background, 0..1.
        aspect: width of the world.
    """

    x: float
    y: float
    size: float
    light: float
    aspect: float

    def ink(self, rng: Generator, hue: float | None = None, vivid: float | None = None) -> Color:
        """A colour 0.3 or more lighter or darker than the background; hue, saturation (0..1) may be set."""
        darker = self.light > 0.65 or (self.light > 0.35 and rng.random() < 0.5)
        if darker:
            target = max(0.04, self.light - rng.uniform(0.3, 0.5))
        else:
            target = min(0.96, self.light + rng.uniform(0.3, 0.5))
        hue = float(rng.random()) if hue is None else hue + float(rng.uniform(-0.03, 0.03))
        vivid = float(rng.uniform(0.0, 0.9)) if vivid is None else vivid
        return _at_light(colorsys.hsv_to_rgb(hue % 1.0, vivid, 0.8), target)


def _at_light(color: Color, target: float) -> Color:
    light = lightness(color)
    return (
        shade(color, target / light)
        if light >= target
        else mix(color, (1, 1, 1), (target - light) / (1 - light))
    )


def lightness(color: Color) -> float:
    """Brightness as the eye weighs it, 0..1."""
    return 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2]


def shade(color: Color, factor: float) -> Color:
    """The colour made darker (factor below 1) or lighter."""
    return (min(color[0] * factor, 1.0), min(color[1] * factor, 1.0), min(color[2] * factor, 1.0))


def mix(a: Color, b: Color, share: float) -> Color:
    """The colour `share` of the way from `a` to `b`."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


class Actor:
    """Something drawn that moves with its events or its level.

    Class attributes say how its sounds behave: `rhythm` of its events, `choke` (a new sound ends the last
    one: voices), `kick` (how much an event shakes the camera), `front`
    (drawn over everything else), `levels` (curve styles for lasting sounds).
    """

    rhythm: ClassVar[Rhythm] = Rhythm(0.4, 3.0)
    choke: ClassVar[bool] = False
    kick: ClassVar[float] = 0.0
    front: ClassVar[bool] = False
    levels: ClassVar[tuple[str, ...]] = ("steady", "swells", "switched", "fades")

    def __init__(self, rng: Generator, stage: Stage, drive: Beats | Level, kind: str) -> None:
        self.stage, self.kind = stage, kind
        self.beats = drive if isinstance(drive, Beats) else Beats((), ())
        self.level = drive if isinstance(drive, Level) else Level((0.0, 1.0), (0.0, 0.0))
        self.x, self.y, self.size = stage.x, stage.y, stage.size
        self.setup(rng)

    def setup(self, rng: Generator) -> None:
        """Draw shapes, colours and speeds once."""

    def still(self, canvas: Canvas) -> None:
        """Paint what never moves; called once per camera position."""

    def draw(self, canvas: Canvas, t: float) -> None:
        """Paint what moves, as it is at time `t` (s)."""

    def spot(self, index: int) -> tuple[float, float]:
        """Where in the world event `index` happens."""
        return self.x, self.y
