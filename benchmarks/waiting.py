"""What idle threads cost: a cold `soundvcm generate`, OpenMP's threads spinning or sleeping between loops.

    python benchmarks/waiting.py [--seconds 8] [--repeats 3] [--beside 2]

The two ways take turns. `--beside N` keeps N processes busy meanwhile (0: the machine as it is). Prints
median wall and CPU seconds. The command sets OMP_WAIT_POLICY=passive where the user has set nothing; this
says whether that is still right.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from latency import make_clip


def one(clip: Path, output: Path, policy: str) -> tuple[float, float]:
    """Wall and CPU seconds of the command under a wait policy."""
    command = [sys.executable, "-m", "soundvcm.cli.main", "generate", str(clip), "-o", str(output), "-q"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, "OMP_WAIT_POLICY": policy})
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--beside", type=int, default=0)
    options = parser.parse_args()
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.beside)]
    found: dict[str, list[tuple[float, float]]] = {"active": [], "passive": []}
    try:
        with tempfile.TemporaryDirectory() as folder:
            clip = make_clip(Path(folder) / "clip.mp4", options.seconds)
            for _ in range(options.repeats):
                for policy, runs in found.items():
                    runs.append(one(clip, Path(folder) / f"{policy}.mp4", policy))
    finally:
        for neighbour in neighbours:
            neighbour.kill()
    print("| OMP_WAIT_POLICY | wall s | CPU s |\n|---|---|---|")
    for policy, runs in found.items():
        wall, cpu = (median(values) for values in zip(*runs, strict=True))
        print(f"| {policy} | {wall:.2f} | {cpu:.2f} |")


if __name__ == "__main__":
    main()
