"""Drawing the scene store by several processes: a part of `python -m tiny scenes`.

Each process makes every n-th shard; a killed run goes on where it was. Knows the embedded encoders by name.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from soundvcm.cli.commands.extract import codec_name
from soundvcm.cli.terminal import say
from soundvcm.errors import StoreError
from tiny.store import FoleyParts, FoleyPlan, scene_writer, write_shards

CHECKOUT = Path(__file__).resolve().parent.parent


def parts_of(codec: str | None, pictures: int = 2) -> FoleyParts:
    """The embedded codec (a file, or None for the shipped one) and encoders, pictures by their version."""
    from soundvcm.encoders import ImageEncoder, MotionEncoder, TextEmbedder
    from soundvcm.systems.loading import saved_codec

    seen = ImageEncoder(version=pictures)
    return FoleyParts(saved_codec(codec or "tiny_codec"), seen, MotionEncoder(), TextEmbedder())


def scene_store(
    bank: Path, folder: Path, codec: Path | None, counts: dict[str, int], workers: int, pictures: int = 2
) -> dict[str, Any]:
    """Draw what is missing with `workers` processes, then finish the store; returns its manifest.

    Raises:
        StoreError: if a process failed; what it had finished is kept.
    """
    plan = FoleyPlan(counts)
    places = [str(path.resolve()) if path else "" for path in (bank, folder, codec)]
    command = [sys.executable, "-m", "tiny.drawing", *places, str(pictures), plan_words(plan)]
    processes = [
        subprocess.Popen([*command, str(part), str(workers)], cwd=CHECKOUT) for part in range(workers)
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise StoreError(f"a process that draws scenes failed: run the same command again ({folder})")
    parts = parts_of(str(codec) if codec else None, pictures)
    return scene_writer(folder, parts, codec_name(codec)).finish(parts.text.encode)


def plan_words(plan: FoleyPlan) -> str:
    """Scene counts as one word, train=6000,val=150."""
    return ",".join(f"{split}={count}" for split, count in plan.scenes.items())


def work(words: list[str]) -> None:
    """One process: `bank folder codec pictures plan part of`."""
    from soundvcm import runtime
    from tiny.sounds.bank import load_bank

    bank, folder, codec, pictures, counts, part, of = words
    plan = FoleyPlan({k: int(v) for k, v in (pair.split("=") for pair in counts.split(","))})
    with runtime.threads(1):
        parts = parts_of(codec or None, int(pictures))
        write_shards(
            Path(folder),
            load_bank(Path(bank), parts.codec.sample_rate),
            parts,
            plan,
            codec_name=codec_name(Path(codec) if codec else None),
            part=int(part),
            of=int(of),
            report=lambda done, total: say(f"scenes: process {part}: shard {done} of {total}"),
        )


if __name__ == "__main__":
    work(sys.argv[1:])
