"""Contact sheets: film strip, waveform and spectrogram of made sounds, one row a clip. Listening by looking.

    python -m tiny.contact_sheet sheet [--scenes 24] [--clips FOLDER] [--steps 1] [--rows 8]

Writes sheet-1.png, sheet-2.png ... For drawn test scenes the events are marked: dashed where something
happens in the picture, short strokes below where an onset is found in the sound. Real clips show the movement
instead. Late, missing or metallic sounds are seen: marks apart, gaps, level lines across the spectrogram. All
clips get the same noise, so what repeats from row to row comes from the noise, not from the picture.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray

from soundvcm import media
from soundvcm.codec.spectra import mel_triangles
from soundvcm.errors import InputError, SoundVCMError
from soundvcm.evaluation import classify
from soundvcm.evaluation.metrics import detect_onsets, has_pictures, match_onsets
from soundvcm.generate.pipeline import Pipeline
from soundvcm.records import FrameSpec
from soundvcm.systems.loading import load
from tiny.scoring.scores import event_times, scene_set
from tiny.sounds.bank import BANK, load_bank

PICTURES = 14
HEIGHT, WIDTH = 72, 96
MELS = 80


@dataclass
class Row:
    """One clip and what was made for it.

    Attributes:
        title: what it is and how YAMNet classifies its sound.
        frames: [k, h, w, 3] pictures of the strip.
        seconds: length.
        wave: [s] mono.
        rate: of the wave.
        events: times (s) at which something happens; empty if unknown.
        movement: change of the picture over time, 25 a second; empty if events are known.
    """

    title: str
    frames: NDArray[np.uint8]
    seconds: float
    wave: NDArray[np.float32]
    rate: int
    events: list[float] = field(default_factory=list)
    movement: list[float] = field(default_factory=list)


def scene_rows(
    pipeline: Pipeline, bank: Path, count: int, steps: int, told: str, seed: int = 1
) -> Iterator[Row]:
    """Drawn test scenes, made from what a user would give: the clip as an array, and the caption."""
    scenes = scene_set(load_bank(bank), count)
    for scene in scenes.scenes:
        prompt = scene.captions[0] if told == "text" else ""
        frames = np.ascontiguousarray(scene.sampled(25, 112))
        sound = pipeline.generate(frames, fps=25, prompt=prompt, num_steps=steps, seed=seed)
        wave = sound.wave.mean(axis=0)
        events = [float(t) for t in event_times(scene)] if scene.style == "event" else []
        match = match_onsets(events, detect_onsets(wave, sound.sample_rate)) if events else None
        score = "" if match is None else f"  F1 {match.f1:.2f}  offset {1000 * match.offset_seconds:.0f} ms"
        labels = ", ".join(classify(sound.wave, sound.sample_rate)[:2])
        title = f"{'+'.join(scene.kinds)} / classified as: {labels}{score}"
        yield Row(title, _spread(frames), float(scene.seconds), wave, sound.sample_rate, events)


def clip_rows(pipeline: Pipeline, folder: Path, steps: int, seconds: float, seed: int = 1) -> Iterator[Row]:
    """Real clips from the picture alone, their first seconds."""
    paths = sorted(p for p in folder.glob("*") if has_pictures(p))
    if not paths:
        raise InputError(f"{folder}: holds no clips: python scripts/fetch_footage.py {folder}")
    for path in paths:
        length = min(Fraction(media.probe(path)["seconds"]), Fraction(seconds))
        spec = {"strip": FrameSpec(Fraction(25), HEIGHT, WIDTH)}
        frames = media.read_frames(path, spec, seconds=length).frames["strip"].numpy()
        sound = pipeline.generate(path, duration=length, num_steps=steps, seed=seed)
        change = np.abs(np.diff(frames.astype(np.float32).mean(axis=3), axis=0)).mean(axis=(1, 2))
        labels = ", ".join(classify(sound.wave, sound.sample_rate)[:3])
        yield Row(
            f"{path.name} / classified as: {labels}", _spread(frames), float(length), sound.wave.mean(axis=0),
            sound.sample_rate, movement=[0.0, *change.tolist()],
        )  # fmt: skip


def _spread(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`PICTURES` pictures of the clip at the size of the strip."""
    index = (np.arange(PICTURES) + 0.5) * len(frames) / PICTURES
    chosen = torch.from_numpy(frames[index.astype(int)]).permute(0, 3, 1, 2).float()
    small = torch.nn.functional.interpolate(chosen, (HEIGHT, WIDTH), mode="area")
    return small.round().byte().permute(0, 2, 3, 1).numpy()


