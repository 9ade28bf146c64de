"""A small anti-aliased painter on float pictures: discs, boxes, lines, polygons, glows, many strokes at once.

World coordinates: y runs 0 (top) to 1 (bottom), x from 0 to `aspect`; the picture may have any size.
Each shape is a distance field evaluated on its own small window only. Knows nothing of scenes or sounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, cos, floor, sin

import numpy as np
import numpy.typing as npt

Color = tuple[float, float, float]
Image = npt.NDArray[np.float32]
Array = npt.NDArray[np.floating]
Window = tuple[slice, slice]


class Canvas:
    """A float32 picture [h w 3] in 0..1 and the camera through which shapes are put on it.

    Args:
        height: rows.
        width: columns.
        aspect: width of the world divided by its height.
    """

    def __init__(self, height: int, width: int, aspect: float) -> None:
        self.height, self.width, self.aspect = height, width, aspect
        self.image: Image = np.zeros((height, width, 3), np.float32)
        self.soft = max(1.0 / height, aspect / width)
        self._xs = ((np.arange(width, dtype=np.float32) + 0.5) * (aspect / width))[None, :]
        self._ys = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
        self._zoom, self._left, self._top, self._flip = 1.0, 0.0, 0.0, False

    def look(self, x: float, y: float, zoom: float, flip: bool) -> None:
        """Point the camera: the world point (x, y) comes to the middle, `zoom` times as large."""
        self._zoom, self._flip = zoom, flip
        self._left = 0.5 * self.aspect / zoom - x
        self._top = 0.5 / zoom - y

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a world point falls in the picture (same units)."""
        sx = (x + self._left) * self._zoom
        return (self.aspect - sx if self._flip else sx), (y + self._top) * self._zoom

    def disc(self, x: float, y: float, r: float, color: Color, alpha: float = 1.0) -> None:
        """A filled circle of radius `r`."""
        x, y = self.at(x, y)
        r *= self._zoom
        window = self._window(x - r, y - r, x + r, y + r)
        if window is not None:
            dx, dy = self._xs[:, window[1]] - x, self._ys[window[0]] - y
            self._blend(window, np.sqrt(dx * dx + dy * dy) - r, color, alpha)

    def ring(
        self, x: float, y: float, r: float, thick: float, color: Color, alpha: float = 1.0, flat: float = 1
    ) -> None:
        """A circle line of radius `r`; `flat` squeezes it vertically (water rings seen from the side)."""
        x, y = self.at(x, y)
        r, thick = r * self._zoom, max(0.5 * thick * self._zoom, 0.4 * self.soft)
        window = self._window(x - r - thick, y - (r + thick) * flat, x + r + thick, y + (r + thick) * flat)
        if window is not None:
            dx, dy = self._xs[:, window[1]] - x, (self._ys[window[0]] - y) / flat
            self._blend(window, (np.abs(np.sqrt(dx * dx + dy * dy) - r) - thick) * flat, color, alpha)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, color: Color, angle: float = 0.0, alpha: float = 1.0
    ) -> None:
        """A filled ellipse turned by `angle` radians."""
        x, y = self.at(x, y)
        rx, ry = max(rx * self._zoom, 1e-4), max(ry * self._zoom, 1e-4)
        reach = max(rx, ry) if angle else None
        window = self._window(x - (reach or rx), y - (reach or ry), x + (reach or rx), y + (reach or ry))
        if window is None:
            return
        dx, dy = self._xs[:, window[1]] - x, self._ys[window[0]] - y
        if angle:
            c, s = cos(angle), sin(-angle if self._flip else angle)
            dx, dy = c * dx + s * dy, c * dy - s * dx
        dx, dy = dx / rx, dy / ry
        self._blend(window, (np.sqrt(dx * dx + dy * dy) - 1.0) * min(rx, ry), color, alpha)

    def box(
        self,
        x: float,
        y: float,
        half_w: float,
        half_h: float,
        color: Color,
        angle: float = 0.0,
        alpha: float = 1.0,
    ) -> None:
        """A filled rectangle around (x, y), turned by `angle` radians."""
        x, y = self.at(x, y)
        half_w, half_h = half_w * self._zoom, half_h * self._zoom
        c, s = cos(angle), sin(-angle if self._flip else angle)
        rx, ry = abs(c) * half_w + abs(s) * half_h, abs(s) * half_w + abs(c) * half_h
        window = self._window(x - rx, y - ry, x + rx, y + ry)
        if window is None:
            return
        dx, dy = self._xs[:, window[1]] - x, self._ys[window[0]] - y
        if angle:
            dx, dy = c * dx + s * dy, c * dy - s * dx
        self._blend(window, np.maximum(np.abs(dx) - half_w, np.abs(dy) - half_h), color, alpha)

    def line(
        self, x0: float, y0: float, x1: float, y1: float, thick: float, color: Color, alpha: float = 1.0
    ) -> None:
        """A line with round ends, `thick` wide."""
        (x0, y0), (x1, y1) = self.at(x0, y0), self.at(x1, y1)
        r = max(0.5 * thick * self._zoom, 0.4 * self.soft)
        window = self._window(min(x0, x1) - r, min(y0, y1) - r, max(x0, x1) + r, max(y0, y1) + r)
        if window is None:
            return
        dx, dy = self._xs[:, window[1]] - x0, self._ys[window[0]] - y0
        bx, by = x1 - x0, y1 - y0
        along = (dx * bx + dy * by) * (1.0 / max(bx * bx + by * by, 1e-9))
        along = np.minimum(np.maximum(along, 0.0), 1.0)
        dx, dy = dx - along * bx, dy - along * by
        self._blend(window, np.sqrt(dx * dx + dy * dy) - r, color, alpha)

    def polygon(self, points: Sequence[tuple[float, float]], color: Color, alpha: float = 1.0) -> None:
        """A filled convex polygon."""
        seen = [self.at(*point) for point in points]
        xs, ys = [p[0] for p in seen], [p[1] for p in seen]
        window = self._window(min(xs), min(ys), max(xs), max(ys))
        if window is None:
            return
        px, py = self._xs[:, window[1]], self._ys[window[0]]
        area = sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))
        sign = 1.0 if area > 0 else -1.0
        distance: Array | None = None
        for i in range(len(xs)):
            ex, ey = xs[i] - xs[i - 1], ys[i] - ys[i - 1]
            length = sign / max((ex * ex + ey * ey) ** 0.5, 1e-9)
            side = (px - xs[i - 1]) * (ey * length) - (py - ys[i - 1]) * (ex * length)
            distance = side if distance is None else np.maximum(distance, side)
        if distance is not None:
            self._blend(window, distance, color, alpha)

    def glow(self, x: float, y: float, r: float, color: Color, alpha: float = 1.0, flat: float = 1.0) -> None:
        """A soft blob that fades to nothing at radius `r`: highlights, shadows, flames, smoke."""
        x, y = self.at(x, y)
        r *= self._zoom
        window = self._window(x - r, y - r * flat, x + r, y + r * flat)
        if window is not None and r > 1e-4:
            dx, dy = (self._xs[:, window[1]] - x) / r, (self._ys[window[0]] - y) / (r * flat)
            cover = np.maximum(1.0 - (dx * dx + dy * dy), 0.0)
            self._cover(window, cover * cover * alpha, color)

    def strokes(
        self, x0: Array, y0: Array, x1: Array, y1: Array, color: Color, alpha: float = 1.0, thick: float = 0.0
    ) -> None:
        """Many short straight strokes at once, from (x0, y0) to (x1, y1); `thick` 0 is one pixel wide."""
        zoom = self._zoom
        ax, bx = (x0 + self._left) * zoom, (x1 + self._left) * zoom
        if self._flip:
            ax, bx = self.aspect - ax, self.aspect - bx
        ay, by = (y0 + self._top) * zoom, (y1 + self._top) * zoom
        longest = float(
            np.max(np.maximum(np.abs(bx - ax) * self.width / self.aspect, np.abs(by - ay) * self.height))
        )
        steps = min(int(longest) + 2, 2 * (self.width + self.height))
        lanes = max(1, round(thick * zoom / self.soft))
        share = np.linspace(0.0, 1.0, steps, dtype=np.float32)[:, None]
        px = (ax + share * (bx - ax)) * (self.width / self.aspect)
        py = (ay + share * (by - ay)) * self.height
        if lanes > 1:
            shift = (np.arange(lanes, dtype=np.float32) - 0.5 * (lanes - 1))[:, None, None]
            steep = np.abs(by - ay) > np.abs(bx - ax)
            px, py = px + shift * steep, py + shift * ~steep
        self._splat(px.ravel(), py.ravel(), color, alpha, float(np.max(share[1])))

    def flash(self, color: Color, alpha: float) -> None:
        """Blend the whole picture towards one colour."""
        self.image += np.float32(alpha) * (np.asarray(color, np.float32) - self.image)

    def _splat(self, px: Array, py: Array, color: Color, alpha: float, step: float) -> None:
        """Spread points over their four nearest pixels, then blend once."""
        px, py = px - 0.5, py - 0.5
        ix, iy = np.floor(px).astype(np.int64), np.floor(py).astype(np.int64)
        fx, fy = px - ix, py - iy
        inside = (ix >= 0) & (ix < self.width - 1) & (iy >= 0) & (iy < self.height - 1)
        ix, iy, fx, fy = ix[inside], iy[inside], fx[inside], fy[inside]
        if not ix.size:
            return
        spot = iy * self.width + ix
        where = np.concatenate([spot, spot + 1, spot + self.width, spot + self.width + 1])
        share = np.concatenate([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy])
        cover = np.bincount(where, share, self.height * self.width).astype(np.float32)
        cover = np.minimum(cover, 1.0).reshape(self.height, self.width) * np.float32(alpha)
        self._cover((slice(None), slice(None)), cover, color)

    def _window(self, left: float, top: float, right: float, bottom: float) -> Window | None:
        kx, ky = self.width / self.aspect, float(self.height)
        i0, i1 = max(0, floor(left * kx) - 1), min(self.width, ceil(right * kx) + 1)
        j0, j1 = max(0, floor(top * ky) - 1), min(self.height, ceil(bottom * ky) + 1)
        return (slice(j0, j1), slice(i0, i1)) if i1 > i0 and j1 > j0 else None

    def _blend(self, window: Window, distance: Array, color: Color, alpha: float) -> None:
        cover = 0.5 - distance * (1.0 / self.soft)
        cover = np.minimum(np.maximum(cover, 0.0), 1.0)
        self._cover(window, cover if alpha == 1.0 else cover * alpha, color)

    def _cover(self, window: Window, cover: Array, color: Color) -> None:
        part = self.image[window]
        cover = cover.astype(np.float32, copy=False)
        for channel in range(3):
            layer = part[..., channel]
            layer += cover * (np.float32(color[channel]) - layer)
