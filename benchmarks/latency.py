"""Where the time of one soundtrack goes: an 8 s 720p clip, cold (a new process) and warm (a loaded pipeline).

    python benchmarks/latency.py [--seconds 8] [--repeats 5] [--clip FILE] [--json]

Prints seconds by phase, the ratio of the whole to the clip's length, and what dominates; and CPU seconds, of
all threads, which a busy machine disturbs least, beside those of PyAV decoding the clip and nothing else.
Then CPU seconds of parts: extraction of the clip for training, EfficientNet on eight pictures, kinds of sound
found for the first time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
import numpy as np

MOST = 8  # seconds of a clip that are extracted


def make_clip(path: Path, seconds: float, rate: int = 30) -> Path:
    """A 1280x720 H.264 clip of a moving disc over texture; every picture differs."""
    rng = np.random.default_rng(0)
    texture = rng.integers(60, 120, (720, 1280, 3), np.uint8)
    rows, columns = np.mgrid[:720, :1280]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for k in range(round(seconds * rate)):
            picture = np.roll(texture, k, axis=1)
            fall = abs((k * 24) % 1000 - 500)
            picture[(rows - 100 - fall) ** 2 + (columns - 640) ** 2 < 60**2] = (220, 60, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def cpu(who: int = resource.RUSAGE_SELF) -> float:
    """CPU seconds of this process, or of its children."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def bare(clip: Path) -> float:
    """CPU seconds to decode the clip and do nothing with it; best of three."""
    spent = []
    for _ in range(3):
        began = cpu()
        with av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "AUTO"
            for _ in container.decode(video=0):
                pass
        spent.append(cpu() - began)
    return min(spent)


def cold(clip: Path, output: Path) -> dict[str, float]:
    """The whole command in a new process, and the phases it reports."""
    command = [sys.executable, "-m", "soundvcm.cli.main", "generate", str(clip), "-o", str(output), "--json"]
    began, spent = time.perf_counter(), cpu(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    total, spent = time.perf_counter() - began, cpu(resource.RUSAGE_CHILDREN) - spent
    phases: dict[str, float] = json.loads(done.stdout)["timings"]  # "load" holds the import of torch
    rest = total - sum(phases.values())
    return {"whole": total, "cpu": spent, "start and end": rest, **phases}


def warm(clip: Path, output: Path, repeats: int) -> dict[str, float]:
    """Median of several runs through one loaded pipeline; no feature cache, so all is done each time."""
    from soundvcm.generate import render
    from soundvcm.generate.options import GenerateOptions
    from soundvcm.systems.loading import load

    pipeline = load("tiny", device="cpu")
    pipeline.clip_encoder.cache = None
    request = GenerateOptions(video=clip, output=output, seed=1)
    render.render(pipeline, request)
    runs = []
    for _ in range(repeats):
        began, spent = time.perf_counter(), cpu()
        outcome = render.render(pipeline, request)
        total = time.perf_counter() - began
        runs.append({"whole": total, "cpu": cpu() - spent, **outcome.timings})
    return {name: median(run[name] for run in runs) for name in runs[0]}


def best(work: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of the fastest of some runs."""
    spent = []
    for _ in range(times):
        began = cpu()
        work()
        spent.append(cpu() - began)
    return min(spent)


def parts(clip: Path) -> dict[str, float]:
    """CPU seconds of work that no phase shows; `clip` has sound and is `MOST` seconds long or shorter."""
    import torch

    from soundvcm import media
    from soundvcm.cli.commands.extract import parts_of
    from soundvcm.data.catalog import Row
    from soundvcm.data.extract import Extraction, extract_clip
    from soundvcm.generate.reference_sounds import ReferenceSounds

    made = parts_of("tiny", "cpu")
    length = min(Fraction(MOST), media.claimed_info(clip).claimed_seconds or Fraction(MOST))
    row = Row("clip", clip, seconds=length, captions=("a sound",))
    lines = replace(made, timeline=made.timeline.at(length))
    pictures = torch.randint(0, 256, (64, 224, 224, 3), generator=torch.Generator().manual_seed(0))
    frames = pictures.to(torch.uint8)
    return {
        "extraction": best(lambda: extract_clip(row, Extraction((row,)), lines)),
        "EfficientNet, 8 pictures": best(lambda: made.semantic.encode(frames)),
        "kinds found at first": best(lambda: ReferenceSounds(made.text.encode).index),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--clip", type=Path, help="a clip of your own, with sound")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or make_clip(Path(folder) / "clip.mp4", options.seconds)
        decoding = bare(clip)
        results = {
            "cold": cold(clip, Path(folder) / "cold.mp4"),
            "warm": warm(clip, Path(folder) / "warm.mp4", options.repeats),
        }
        inside = parts(options.clip or Path(folder) / "warm.mp4")
    if options.json:
        print(json.dumps({**results, "bare": decoding, "parts": inside}))
        return
    for name, phases in results.items():
        whole, spent = phases.pop("whole"), phases.pop("cpu")
        most = max(phases, key=lambda phase: phases[phase])
        print(f"{name}: {whole:.2f} s for {options.seconds:g} s of film, ratio {whole / options.seconds:.3f}")
        print(f"    {spent:.2f} CPU s, {spent / decoding:.1f} times those of decoding alone ({decoding:.2f})")
        for phase, seconds in phases.items():
            print(f"    {phase:<18} {seconds:6.3f} s  {100 * seconds / whole:5.1f} %")
        print(f"    most goes into: {most}")
    for name, spent in inside.items():
        print(f"{name}: {spent:.3f} CPU s, {spent / decoding:.2f} times those of decoding alone")


if __name__ == "__main__":
    main()
