"""Backgrounds from formulas: plain, noisy, tiled, room, outdoors, photo-like; some are of one split only.

A background is a function of world coordinates, so that it is the same at any picture size. Knows no actors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiny.scenes.draw import Image

Field = npt.NDArray[np.float32]

COMMON = ("flat", "gradient", "noise", "room", "outdoors", "blur")
FAMILIES: dict[str, tuple[str, ...]] = {
    "train": (*COMMON, "planks", "stripes", "bricks"),
    "valid": (*COMMON, "tiles"),
    "test": (*COMMON, "checker", "marble"),
}


@dataclass(frozen=True)
class Background:
    """One background: a family name, its own seed, how bright (0..1) and how contrasted (0..1) it is."""

    family: str
    seed: int
    light: float
    contrast: float

    def paint(self, xs: Field, ys: Field) -> Image:
        """Colours [h w 3] at world coordinates xs [h w], ys [h w]."""
        rng = np.random.default_rng(self.seed)
        tint = 1.0 + 0.35 * (rng.random(3) - 0.5)
        pattern = _FAMILIES[self.family](rng, xs, ys)
        if pattern.ndim == 2:
            pattern = np.asarray(pattern[..., None] * (1.0 + 0.25 * (rng.random(3) - 0.5)), np.float32)
        image = (self.light + self.contrast * (pattern - 0.5)) * tint
        return np.asarray(np.clip(image, 0.0, 1.0), np.float32)


def draw_background(rng: np.random.Generator, split: str) -> Background:
    """Choose a background of the split's families."""
    families = FAMILIES[split]
    return Background(
        families[int(rng.integers(len(families)))],
        int(rng.integers(2**31)),
        float(rng.uniform(0.15, 0.85)),
        float(rng.uniform(0.1, 0.45)),
    )


def value_noise(rng: np.random.Generator, xs: Field, ys: Field, cells: float, octaves: int = 1) -> Field:
    """Smooth random values in 0..1, `cells` to a unit, finer octaves added at half the strength each."""
    total, weight, share = np.zeros_like(xs), 0.0, 1.0
    for _ in range(octaves):
        lattice = rng.random((32, 32)).astype(np.float32)
        x, y = (xs + 8) * cells, (ys + 8) * cells
        ix, iy = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
        fx, fy = x - ix, y - iy
        fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
        x0, x1, y0, y1 = ix & 31, (ix + 1) & 31, iy & 31, (iy + 1) & 31
        top = lattice[y0, x0] * (1 - fx) + lattice[y0, x1] * fx
        low = lattice[y1, x0] * (1 - fx) + lattice[y1, x1] * fx
        total, weight = total + share * (top * (1 - fy) + low * fy), weight + share
        share, cells = 0.5 * share, 2.1 * cells
    return np.asarray(total / weight, np.float32)


def _flat(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    return np.full_like(xs, 0.5)


def _gradient(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    a = rng.uniform(0, 2 * np.pi)
    return np.asarray(0.5 + (xs - 0.5) * np.cos(a) + (ys - 0.5) * np.sin(a), np.float32)


def _noise(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    return value_noise(rng, xs, ys, rng.uniform(2, 7), 4)


def _room(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    edge = rng.uniform(0.6, 0.85)
    wall = 0.6 + 0.25 * value_noise(rng, xs, ys, 1.5) - 0.1
    floor = 0.2 + 0.4 * value_noise(rng, xs / (ys + 0.2), 3 * ys, 5, 2)
    window = (np.abs(xs - rng.uniform(0.1, 0.9)) < 0.14) & (np.abs(ys - 0.28) < 0.16)
    return np.where(ys > edge, floor, np.where(window, 1.0, wall)).astype(np.float32)


def _outdoors(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    edge = rng.uniform(0.45, 0.75) + 0.08 * (value_noise(rng, xs, np.zeros_like(xs), 4, 2) - 0.5)
    sky = 0.75 + 0.3 * (1 - ys) * 0.5 + 0.2 * (value_noise(rng, xs, 2 * ys, 2, 3) - 0.5)
    ground = 0.15 + 0.4 * value_noise(rng, xs, 2 * ys, 9, 2)
    low = ys > edge
    image = np.where(low, ground, sky)[..., None] * np.ones(3, np.float32)
    green, blue = np.asarray([0.85, 1.15, 0.7], np.float32), np.asarray([0.9, 1.0, 1.12], np.float32)
    return np.asarray(image * np.where(low[..., None], green, blue), np.float32)


def _blur(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    """Out-of-focus photograph: large soft patches of several colours with round lights."""
    image = np.stack([value_noise(rng, xs, ys, rng.uniform(1.2, 3.0), 2) for _ in range(3)], axis=-1)
    for _ in range(int(rng.integers(4, 12))):
        far = np.hypot(xs - rng.uniform(0, 1.6), ys - rng.uniform(0, 1)) / rng.uniform(0.03, 0.1)
        image += (0.35 * np.clip(3 - 3 * far, 0, 1))[..., None] * rng.uniform(0.2, 1.0, 3).astype(np.float32)
    return (image + 0.06 * value_noise(rng, xs, ys, 25)[..., None]).astype(np.float32)


def _planks(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    wide = rng.uniform(0.1, 0.22)
    board = np.floor(xs / wide)
    grain = value_noise(rng, xs * 5 + board * 3.7, ys + board, 4, 3)
    return np.asarray(0.25 + 0.6 * grain - 0.3 * (xs / wide - board < 0.06), np.float32)


def _stripes(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    a, wide = rng.uniform(0, np.pi), rng.uniform(0.06, 0.2)
    return np.asarray(0.5 + 0.5 * np.sin((xs * np.cos(a) + ys * np.sin(a)) * np.pi / wide), np.float32)


def _bricks(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    tall, wide = rng.uniform(0.07, 0.12), rng.uniform(0.16, 0.26)
    row = np.floor(ys / tall)
    x = xs / wide + 0.5 * (row % 2)
    joint = (ys / tall - row < 0.14) | (x - np.floor(x) < 0.06)
    tone = value_noise(rng, np.floor(x) * 0.37, row * 0.61, 3)
    return np.where(joint, 0.9, 0.15 + 0.5 * tone).astype(np.float32)


def _tiles(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    wide = rng.uniform(0.12, 0.25)
    x, y = xs / wide, ys / wide
    joint = (x - np.floor(x) < 0.08) | (y - np.floor(y) < 0.08)
    return np.where(joint, 0.1, 0.5 + 0.4 * value_noise(rng, np.floor(x) * 0.7, np.floor(y) * 0.7, 2)).astype(
        np.float32
    )


def _checker(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    wide = rng.uniform(0.1, 0.22)
    return np.asarray((np.floor(xs / wide) + np.floor(ys / wide)) % 2, np.float32)


def _marble(rng: np.random.Generator, xs: Field, ys: Field) -> Field:
    bend = value_noise(rng, xs, ys, 3, 3)
    return np.asarray(0.5 + 0.5 * np.sin(9 * (xs + 0.6 * ys) + 14 * bend), np.float32)


_FAMILIES: dict[str, Callable[[np.random.Generator, Field, Field], npt.NDArray[np.float32]]] = {
    "flat": _flat,
    "gradient": _gradient,
    "noise": _noise,
    "room": _room,
    "outdoors": _outdoors,
    "blur": _blur,
    "planks": _planks,
    "stripes": _stripes,
    "bricks": _bricks,
    "tiles": _tiles,
    "checker": _checker,
    "marble": _marble,
}
