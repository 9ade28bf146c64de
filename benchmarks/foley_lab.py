"""The paper's Table 1 in small: objectives trained on the same scenes for the same time, few steps and many.

    PYTHONPATH=. python benchmarks/foley_lab.py [--minutes 10] [--seeds 3] [--scenes 1000] [--ablations]

Needs a scene store (python -m tiny scenes). Stopped, it goes on where it was when run again. Passes are
what the network really does: guidance outside doubles them. Scores are on drawn scenes, not on real video.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from foley_methods import (
    MAIN,
    PAIR_STEPS,
    Costs,
    Method,
    ablations,
    build,
    folder_of,
    sample,
    train_method,
    twins,
    weights_of,
)
from foley_tables import line_of, markdown, plot
from torch import Tensor

from soundvcm import runtime
from soundvcm.codec import AudioCodec
from soundvcm.data.store import FeatureStore
from soundvcm.encoders import ImageEncoder, MotionEncoder, TextEmbedder
from soundvcm.errors import SoundVCMError, StoreError
from soundvcm.records import Conditions
from soundvcm.systems.loading import saved_codec
from soundvcm.training import TrainingConfig, recipes
from tiny.scoring.features import scene_features
from tiny.scoring.scores import (
    KindClassifier,
    SceneSet,
    YamnetFeatures,
    scene_scores,
    scene_set,
    yamnet_features,
)
from tiny.sounds.bank import BANK, load_bank
from tiny.store import FoleyParts

BATCH = 10
TIMED = 5
NOISE_SEED = 1000


class Judge:
    """Scenes, their own sound as heard, and what networks are told of them; made when first needed."""

    def __init__(self, bank_folder: Path, codec: AudioCodec, scenes: int, told: str, seconds: float) -> None:
        self.bank = load_bank(bank_folder)
        self.codec, self.told = codec, told
        self.scenes: SceneSet = scene_set(self.bank, scenes, seconds=seconds)
        self.listener = KindClassifier(self.bank)
        self.real: YamnetFeatures = yamnet_features(self.scenes.waves)
        encoders = FoleyParts(codec, ImageEncoder(), MotionEncoder(), TextEmbedder())
        features = scene_features(encoders, self.scenes, drawings=told == "drawing")
        self.conditions: Conditions = features.conditions(told)  # type: ignore[arg-type]

    def score(self, waves: Tensor) -> dict[str, float]:
        """All scores of waves [k, samples]."""
        return scene_scores(self.scenes, waves[:, : self.scenes.waves.shape[1]], self.listener, self.real)

    @torch.inference_mode()
    def bounds(self) -> dict[str, dict[str, float]]:
        """Rows of the scenes' own sound, and of the same through the codec: the ceiling."""
        copies = [self.codec.decode(self.codec.encode(wave[None]).mean)[0] for wave in self.scenes.waves]
        length = self.scenes.waves.shape[1]
        through = torch.stack([wave[:length] for wave in copies])
        return {"real sound": self.score(self.scenes.waves), "through the codec": self.score(through)}

    @torch.inference_mode()
    def row(
        self, config: TrainingConfig, weights: dict[str, Tensor], way: Any, steps: int
    ) -> dict[str, float]:
        """Scores of one network at so many steps; `ms` is the median of single clips, network and codec."""
        network = build(config, weights)
        samples = self.scenes.waves.shape[1]
        count = round(samples / 16_000 * float(self.codec.latent_rate))

        def make(first: int, rows: int) -> Tensor:
            chosen = self.conditions.rows(slice(first, first + rows))
            seeds = [NOISE_SEED + first + k for k in range(chosen.batch)]
            noise = runtime.seeded_noise(seeds, (count, self.codec.dim))
            wave: Tensor = self.codec.decode(sample(network, way, chosen, noise, steps))
            return wave[:, :samples]

        spent = []
        for k in range(min(TIMED + 1, self.conditions.batch)):
            began = time.perf_counter()
            make(k, 1)
            spent.append(1000 * (time.perf_counter() - began))
        waves = torch.cat([make(first, BATCH) for first in range(0, self.conditions.batch, BATCH)])
        return {**self.score(waves), "ms": statistics.median(spent[1:] or spent)}


def base_config(store: FeatureStore, overrides: list[str]) -> TrainingConfig:
    """The recipe `tiny`, its widths those of the store; snapshots at the end only."""
    widths = store.widths
    changes: dict[str, Any] = {
        "network.latent_dim": widths["latents"],
        "network.semantic_dim": widths["semantic"],
        "network.sync_dim": widths["sync"],
        "network.text_dim": widths["text"],
        "loop.snapshot_steps": 0,
        "loop.validation_steps": 0,
        "loop.validation_batches": 1,
        "loop.checkpoint_steps": 1_000_000,
        "loop.checkpoint_minutes": 5.0,
        "loop.keep": 1,
        "loop.workers": 0,
        # As the recipe was when docs/results.md was measured: a short training, words with their pictures.
        "objective.warm_start": 0.35,
        "objective.semantic_dropout": 0.0,
        "objective.semantic_swap": 0.0,
        "data.semantic_noise": 0.0,
    }
    for word in overrides:
        name, _, value = word.partition("=")
        changes[name] = yaml.safe_load(value)
    return recipes.recipe("tiny").change(changes)


