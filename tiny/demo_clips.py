"""Draw the bundled demonstration clips: silent h264 films with known events, and the events as JSON.

    python -m tiny.demo_clips [folder]      (default: examples/clips)
Knows the drawn scenes and PyAV; needs no sound bank and no weights.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from soundvcm.ground import files
from tiny.scenes.backgrounds import Background, Field, value_noise
from tiny.scenes.camera import Camera, Renderer, Shot
from tiny.scenes.draw import Image
from tiny.scenes.impacts import Ball, Striker
from tiny.scenes.motion import Beats, Level
from tiny.scenes.stage import Actor, Stage
from tiny.scenes.weather import Rain

WIDTH, HEIGHT, ASPECT = 480, 270, 16 / 9
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Scenery(Background):
    """A painted place: "floor" (wall and wooden floor), "workshop" (boards and bench) or "hills"."""

    def paint(self, xs: Field, ys: Field) -> Image:
        """Colours [h w 3] at world coordinates."""
        rng = np.random.default_rng(self.seed)
        painted = {"floor": _floor, "workshop": _workshop, "hills": _hills}[self.family](rng, xs, ys)
        clipped: Image = np.clip(painted, 0.0, 1.0).astype(np.float32)
        return clipped


def _between(a: Color, b: Color, share: Field) -> Image:
    mixed: Image = np.asarray(a, np.float32) + share[..., None] * (
        np.asarray(b, np.float32) - np.asarray(a, np.float32)
    )
    return mixed


def _floor(rng: np.random.Generator, xs: Field, ys: Field) -> Image:
    """A plain wall with a skirting board; planks that run away from the eye."""
    wall = _between(
        (0.62, 0.68, 0.7), (0.8, 0.83, 0.82), 0.6 * value_noise(rng, xs, ys, 1.3) + 0.25 * (1 - ys)
    )
    depth = 0.35 / np.maximum(ys - 0.42, 0.05)
    across = (xs - 0.5 * ASPECT) * depth * 2.2
    board = np.floor(across)
    grain = value_noise(rng, across * 6 + 5.3 * board, depth * 2.5 + board, 3, 3)
    wood = _between(
        (0.38, 0.22, 0.11), (0.74, 0.5, 0.28), np.clip(0.2 + 0.7 * grain + 0.12 * np.sin(board * 7), 0, 1)
    )
    wood = wood * np.where(across - board < 0.05, 0.55, 1.0)[..., None]
    shown = np.where((ys > 0.66)[..., None], wood, wall)
    skirting = np.asarray([0.9, 0.89, 0.86])
    painted: Image = np.where(((ys > 0.625) & (ys <= 0.66))[..., None], skirting, shown)
    return painted


def _workshop(rng: np.random.Generator, xs: Field, ys: Field) -> Image:
    """Upright boards behind a bench."""
    board = np.floor(xs / 0.2)
    grain = value_noise(rng, xs * 9 + 3.1 * board, ys * 1.2 + board, 2, 4)
    wall = (
        _between((0.22, 0.25, 0.28), (0.4, 0.44, 0.47), grain)
        * np.where(xs / 0.2 - board < 0.04, 0.6, 1.0)[..., None]
    )
    bench = _between((0.42, 0.28, 0.16), (0.66, 0.47, 0.29), value_noise(rng, xs, ys * 9, 2, 3))
    light = 1.0 - 0.5 * np.hypot(xs - 0.9, ys - 0.5)
    painted: Image = np.where((ys > 0.86)[..., None], bench, wall) * (0.5 + 0.8 * light)[..., None]
    return painted


def _hills(rng: np.random.Generator, xs: Field, ys: Field) -> Image:
    """A heavy sky, three ranges of hills, wet grass."""
    cloud = value_noise(rng, xs, ys * 2.4, 1.8, 4)
    shown = _between((0.42, 0.46, 0.52), (0.68, 0.72, 0.76), cloud * (0.5 + 0.5 * ys))
    for i, (height, color) in enumerate(
        ((0.52, (0.36, 0.42, 0.46)), (0.62, (0.26, 0.34, 0.33)), (0.74, (0.16, 0.27, 0.19)))
    ):
        edge = height + 0.16 * (value_noise(rng, xs + 3 * i, np.zeros_like(xs), 1.6 + i, 3) - 0.5)
        tone = 0.8 + 0.4 * value_noise(rng, xs, ys * 3, 5 + 6 * i, 3)
        shown = np.where((ys > edge)[..., None], np.asarray(color) * tone[..., None], shown)
    return shown


@dataclass(frozen=True)
class Clip:
    """One demonstration: who acts, before what, how long, at how many pictures a second."""

    name: str
    caption: str
    seconds: int
    rate: int
    actor: Actor
    scenery: Scenery
    shake: float = 0.0

    def truth(self) -> dict[str, Any]:
        """Everything that is known of it, for JSON."""
        beats, level = self.actor.beats, self.actor.level
        events = [
            {"time": t, "kind": self.actor.kind, "strength": s}
            for t, s in zip(beats.times, beats.strengths, strict=True)
        ]
        curve = [] if events else [{"kind": self.actor.kind, "times": level.times, "values": level.values}]
        return {
            "seconds": self.seconds,
            "rate": self.rate,
            "width": WIDTH,
            "height": HEIGHT,
            "caption": self.caption,
            "events": events,
            "ambience": curve,
        }

    def frames(self) -> Iterator[np.ndarray]:
        """uint8 [h w 3], drawn at twice the size and averaged."""
        shot = Shot(0.0, 0.5 * ASPECT, 0.5, 1.0, False, self.scenery)
        camera = Camera((shot,), self.shake, 0.0, 0.0, 1.0, 0.004, 11)
        renderer = Renderer(camera, [self.actor], ASPECT, 2 * HEIGHT, 2 * WIDTH)
        for k in range(self.seconds * self.rate):
            large = renderer.picture(k / self.rate).astype(np.uint16)
            yield (large.reshape(HEIGHT, 2, WIDTH, 2, 3).sum(axis=(1, 3)) // 4).astype(np.uint8)


def clips() -> list[Clip]:
    """The three bundled clips."""
    gap, time, strength, falls = 0.62, 0.82, 0.95, []
    for _ in range(2):
        gap, strength = 0.66, 0.95
        while gap > 0.16:
            falls.append((round(time, 4), round(strength, 3)))
            time, gap, strength = time + gap, gap * 0.74, strength * 0.8
        time += 1.1
    ball = Ball(
        np.random.default_rng(4),
        Stage(0.5 * ASPECT, 0.86, 0.8, 0.75, ASPECT),
        _beats(falls, 7),
        "ball_bounce",
    )
    ball.color, ball.floor, ball.r, ball.top, ball.gravity, ball.stripes = (
        (0.85, 0.2, 0.13),
        (0.0, 0.0, 0.0),
        0.1,
        0.52,
        8.0,
        True,
    )
    ball.still = lambda canvas: None  # type: ignore[method-assign]  # the scenery has its own floor
    blows = [(0.7 + 0.62 * k + 0.013 * (k * 7 % 5), 0.55 + 0.4 * (k % 3 == 0)) for k in range(5)]
    blows += [(4.4 + 0.31 * k, 0.5 + 0.1 * k) for k in range(5)]
    stage = Stage(0.55 * ASPECT, 0.87, 0.72, 0.35, ASPECT)
    hammer = Striker(np.random.default_rng(1), stage, _beats(blows, 7), "hammer")
    hammer.color, hammer.metal, hammer.target, hammer.swing = (
        (0.72, 0.5, 0.28),
        (0.75, 0.77, 0.8),
        (0.5, 0.52, 0.56),
        1.0,
    )
    level = Level((0.0, 1.5, 3.5, 4.5, 6.0), (0.25, 0.3, 1.0, 1.0, 0.6))
    rain = Rain(np.random.default_rng(2), Stage(0.5 * ASPECT, 0.85, 0.6, 0.5, ASPECT), level, "rain")
    return [
        Clip("bounce", "a ball bounces on a wooden floor", 7, 30, ball, Scenery("floor", 5, 0.6, 0.3)),
        Clip("hammer", "a hammer hits an anvil", 7, 25, hammer, Scenery("workshop", 3, 0.35, 0.3), 0.002),
        Clip("rain", "rain gets heavier over the hills", 6, 25, rain, Scenery("hills", 9, 0.5, 0.3)),
    ]


def _beats(pairs: list[tuple[float, float]], seconds: float) -> Beats:
    kept = [pair for pair in pairs if pair[0] < seconds - 0.3]
    return Beats(tuple(round(t, 4) for t, _ in kept), tuple(round(min(s, 1.0), 3) for _, s in kept))


def write_film(path: Path, clip: Clip) -> None:
    """Encode beside the target, then rename."""
    with (
        files.beside(path) as part,
        av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as film,
    ):
        stream = film.add_stream(
            "libx264", rate=clip.rate, options={"crf": "24", "preset": "slow", "threads": "1"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, clip.rate)
        for number, picture in enumerate(clip.frames()):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, clip.rate)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


def main(words: list[str]) -> None:
    folder = Path(words[0]) if words else Path(__file__).resolve().parent.parent / "examples" / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = clips()
    for clip in drawn:
        path = folder / f"{clip.name}.mp4"
        write_film(path, clip)
        size, events = path.stat().st_size / 1e3, len(clip.actor.beats.times)
        print(f"{path.name}: {clip.seconds} s, {size:.0f} kB, {events} events")
    truth = {f"{clip.name}.mp4": clip.truth() for clip in drawn}
    (folder / "events.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