def log_mel(wave: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """[mels, frames] in dB, 10 ms apart."""
    size, hop = 1024, rate // 100
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(wave, size // 2), size)[::hop]
    power = np.abs(np.fft.rfft(windows * np.hanning(size))) ** 2
    mels = mel_triangles(MELS, size // 2 + 1, rate).numpy() @ power.T
    return np.asarray(10 * np.log10(mels + 1e-7), dtype=np.float32)


def draw(rows: list[Row], path: Path) -> None:
    """One sheet."""
    figure, axes = plt.subplots(
        3 * len(rows), 1, figsize=(15, 2.7 * len(rows)),
        gridspec_kw={"height_ratios": [1.1, 0.6, 1.3] * len(rows)},
    )  # fmt: skip
    for k, row in enumerate(rows):
        _draw_row(row, axes[3 * k : 3 * k + 3])
    figure.tight_layout(h_pad=0.1)
    figure.savefig(path, dpi=70)
    plt.close(figure)


def _draw_row(row: Row, axes: Any) -> None:
    strip, level, bottom = axes
    strip.imshow(np.concatenate(row.frames, axis=1), extent=(0, row.seconds, 0, 1), aspect="auto")
    strip.set_title(row.title, fontsize=9, loc="left", pad=2)
    seconds = np.arange(len(row.wave)) / row.rate
    level.plot(seconds, row.wave, linewidth=0.4, color="#234")
    level.set_ylim(-1, 1)
    if row.movement:
        moved = np.asarray(row.movement)
        height = moved / max(float(moved.max()), 1e-9)
        level.plot(np.arange(len(moved)) / 25, height, color="#d33", linewidth=0.9)
    extent = (0, len(row.wave) / row.rate, 0, MELS)
    bottom.imshow(
        log_mel(row.wave, row.rate), origin="lower", aspect="auto", extent=extent, cmap="magma",
        vmin=-55, vmax=25,
    )  # fmt: skip
    for time in detect_onsets(row.wave, row.rate):
        level.plot([time, time], [-1, -0.7], color="#070", linewidth=1.4)
    for axis in (level, bottom):
        for time in row.events:
            axis.axvline(time, color="#1ab", linewidth=0.8, linestyle="--")
    for axis in axes:
        _bare(axis, row.seconds)


def _bare(axis: Axes, seconds: float) -> None:
    axis.set_xlim(0, seconds)
    axis.set_yticks([])
    axis.tick_params(labelsize=6, pad=1)


def main(words: list[str] | None = None) -> list[Path]:
    """The command; returns the files written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path, help="start of the files' names")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--bank", type=Path, default=BANK)
    parser.add_argument("--scenes", type=int, default=24, help="drawn test scenes; 0 for none")
    parser.add_argument("--told", choices=["text", "picture"], default="text", help="what scenes are given")
    parser.add_argument("--clips", type=Path, help="folder of real clips")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each real clip")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the noise, the same for all clips")
    parser.add_argument("--rows", type=int, default=8, help="clips on one sheet")
    options = parser.parse_args(words)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []

    def sheets(name: str, rows: Iterator[Row]) -> None:
        waiting: list[Row] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == options.rows:
                flush(name, waiting)
        if waiting:
            flush(name, waiting)

    def flush(name: str, rows: list[Row]) -> None:
        path = options.output.with_name(f"{options.output.name}-{name}-{len(written) + 1}.png")
        draw(rows, path)
        rows.clear()
        written.append(path)
        print(path, file=sys.stderr, flush=True)

    try:
        pipeline = load(options.model, device="cpu")
        if options.scenes:
            made = scene_rows(
                pipeline, options.bank, options.scenes, options.steps, options.told, options.seed
            )
            sheets("scenes", made)
        if options.clips:
            made = clip_rows(pipeline, options.clips, options.steps, options.seconds, options.seed)
            sheets("clips", made)
    except SoundVCMError as error:
        raise SystemExit(f"contact_sheet: {error}") from None
    return written


if __name__ == "__main__":
    main()
