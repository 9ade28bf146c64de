"""Rate, steps and stop for fine-tuning `tiny` on few clips: what held-out clips say.

    PYTHONPATH=. python benchmarks/small_data.py [--clips 8 32 128] [--rates 1e-4 3e-4 1e-3]

"Own clips" are drawn scenes of eight kinds of events, each of which sounds like another one (a ball like a
bell): something `tiny` does not know and a user may want. Sounds and drawings of held-out scenes are in no
training scene. Scores are those of `soundvcm finetune`, every 50 steps. Stopped, it goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from soundvcm import runtime, training
from soundvcm.cli.commands.held_out import HeldOut, HeldOutClip
from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError
from soundvcm.systems.loading import saved_codec, timeline_of
from soundvcm.training.finetune import finetune_config, start_from, tuned_sampling
from tiny.drawing import parts_of
from tiny.scenes import make_scene
from tiny.sounds.bank import Bank, Clip, load_bank
from tiny.store import FoleyPlan, scene_clip, scene_writer

SOUNDS = {
    "ball_bounce": "bell",
    "hammer": "water_drop",
    "footstep": "marimba",
    "hand_clap": "drum_hit",
    "drum_hit": "coin",
    "wood_knock": "glass_clink",
    "stone_hit": "dog_bark",
    "punch": "piano",
}
SECONDS, HELD_OUT = 4, 16
OFTEN = {f"loop.{name}": 50 for name in ("validation_steps", "snapshot_steps")}
COUNTING = range(90_000_000, 99_000_000)


class OtherSounds:
    """The bank, in which what is shown sounds like something else."""

    def __init__(self, bank: Bank) -> None:
        self.bank, self.kinds = bank, {name: bank.kinds[name] for name in SOUNDS}
        self.sample_rate = bank.sample_rate

    def clips(self, kind: str, split: str, mode: str | None = None) -> list[Clip]:
        """Sounds of the other kind."""
        return self.bank.clips(SOUNDS[kind], split, mode)


def make_store(folder: Path, clips: int) -> FeatureStore:
    """A store of `clips` scenes for training and some held out."""
    if not (folder / "store.json").exists():
        bank, parts = OtherSounds(load_bank()), parts_of(None)
        writer = scene_writer(folder, parts, "neural-shipped")
        rows = []
        for split, sounds, count in (("train", "train", clips), ("val", "valid", HELD_OUT)):
            plan = FoleyPlan({split: count}, seconds=SECONDS)
            seeds = islice((seed for seed in COUNTING if is_usable(seed, bank, sounds)), count)
            rows += [scene_clip(seed, split, bank, parts, plan) for seed in seeds]  # type: ignore[arg-type]
        writer.write(0, rows)
        writer.finish(parts.text.encode)
    return FeatureStore(folder)


def is_usable(seed: int, bank: OtherSounds, split: str) -> bool:
    """A scene of events of one kind; the bank has no lasting sounds for the others."""
    try:
        return make_scene(seed, bank, split, seconds=SECONDS).style == "event"  # type: ignore[arg-type]
    except OptionError:
        return False


def held_out(store: FeatureStore) -> list[HeldOutClip]:
    """The held-out scenes with their own sound."""
    bank, found = OtherSounds(load_bank()), []
    for k in store.split("val"):
        seed = int(store.items[k].id.removeprefix("val-"))
        scene = make_scene(seed, bank, "valid", seconds=SECONDS)  # type: ignore[arg-type]
        found.append(HeldOutClip(k, store.items[k].id, np.asarray(scene.sound(bank), dtype=np.float32)))  # type: ignore[arg-type]
    return found


def run(folder: Path, clips: int, changes: dict[str, Any]) -> list[dict[str, Any]]:
    """One fine-tuning; its scores by step, those before it first."""
    store, begin = make_store(folder / f"store-{clips}", clips), start_from("tiny", None)
    judge = HeldOut(
        store, held_out(store), saved_codec("tiny_codec"), timeline_of("tiny"), torch.device("cpu")
    )
    name = "-".join([str(clips), *(f"{key.split('.')[-1]}={value}" for key, value in changes.items())])
    done = folder / f"{name}.json"
    if not done.exists():
        from soundvcm import weights

        before = judge.score(begin.network, weights.read(begin.path)[0], begin.sampling)
        config = finetune_config(begin, store.items, {"loop.precision": "bf16", **OFTEN, **changes})
        sampling, began = tuned_sampling(begin), time.process_time()

        def listen(view: training.View) -> dict[str, float]:
            return judge.score(begin.network, view.weights(), sampling).numbers()

        training.train(config, [store], folder / name, hooks=[listen], warm_start=begin.path, device="cpu")
        rows = [row for row in training.read_log(folder / name, "validation") if "held_out" in row]
        rows = [{"step": 0, **before.numbers()}, *rows]
        cost = {"cpu_seconds": time.process_time() - began, "ceiling": judge.ceiling().numbers()}
        done.write_text(json.dumps({"rows": rows, **cost}))
    rows = json.loads(done.read_text())["rows"]
    best = max(rows, key=lambda row: row["held_out"])
    line = " ".join(f"{row['step']}:{row['cosine']:.3f}/{row['onset_f1']:.3f}" for row in rows)
    print(f"{name}: best {best['held_out']:.3f} at {best['step']} | {line}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/small-data"))
    parser.add_argument("--clips", type=int, nargs="+", default=[8, 32, 128])
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-4, 3e-4, 1e-3])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--change", nargs="*", default=[], help="further fields, name=value")
    options = parser.parse_args()
    more = {key: json.loads(value) for key, value in (word.split("=") for word in options.change)}
    with runtime.threads(1):
        for clips in options.clips:
            for rate in options.rates:
                run(
                    options.run,
                    clips,
                    {"loop.optimizer.rate": rate, "loop.steps": options.steps, **more},
                )


if __name__ == "__main__":
    main()
