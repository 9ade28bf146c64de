"""How a scene is looked at: shots and cuts, hand-held shake, pans, kicks from blasts, flicker, grain.

Turns actors and a background into uint8 pictures of any size. What never moves is painted once per shot.
Knows no sounds and no captions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, sin

import numpy as np
import numpy.typing as npt

from tiny.scenes.backgrounds import Background
from tiny.scenes.draw import Canvas, Image
from tiny.scenes.stage import Actor

MARGIN = 0.09


@dataclass(frozen=True)
class Shot:
    """One camera position from `start` (s) on: what it looks at, how near, mirrored or not, before what."""

    start: float
    x: float
    y: float
    zoom: float
    flip: bool
    background: Background


@dataclass(frozen=True)
class Camera:
    """The look of a scene.

    Attributes:
        shots: camera positions, the first at 0 s.
        shake: amplitude of a hand-held camera, picture heights.
        pan: steady sideways motion, picture heights a second (it turns back, never leaving the margin).
        flicker: depth of slow changes of the light, 0..1.
        gain: brightness of everything.
        grain: standard deviation of the noise, 0..1.
        seed: of shake, flicker and grain.
    """

    shots: tuple[Shot, ...]
    shake: float
    pan: float
    flicker: float
    gain: float
    grain: float
    seed: int

    def offset(self, t: float, actors: Sequence[Actor]) -> tuple[float, float]:
        """How far the picture is moved at time `t`, in picture heights, within the margin."""
        a = float(self.seed % 97)
        dx = self.shake * (sin(2.1 * t + a) + 0.6 * sin(5.3 * t + 2 * a) + 0.25 * sin(12.7 * t + 3 * a))
        dy = self.shake * (sin(1.7 * t + 4 * a) + 0.6 * sin(4.7 * t + 5 * a) + 0.25 * sin(14.1 * t + 6 * a))
        dx += 0.05 * sin(20 * self.pan * t)
        for actor in actors:
            if actor.kick:
                m = actor.beats.at(t)
                if m.since < 0.5:
                    jolt = 0.035 * actor.kick * m.last * (1 - m.since / 0.5) ** 2
                    dx, dy = dx + jolt * sin(55 * m.since + 1), dy + jolt * sin(70 * m.since + 1.5)
        return min(max(dx, -0.95 * MARGIN), 0.95 * MARGIN), min(max(dy, -0.95 * MARGIN), 0.95 * MARGIN)

    def light(self, t: float) -> float:
        """Brightness at time `t`."""
        a = float(self.seed % 89)
        return self.gain * (
            1.0 + self.flicker * 0.5 * (sin(9.7 * t + a) + sin(16.3 * t * (1 + 0.1 * sin(t)) + 2 * a))
        )


class Renderer:
    """Draws a scene at one size; keeps the painted background of every shot.

    Args:
        camera: how the scene is looked at.
        actors: from back to front.
        aspect: width of the world over its height.
        height: rows of the pictures.
        width: columns.
    """

    def __init__(
        self, camera: Camera, actors: Sequence[Actor], aspect: float, height: int, width: int
    ) -> None:
        self._camera, self._actors = camera, tuple(actors)
        self._canvas = Canvas(height, width, aspect)
        self._pad = ceil(MARGIN * height) + 1, ceil(MARGIN * width / aspect) + 1
        self._stills: dict[int, Image] = {}
        rng = np.random.default_rng(camera.seed)
        self._grain = (camera.grain * 255.0) * rng.standard_normal(
            (2 * height, 2 * width, 1), dtype=np.float32
        )

    def picture(self, t: float) -> npt.NDArray[np.uint8]:
        """The scene at time `t` (s): uint8 [h w 3]."""
        camera, canvas = self._camera, self._canvas
        index = max(i for i, shot in enumerate(camera.shots) if shot.start <= t or i == 0)
        shot = camera.shots[index]
        if index not in self._stills:
            self._stills[index] = self._paint(shot)
        dx, dy = camera.offset(t, self._actors)
        canvas.look(shot.x - dx / shot.zoom, shot.y - dy / shot.zoom, shot.zoom, shot.flip)
        side = -dx if shot.flip else dx
        self._crop(self._stills[index], side * canvas.width / canvas.aspect, dy * canvas.height)
        for actor in self._actors:
            actor.draw(canvas, t)
        image = canvas.image * np.float32(255.0 * camera.light(t))
        if camera.grain:
            spot = int(t * 1000)
            y, x = (spot * 7919) % canvas.height, (spot * 104729) % canvas.width
            image += self._grain[y : y + canvas.height, x : x + canvas.width]
        np.minimum(np.maximum(image, 0.0, out=image), 255.0, out=image)
        return image.astype(np.uint8)

    def _paint(self, shot: Shot) -> Image:
        """Background and everything that never moves, with a margin on each side."""
        canvas, (rows, columns) = self._canvas, self._pad
        height, width = canvas.height + 2 * rows, canvas.width + 2 * columns
        wide = Canvas(height, width, canvas.aspect * (width / canvas.width) * (canvas.height / height))
        zoom = shot.zoom * canvas.height / height
        wide.look(shot.x, shot.y, zoom, shot.flip)
        xs = (np.arange(width, dtype=np.float32) + 0.5) * (wide.aspect / width)
        ys = (np.arange(height, dtype=np.float32) + 0.5) / height
        xs = wide.aspect - xs if shot.flip else xs
        xs, ys = (xs - 0.5 * wide.aspect) / zoom + shot.x, (ys - 0.5) / zoom + shot.y
        grid_x, grid_y = np.meshgrid(xs, ys)
        wide.image[:] = shot.background.paint(grid_x, grid_y)
        for actor in self._actors:
            actor.still(wide)
        return wide.image

    def _crop(self, still: Image, dx: float, dy: float) -> None:
        """Copy the part of the padded picture that is seen, moved by a fraction of a pixel if need be."""
        canvas, (rows, columns) = self._canvas, self._pad
        h, w = canvas.height, canvas.width
        y, x = rows - dy, columns - dx
        iy, ix = floor(y), floor(x)
        fy, fx = np.float32(y - iy), np.float32(x - ix)
        if fy < 1e-3 and fx < 1e-3:
            canvas.image[:] = still[iy : iy + h, ix : ix + w]
            return
        part = still[iy : iy + h + 1, ix : ix + w + 1]
        low = part[:-1] + fy * (part[1:] - part[:-1])
        canvas.image[:] = low[:, :-1] + fx * (low[:, 1:] - low[:, :-1])