def label_of(method: Method, steps: int) -> str:
    """What a row is called: below 1 step nothing is distilled, above nothing is left of it."""
    if method.staged:
        return "reflow + distillation" if steps == 1 else "reflow"
    return method.name


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train and score what is not there yet; returns the report."""
    store = FeatureStore(options.store)
    codec = saved_codec(options.codec)
    if codec.dim != store.widths["latents"]:
        raise StoreError(
            f"{options.store} holds latents {store.widths['latents']} wide, the codec {options.codec} makes"
            f" {codec.dim}: give the codec that made the store, --codec FILE"
        )
    base = base_config(store, options.set)
    methods = ablations() if options.ablations else list(MAIN)
    if options.only:
        methods = [method for method in methods if method.name in options.only]
    plan = {"scenes": options.scenes, "told": options.told, "seconds": options.seconds}
    plan |= {"sigma_rel": options.sigma_rel}

    @cache  # when first needed: a second run may have all scores
    def judge() -> Judge:
        return Judge(options.bank, codec, options.scenes, options.told, options.seconds)

    training: dict[str, Any] = {}
    found_rows: dict[tuple[str, int, int], list[dict[str, float]]] = {}
    flow = base.change({"objective.kind": "flow_matching"})
    costs, seeds = Costs(options.run / "costs.json", options.device, (flow, [store])), []
    for k in range(options.seeds):
        seeds.append(base.loop.seed + k)
        own, root = base.change({"loop.seed": seeds[-1]}), options.run / f"seed-{seeds[-1]}"
        runs = twins(methods, own)
        for method in methods:
            training[method.name] = train_method(
                runs[method.name], own, store, root, options.minutes,
                device=options.device, sigma_rel=options.sigma_rel, costs=costs, say=say,
            )  # fmt: skip
            for steps in method.steps:
                kept = folder_of(root, runs[method.name]) / f"scores-{steps}.json"
                asked = plan | {"training": training[method.name]}
                found = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
                if found.get("asked") != json.loads(json.dumps(asked)):
                    weights = weights_of(runs[method.name], root, steps, options.sigma_rel)
                    row = judge().row(own.change(method.changes), weights, method.way, steps)
                    found = {"asked": asked, "row": row}
                    kept.write_text(json.dumps(found), encoding="utf-8")
                name = label_of(method, steps)
                found_rows.setdefault((name, steps, method.passes(steps)), []).append(found["row"])
                say(line_of({"method": name, "steps": steps} | found["row"]))
    rows = [
        {"method": name, "steps": steps, "passes": passes} | over_seeds(own_rows)
        for (name, steps, passes), own_rows in found_rows.items()
    ]
    bounds = options.run / "bounds.json"
    found = json.loads(bounds.read_text(encoding="utf-8")) if bounds.exists() else {}
    if found.get("asked") != plan:
        found = {"asked": plan, "rows": judge().bounds()}
        bounds.write_text(json.dumps(found), encoding="utf-8")
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": runtime.describe_machine(),
        "command": shlex.join(["python", "benchmarks/foley_lab.py", *sys.argv[1:]]),
        "minutes": options.minutes,
        "seeds": {"training": seeds, "noise": NOISE_SEED, "first scene": 70_000_000},
        "pair_steps": PAIR_STEPS,
        "config": base.model_dump(mode="json"),
        "bounds": found["rows"],
        "training": training,
        "rows": rows,
    } | plan


def over_seeds(rows: list[dict[str, float]]) -> dict[str, Any]:
    """The median of every score, and under "ranges" its least and greatest."""
    found = {name: [row[name] for row in rows] for name in rows[0]}
    ranges = {name: (min(values), max(values)) for name, values in found.items()}
    return {name: statistics.median(values) for name, values in found.items()} | {"ranges": ranges}


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def main(words: list[str] | None = None) -> dict[str, Any]:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("runs/tiny-scenes"))
    parser.add_argument("--bank", type=Path, default=BANK)
    parser.add_argument("--codec", default="tiny_codec", help="name or file of the codec that made the store")
    parser.add_argument("--run", type=Path, default=Path("runs/foley-lab"), help="folder of all runs")
    parser.add_argument("--minutes", type=float, default=10.0, help="CPU time of training, each method")
    parser.add_argument("--seeds", type=int, default=1, help="how many trainings of each")
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--told", default="text", choices=["text", "label", "drawing", "all", "motion"])
    parser.add_argument("--ablations", action="store_true", help="Table 2 instead of Table 1")
    parser.add_argument("--only", nargs="+", default=[], help="some of the methods, by name")
    parser.add_argument("--sigma-rel", type=float, default=0.1)
    parser.add_argument("--device", default="cpu", help="of training; scores are made on the CPU")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="changes of the recipe")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args(words)
    try:
        report = run(options)
    except SoundVCMError as error:
        raise SystemExit(f"foley_lab: {error}") from None
    print(markdown(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(markdown(report), encoding="utf-8")
    if options.plot:
        plot(report, options.plot)
    return report


if __name__ == "__main__":
    main()
