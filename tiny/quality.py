"""How good the embedded model is: moments, kinds and manner of its sounds on drawn scenes.

    python -m tiny.quality [--scenes 200] [--offset 0] [--told text label] [--json FILE]
    python -m tiny.quality --run RUN [--codec FILE]: how a training comes on, from its snapshots

Test scenes use sounds, seeds and backgrounds that training never saw. Ceiling: the scenes' own sound, also
through the codec (for the codec alone: python -m tiny.codec.quality). Floor: made sounds paired with other
scenes. Settings are chosen on other scenes than those that are reported (--offset 10000), or the report would
carry the choice.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch import Tensor

from soundvcm import runtime, sampler
from soundvcm.codec import AudioCodec, latent_hop
from soundvcm.encoders import ImageEncoder, MotionEncoder, TextEmbedder
from soundvcm.media import resample
from soundvcm.network import VelocityNetwork
from soundvcm.records import Conditions
from soundvcm.systems.loading import load, saved_codec
from soundvcm.training import TrainingConfig, latest_checkpoint, read_log, synthesise
from soundvcm.training.checkpoint import read_facts
from soundvcm.training.ema import list_snapshots
from tiny.scoring.features import Told, scene_features
from tiny.scoring.scores import (
    SAMPLE_RATE,
    TEST_SEEDS,
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
TEMPERATURE = 0.9  # of trainings in progress
CURVE: tuple[tuple[Told, int], ...] = (("text", 1), ("text", 4), ("contrary", 1))
TOLD: tuple[Told, ...] = ("text", "label", "drawing", "motion", "all", "contrary")
NAMES = "f1 precision recall offset_ms f1_shuffled kind kind_top3 fd js is ms".split()


@torch.inference_mode()
def make(
    network: VelocityNetwork,
    codec: AudioCodec,
    conditions: Conditions,
    seconds: float,
    steps: int,
    temperature: float,
) -> tuple[Tensor, float]:
    """Waves [k, s] at `SAMPLE_RATE` for all scenes, milliseconds a clip of network and codec, in batches."""
    samples = round(seconds * codec.sample_rate)
    count = -(-samples // latent_hop(codec))
    waves = []
    began = time.perf_counter()
    for first in range(0, conditions.batch, BATCH):
        rows = conditions.rows(slice(first, first + BATCH))
        noise = runtime.seeded_noise([1000 + first + k for k in range(rows.batch)], (count, codec.dim))
        field = network.given(rows, count)
        latents = sampler.sample_mean(field, temperature * noise, sampler.uniform_times(steps))
        waves.append(codec.decode(network.unstandardise(latents))[:, :samples])
    milliseconds = 1000 * (time.perf_counter() - began) / conditions.batch
    return heard(torch.cat(waves), codec.sample_rate), milliseconds


def heard(waves: Tensor, rate: int) -> Tensor:
    """Waves [k, s] as the scores take them, at `SAMPLE_RATE`."""
    return torch.from_numpy(resample(waves.numpy(), rate, SAMPLE_RATE)) if rate != SAMPLE_RATE else waves


def progress(
    options: argparse.Namespace,
    codec: AudioCodec,
    scenes: SceneSet,
    classifier: KindClassifier,
    real: YamnetFeatures,
) -> None:
    """Print how the averages at each snapshot score; what RUN/scores.json has is not made again.

    Averages of a rate that is still high sound worse than the same weights would at the end of the cosine.
    """
    config, lines = TrainingConfig.from_yaml(options.run / "config.yaml"), read_log(options.run, "train")
    last = latest_checkpoint(options.run)
    if last is None:
        raise SystemExit(f"{options.run} holds no checkpoint: train first")
    pictures = ImageEncoder.that_made(read_facts(last)["data"]["fingerprint"]["semantic"])
    parts = FoleyParts(codec, pictures, MotionEncoder(), TextEmbedder())
    kept = options.run / "scores.json"
    asked = {name: getattr(options, name) for name in ("scenes", "offset", "tone", "sigma_rel")}
    rows = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    features = None
    heads = "".join(f"{name:>11}" for name in NAMES[:-1])
    print(f"{'step':>8} {'hours':>6} {'told':<9} {'calls':>5}{heads}")
    for updates in sorted({snapshot.updates for snapshot in list_snapshots(options.run)}):
        for told, steps in CURVE:
            of = {"step": updates, "told": told, "calls": steps, **asked}
            row = next((row for row in rows if of.items() <= row.items()), None)
            if row is None:
                features = features or scene_features(parts, scenes, drawings=False)
                network = VelocityNetwork(config.network)
                network.load_state_dict(synthesise(options.run, options.sigma_rel, updates=updates)[0])
                conditions, seconds = features.conditions(told), scenes.scenes[0].seconds
                waves, cost = make(network.eval(), codec, conditions, seconds, steps, TEMPERATURE)
                spent = max((line["seconds"] for line in lines if line["step"] <= updates), default=0.0)
                row = {
                    **of,
                    "hours": spent / 3600,
                    **scene_scores(scenes, waves, classifier, real),
                    "ms": cost,
                }
                rows.append(row)
                kept.write_text(json.dumps(rows, indent=1), encoding="utf-8")
            told_so = "".join(f"{row.get(name, float('nan')):>11.3f}" for name in NAMES[:-1])
            print(f"{updates:>8} {row['hours']:>6.2f} {told:<9} {steps:>5}{told_so}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--offset", type=int, default=0, help="number of the first scene")
    parser.add_argument("--told", nargs="+", default=TOLD, choices=TOLD, help="what the network is told")
    parser.add_argument("--bank", type=Path, default=BANK)
    parser.add_argument("--model", default="tiny", help="name, or file of a trained network")
    parser.add_argument("--codec", help="file of the codec it was trained with; default the shipped one")
    parser.add_argument("--tone", action="store_true", help="test scenes with the noise of rooms")
    parser.add_argument("--run", type=Path, help="score the averages at each snapshot of this training")
    parser.add_argument("--sigma_rel", type=float, default=0.1, help="width of the averages")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bank = load_bank(options.bank)
    codec = saved_codec(options.codec or "tiny_codec")
    scenes = scene_set(bank, options.scenes, first=TEST_SEEDS + options.offset, tone=options.tone)
    classifier = KindClassifier(bank)
    real = yamnet_features(scenes.waves)
    if options.run:
        return progress(options, codec, scenes, classifier, real)
    pipeline = load(options.model, device="cpu")
    with torch.inference_mode():
        waves = torch.from_numpy(resample(scenes.waves.numpy(), SAMPLE_RATE, codec.sample_rate))
        copies = torch.cat([codec.decode(codec.encode(wave[None]).mean) for wave in waves])
        copies = heard(copies, codec.sample_rate)
    table = {
        "real test sounds": scene_scores(scenes, scenes.waves, classifier, real),
        "through the codec": scene_scores(scenes, copies[:, : scenes.waves.shape[1]], classifier, real),
    }
    features = scene_features(pipeline, scenes, drawings="drawing" in options.told)
    for told in options.told:
        for steps in (1, 4) if told == "text" else (1,):
            asked = features.conditions(told)
            temperature = pipeline.sampling.temperature
            waves, cost = make(pipeline.network, codec, asked, scenes.scenes[0].seconds, steps, temperature)
            table[f"{told}, {steps} step"] = {**scene_scores(scenes, waves, classifier, real), "ms": cost}
    report = {
        "scenes": options.scenes,
        "offset": options.offset,
        "events": len(scenes.with_events),
        "kinds": len(scenes.of_one_kind),
    }
    report |= {"table": table, "machine": runtime.describe_machine()}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))
    print(
        f"{options.scenes} test scenes, {report['events']} of events, {report['kinds']} of one kind of sound"
    )
    print(f"{'':<20}" + "".join(f"{name:>12}" for name in NAMES))
    for label, row in table.items():
        print(f"{label:<20}" + "".join(f"{row.get(name, float('nan')):>12.3f}" for name in NAMES))


if __name__ == "__main__":
    main()
