"""Does the embedded model carry over to real film? Made sound against the movement of real clips.

    python scripts/fetch_footage.py clips
    python benchmarks/real_footage.py clips [--json F --markdown F]

The movement is measured here by plain differences of small grey pictures, not by the model's own motion
features. Each sound is compared with its own clip and with all others. No claim on how it sounds.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundvcm import media, runtime
from soundvcm.encoders import ImageEncoder
from soundvcm.errors import InputError, SoundVCMError
from soundvcm.evaluation import classify
from soundvcm.evaluation.metrics import (
    MOVEMENT_RATE,
    curve_correlation,
    energy,
    has_pictures,
    mean_interval,
    movement,
)
from soundvcm.generate.pipeline import Pipeline
from soundvcm.systems.loading import load

Curve = NDArray[np.float64]


@dataclass
class Window:
    """Some seconds of one clip: how it moves and how loud what was made for it is, 25 times a second."""

    clip: str
    start: float
    movement: Curve
    loudness: Curve
    labels: list[str]
    own: float = float("nan")
    others: float = float("nan")


@dataclass
class Clip:
    """One clip: what the picture encoder sees in it, and its windows."""

    name: str
    seconds: float
    seen: str
    windows: list[Window] = field(default_factory=list)


def watch(path: Path, pipeline: Pipeline, seconds: int, windows: int, seed: int, steps: int) -> Clip:
    """Make sound for up to `windows` pieces of a clip, one after another."""
    length = Fraction(media.probe(path)["seconds"])
    pictures = ImageEncoder()
    spec = {"pictures": pictures.frame_spec}
    part = min(length, Fraction(seconds * windows))
    frames = media.read_frames(path, spec, seconds=part).frames["pictures"]
    label, chance = pictures.top_labels(frames, 1)[0]
    clip = Clip(path.name, float(length), f"{label} ({chance:.2f})")
    for k in range(windows):
        start = Fraction(k * seconds)
        piece = min(Fraction(seconds), length - start)
        if piece < 2 and k:
            break
        sound = pipeline.generate(path, start=start, duration=piece, seed=seed, num_steps=steps)
        labels = classify(sound.wave, sound.sample_rate)
        loudness = energy(sound.wave.mean(axis=0), sound.sample_rate, MOVEMENT_RATE)
        clip.windows.append(Window(path.name, float(start), movement(path, piece, start), loudness, labels))
    return clip


def take_of(name: str) -> str:
    """Clips of several cameras (NAME_cam1, NAME_cam2) are one take, not independent of each other."""
    return Path(name).stem.split("_cam")[0]


def compare(clips: list[Clip], seed: int) -> dict[str, Any]:
    """Correlation of every window's loudness with its own movement and with that of other takes; the mean
    difference over takes with its 95 % interval (takes are drawn again, 2,000 times).

    Raises:
        InputError: with fewer than three takes that move and sound.
    """
    all_windows = [window for clip in clips for window in clip.windows]
    for window in all_windows:
        window.own = curve_correlation(window.loudness, window.movement)
        found = [
            curve_correlation(window.loudness, other.movement)
            for other in all_windows
            if take_of(other.clip) != take_of(window.clip)
        ]
        known = [value for value in found if np.isfinite(value)]
        window.others = float(np.mean(known)) if known else float("nan")
    rows: dict[str, list[tuple[float, float]]] = {}
    for window in all_windows:
        if np.isfinite(window.own) and np.isfinite(window.others):
            rows.setdefault(take_of(window.clip), []).append((window.own, window.others))
    if len(rows) < 3:
        raise InputError("fewer than three takes move and sound: give more clips")
    own, others = np.asarray([np.mean(pairs, axis=0) for pairs in rows.values()]).T
    gaps = own - others
    return {
        "takes": len(rows),
        "own": float(own.mean()),
        "own_interval": mean_interval(own, 2000, seed),
        "others": float(others.mean()),
        "gap": float(gaps.mean()),
        "gap_interval": mean_interval(gaps, 2000, seed),
        "better_than_others": int((gaps > 0).sum()),
    }


def report_of(clips: list[Clip], summary: dict[str, Any], command: str) -> dict[str, Any]:
    """Everything in plain values."""
    rows = [
        {
            "clip": clip.name,
            "seconds": round(clip.seconds, 2),
            "seen": clip.seen,
            "classified_as": [name for window in clip.windows for name in window.labels][:3],
            "own": _mean([w.own for w in clip.windows]),
            "others": _mean([w.others for w in clip.windows]),
            "windows": len(clip.windows),
        }
        for clip in clips
    ]
    date = datetime.now(UTC).isoformat(timespec="minutes")
    facts = {"date": date, "machine": runtime.describe_machine(), "command": command}
    return facts | {"summary": summary, "rows": rows}


def markdown(report: dict[str, Any]) -> str:
    """The section for docs/results.md."""
    s = report["summary"]
    machine = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    low, high = s["gap_interval"]
    lines = [
        f"{report['date']}, {machine}; {s['takes']} takes that move and sound.",
        "",
        f"    {report['command']}",
        "",
        f"Loudness against movement (25 a second): own clip {s['own']:.3f}"
        f" [{s['own_interval'][0]:.3f}, {s['own_interval'][1]:.3f}], other takes {s['others']:.3f},"
        f" difference {s['gap']:.3f} [{low:.3f}, {high:.3f}] (95 %, takes drawn again); own above others in"
        f" {s['better_than_others']} of {s['takes']}.",
        "",
        "| clip | s | labels of the pictures | classified as (YAMNet) | own | others |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        own, others = (f"{row[k]:.2f}" if row[k] == row[k] else "-" for k in ("own", "others"))
        labels = ", ".join(row["classified_as"])
        cells = [row["clip"], f"{row['seconds']:g}", row["seen"], labels, own, others]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def clips_in(folder: Path) -> list[Path]:
    """Video files of a folder, sorted.

    Raises:
        InputError: if there are none.
    """
    found = sorted(p for p in folder.glob("*") if has_pictures(p))
    if not found:
        raise InputError(f"{folder}: holds no clips: python scripts/fetch_footage.py {folder}")
    return found


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return round(float(np.mean(known)), 4) if known else float("nan")


def main(words: list[str] | None = None) -> dict[str, Any]:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clips", type=Path, help="folder of clips")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--seconds", type=int, default=8, help="of one window")
    parser.add_argument("--windows", type=int, default=2, help="of one clip, one after another")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args(words)
    clips = []
    try:
        paths = clips_in(options.clips)
        pipeline = load(options.model, device="cpu")
        for path in paths:
            clips.append(watch(path, pipeline, options.seconds, options.windows, options.seed, options.steps))
            print(f"{path.name}: {clips[-1].seen}", file=sys.stderr, flush=True)
        summary = compare(clips, options.seed)
    except SoundVCMError as error:
        raise SystemExit(f"real_footage: {error}") from None
    command = shlex.join(["python", "benchmarks/real_footage.py", *(words or sys.argv[1:])])
    report = report_of(clips, summary, command)
    print(markdown(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(markdown(report), encoding="utf-8")
    return report


if __name__ == "__main__":
    main()
