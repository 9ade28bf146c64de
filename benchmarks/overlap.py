"""What a batch gains by reading and encoding the next clip while the network works on one.

    python benchmarks/overlap.py examples/clips --rounds 3

The same clips with the same model, one after the other and overlapped, in turns in one process; prints a JSON
object with the seconds of each and their ratio. One thread for PyTorch's sums unless --threads says more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from soundvcm import runtime
from soundvcm.cli.batch.items import plan
from soundvcm.cli.batch.report import Report
from soundvcm.cli.batch.run import Batch
from soundvcm.cli.batch.work import BatchSettings
from soundvcm.generate import render
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.systems import loading


def overlapped(pipeline: Pipeline, inputs: tuple[Path, ...], output: Path) -> float:
    """Seconds of a batch as the command does it."""
    request = GenerateOptions(output=output, seed=7)
    work = plan(inputs, request)
    batch = Batch(BatchSettings(request, {"name": pipeline.name, "device": "cpu"}, work.folder), show=False)
    batch._pipeline = pipeline  # loading is not what is measured
    began = time.perf_counter()
    with Report(work.folder) as report:
        tally = batch.run(work, report)
    if tally.done != len(work.items):
        raise SystemExit(f"{tally.failed} clips failed")
    return time.perf_counter() - began


def in_turn(pipeline: Pipeline, inputs: tuple[Path, ...], output: Path) -> float:
    """Seconds of the same clips one after the other."""
    request = GenerateOptions(output=output, seed=7)
    items = plan(inputs, request).items
    began = time.perf_counter()
    for item in items:
        render.render(pipeline, replace(request, video=item.source, output=item.output))
    return time.perf_counter() - began


def measure(pipeline: Pipeline, inputs: tuple[Path, ...], rounds: int) -> dict[str, object]:
    """Both, in turns; the first round of each warms up and is left out."""
    seconds: dict[str, list[float]] = {"in turn": [], "overlapped": []}
    for number in range(rounds + 1):
        for name, way in (("in turn", in_turn), ("overlapped", overlapped)):
            with tempfile.TemporaryDirectory() as folder:
                took = way(pipeline, inputs, Path(folder) / "out")
            if number:
                seconds[name].append(round(took, 3))
    ratios = [a / b for a, b in zip(seconds["in turn"], seconds["overlapped"], strict=True)]
    return {**seconds, "gain": round(statistics.median(ratios), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    pipeline = loading.load("tiny", device="cpu")
    with runtime.threads(given.threads):
        print(json.dumps(measure(pipeline, tuple(given.inputs), given.rounds)))


if __name__ == "__main__":
    main()
