"""Mutation fuzz of the media reader and muxer: only our own errors may come out.

    python scripts/fuzz_media.py --seconds 600 --seed 1

Small valid files of every container are damaged (flipped bytes, cut, doubled, moved and zeroed pieces,
numbers at the edges of their range) and read and muxed. Counts go to the screen; a file that breaks the rule
is kept in --keep.
"""

from __future__ import annotations

import argparse
import collections
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from soundvcm.errors import SoundVCMError
from soundvcm.media import mux, read_frames, read_sound, windows
from soundvcm.records import FrameSpec

SPECS = {"semantic": FrameSpec(Fraction(8), 8, 8), "sync": FrameSpec(Fraction(25), 8, 8, "cover", True)}
SLOW = 10.0


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """The file with one to four pieces of damage."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not out:
            break
        at = int(rng.integers(len(out)))
        if rng.random() < 0.4:
            at = int(rng.integers(min(len(out), 512)))  # headers matter most
        size = int(min(rng.integers(1, 64), len(out) - at))
        kind = int(rng.integers(7))
        if kind == 0:
            out[at : at + size] = rng.bytes(size)
        elif kind == 1:
            out[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            out[at:at] = out[at : at + size]
        elif kind == 4:
            del out[at : at + size]
        elif kind == 5:
            out[at : at + 4] = bytes([int(rng.choice([0, 255, 127, 128]))]) * 4
        else:
            other = int(rng.integers(len(out)))
            out[at : at + size] = out[other : other + size]
    return bytes(out)


def treat(path: Path, folder: Path, rng: np.random.Generator) -> str:
    """Read and mux one file; the name of what came out.

    Raises:
        Exception: whatever is not ours, which is a finding.
    """
    outcomes = []
    output = folder / f"out{rng.choice(['.mp4', '.mkv', '.mov', '.webm'])}"

    def write() -> object:
        existing = str(rng.choice(["replace", "mix", "keep"]))
        seconds = None if rng.random() < 0.7 else Fraction(1, 2)
        return mux(path, np.zeros(4000, np.float32), 8000, output, existing=existing, seconds=seconds)

    still = path.suffix in (".png", ".jpg")
    steps: list[Callable[[], object]] = [
        lambda: read_frames(path, SPECS, seconds=1 if still or rng.random() < 0.3 else None),
        lambda: read_frames(path, SPECS, start="0.3", seconds="0.2"),
        lambda: sum(1 for _ in windows(path, SPECS, 1, "0.5")),
        lambda: read_sound(path),
        write,
    ]
    for step in steps:
        try:
            step()
            outcomes.append("read")
        except SoundVCMError as error:
            if "\n" in str(error):
                raise AssertionError(f"not one line: {error!r}") from error
            outcomes.append(type(error).__name__)
    left = [one.name for one in folder.iterdir() if ".part" in one.name]
    if left:
        raise AssertionError(f"left behind: {left}")
    for one in folder.glob("out.*"):
        one.unlink()
    return "/".join(outcomes)


def run(
    seeds: list[Path], rng: np.random.Generator, count: int, keep: Path
) -> tuple[collections.Counter[str], float]:
    """Damage and treat `count` files; the counts of outcomes and the most CPU seconds one took."""
    found: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for k in range(count):
            seed = seeds[k % len(seeds)]
            data = mutate(seed.read_bytes(), rng)
            path = folder / f"in{seed.suffix}"
            path.write_bytes(data)
            keep.write_bytes(data)  # a crash of the process leaves its cause behind
            began = time.process_time()
            outcome = treat(path, folder, rng)
            slowest = max(slowest, time.process_time() - began)
            found[f"{seed.suffix} {'read' if outcome.startswith('read') else 'refused'}"] += 1
            keep.unlink()
    return found, slowest


def make_seeds(folder: Path) -> list[Path]:
    """One small file of every container, with sound where it can hold some."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from clips import moving, tone, write_gif, write_picture, write_video

    sound = tone(0.8, 8000)
    kinds: dict[str, tuple[str, str, str | None]] = {
        ".mp4": ("libx264", "yuv420p", "aac"), ".mov": ("mpeg4", "yuv420p", "pcm_s16le"),
        ".mkv": ("libx264", "yuv420p", "flac"), ".webm": ("libvpx", "yuv420p", None),
        ".avi": ("mpeg4", "yuv420p", "pcm_s16le"), ".ts": ("libx264", "yuv420p", "aac"),
        ".flv": ("flv", "yuv420p", "aac"), ".mpg": ("mpeg2video", "yuv420p", None),
        ".nut": ("ffv1", "yuv420p", "pcm_s16le"), ".h264": ("libx264", "yuv420p", None),
        ".ogv": ("libvpx", "yuv420p", None),
        ".asf": ("msmpeg4", "yuv420p", None),
    }  # fmt: skip
    found = []
    for suffix, (codec, form, encoder) in kinds.items():
        sounds = [(sound, 8000, encoder)] if encoder else []
        if encoder == "aac":
            sounds = [(tone(0.8, 16_000), 16_000, "aac")]
        path = folder / f"seed{suffix}"
        kind = "ogg" if suffix == ".ogv" else None
        found.append(write_video(path, moving, 20, 25, codec=codec, pix_fmt=form, sounds=sounds, kind=kind))
    found.append(
        write_video(folder / "seed.m4v", moving, 20, 25, faststart=True, turn=90, b_frames=2, options={})
    )
    found.append(write_gif(folder / "seed.gif", 12))
    found.append(write_picture(folder / "seed.png", moving(3), "rgb24"))
    found.append(write_picture(folder / "seed.jpg", moving(3), "yuvj420p"))
    return found


def batches(seconds: float, seed: int) -> Iterator[int]:
    """Seeds of the batches that fit into the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield seed
        seed += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=160)
    parser.add_argument(
        "--one", action="store_true", help="one batch in this process (used by the command itself)"
    )
    parser.add_argument("--keep", type=Path, default=Path("fuzz_findings"))
    chosen = parser.parse_args()
    chosen.keep.mkdir(exist_ok=True)
    if chosen.one:
        with tempfile.TemporaryDirectory() as name:
            seeds = make_seeds(Path(name))
            found, slowest = run(
                seeds, np.random.default_rng(chosen.seed), chosen.batch, chosen.keep / f"{chosen.seed}.bin"
            )
        for kind, count in sorted(found.items()):
            print(kind, count)
        print("slowest", round(slowest, 2))
        return 0
    total: collections.Counter[str] = collections.Counter()
    bad, slowest = 0, 0.0
    for seed in batches(chosen.seconds, chosen.seed):
        command = [sys.executable, __file__, "--one", "--seed", str(seed), "--batch", str(chosen.batch)]
        done = subprocess.run([*command, "--keep", str(chosen.keep)], capture_output=True, text=True)
        if done.returncode:
            bad += 1
            print(f"seed {seed}: exit {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
        for line in done.stdout.splitlines():
            *kind, count = line.split()
            if kind == ["slowest"]:
                slowest = max(slowest, float(count))
            else:
                total[" ".join(kind)] += int(count)
    for kind, count in sorted(total.items()):
        print(f"{kind:<16} {count}")
    count = sum(total.values())
    print(f"{count} damaged files, {bad} batches with a finding, slowest file {slowest:.1f} CPU s")
    return 1 if bad or slowest > SLOW else 0


if __name__ == "__main__":
    sys.exit(main())
