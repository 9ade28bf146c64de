"""A bench that a person can hear: prompts as people type them, clips that fit or not, drawings, real film.

    python benchmarks/listen.py page [--every 1] [--scenes 60] [--footage CLIPS] [--json FILE]

writes page/index.html with sound, spectrogram and score of every item. Systems: `tiny` as it comes, its
network alone, the dumb baselines of `baselines.py`, real sounds, and these through the codec. Real film is
what `scripts/fetch_footage.py CLIPS` fetches, with the prompts of `listen_footage.csv`. The judge of
kinds is YAMNet (a class that is a plausible hearing of the kind among its best three); aiSFX is a second
one where its package is installed. The shipped clips were chosen with YAMNet's help, so its verdict favours
them.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from baselines import at_motion, by_prompt_alone, clips_of, through_codec
from listen_items import RATE, Item, Wave, shown, summary, write_page

from soundvcm import media, runtime
from soundvcm.evaluation.metrics import MOVEMENT_RATE, curve_correlation, energy, movement
from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.reference import place
from soundvcm.systems.loading import load
from tiny.scoring.features import SceneFeatures, scene_features
from tiny.scoring.scores import TEST_SEEDS, KindClassifier, SceneSet, scene_scores, scene_set, yamnet_features
from tiny.sounds.bank import Bank, load_bank

PROMPTS = Path(__file__).with_name("listen_prompts.csv")
FOOTAGE = Path(__file__).with_name("listen_footage.csv")
SECONDS = 4
PARTS = ("prompts", "clips", "scenes", "footage")
SHOWN = 12  # drawn scenes that are on the page
FILMED = (
    ("tiny", "auto", False),
    ("network", "network", False),
    ("network, pictures ignored", "network", True),
)
SCENES = 30_000  # first test scene, other ones than those of docs/tiny.md


def options(prompt: str, renderer: str) -> GenerateOptions:
    """What a person asks."""
    return GenerateOptions(prompt=prompt, renderer=renderer, duration=str(SECONDS))  # type: ignore[arg-type]


def prompts(pipeline: Pipeline, bank: Bank, rows: list[dict[str, str]]) -> Iterator[Item]:
    """(a) The prompt alone."""
    silent = pipeline.encode_clip(None, duration=SECONDS)
    samples = SECONDS * RATE
    for seed, row in enumerate(rows):
        kind, text = row["kind"], row["prompt"]
        for name, renderer in (("tiny", "auto"), ("network", "network")):
            take = pipeline.take(silent, options(text, renderer), seed=seed)
            yield Item("prompts", name, kind, text, take.wave[0], take.sample_rate)
        yield Item("prompts", "baseline", kind, text, by_prompt_alone(bank, kind, samples, seed))
        real = by_prompt_alone(bank, kind, samples, seed, "test")
        yield Item("prompts", "real", kind, text, real)
        yield Item("prompts", "real through the codec", kind, text, through_codec(pipeline.codec, real))


def with_clips(
    pipeline: Pipeline, bank: Bank, rows: list[dict[str, str]], scenes: SceneSet, seen: SceneFeatures
) -> Iterator[Item]:
    """(b) The prompt with a clip that shows the kind, and with one that shows another."""
    one = scenes.of_one_kind
    kinds = [scenes.scenes[k].kinds[0] for k in one]
    for part in ("fitting", "contradicting"):
        for number, (index, seen_kind) in enumerate(zip(one, kinds, strict=True)):
            kind = seen_kind if part == "fitting" else kinds[(number + len(one) // 2) % len(one)]
            texts = [row["prompt"] for row in rows if row["kind"] == kind]
            if not texts or (part == "contradicting" and kind == seen_kind):
                continue
            text = texts[number % len(texts)]
            features = clip_features(pipeline, seen, index)
            for name, renderer in (("tiny", "auto"), ("network", "network")):
                take = pipeline.take(features, options(text, renderer), seed=number)
                yield Item(part, name, kind, text, take.wave[0], take.sample_rate)
            samples = round(take.seconds * RATE)
            yield Item(
                part, "baseline", kind, text, at_motion(bank, kind, seen.motion[index], samples, number)
            )


def footage(pipeline: Pipeline, bank: Bank, folder: Path, rows: list[dict[str, str]]) -> Iterator[Item]:
    """(d) Real film with a prompt that fits, with its pictures and without; the baseline at its motion."""
    for number, row in enumerate(rows):
        path, kind, text = folder / row["clip"], row["kind"], row["prompt"]
        if not path.is_file():
            continue
        seconds = min(Fraction(8), Fraction(media.probe(path)["seconds"]))
        moved = movement(path, seconds, 0)
        features = pipeline.encode_clip(path, duration=seconds)
        made: list[tuple[str, Wave, int]] = []
        for name, renderer, blind in FILMED:
            asked = GenerateOptions(prompt=text, renderer=renderer, ignore_pictures=blind)  # type: ignore[arg-type]
            take = pipeline.take(features, asked, seed=number)
            made.append((name, take.wave[0], take.sample_rate))
        if features.sync is not None:
            samples = round(take.seconds * RATE)
            made.append(("baseline", at_motion(bank, kind, features.sync, samples, number), RATE))
        for name, wave, rate in made:
            follows = curve_correlation(energy(wave, rate, MOVEMENT_RATE), moved)
            yield Item("footage", name, kind, f"{text} ({path.name})", wave, rate, follows)


def clip_features(pipeline: Pipeline, seen: SceneFeatures, index: int) -> ClipFeatures:
    """A scene as the pipeline would have encoded it, its thing seen as in a photograph."""
    blank = pipeline.encode_clip(None, duration=len(seen.motion[index]) // 25)
    return ClipFeatures(blank.timeline, seen.named[index], seen.motion[index])


def scene_table(
    pipeline: Pipeline, bank: Bank, scenes: SceneSet, seen: SceneFeatures
) -> tuple[dict[str, Any], list[Item]]:
    """(c) Drawn scenes: moments, kinds and manner; some of them as items."""
    samples, real, judge = scenes.waves.shape[1], yamnet_features(scenes.waves), KindClassifier(bank)
    table: dict[str, Any] = {}
    items: list[Item] = []
    numbers = range(len(scenes.scenes))

    def add(name: str, make: Callable[[int], Wave]) -> list[Wave]:
        waves = [make(k) for k in numbers]
        table[name] = scene_scores(scenes, torch.from_numpy(np.stack(waves)), judge, real)
        for scene, wave in list(zip(scenes.scenes, waves, strict=True))[:SHOWN]:
            items.append(Item("scenes", name, scene.kinds[0], scene.captions[0], wave))
        return waves

    add("real", lambda k: scenes.waves[k].numpy())
    add("real through the codec", lambda k: through_codec(pipeline.codec, scenes.waves[k].numpy()))

    def take(renderer: str, steps: int, prompted: bool = True) -> Callable[[int], Wave]:
        def made(k: int) -> Wave:
            asked = options(scenes.scenes[k].captions[0] if prompted else "", renderer)
            asked = GenerateOptions(**{**asdict(asked), "num_steps": steps})
            made = pipeline.take(clip_features(pipeline, seen, k), asked, seed=1000 + k)
            return media.resample(made.wave, made.sample_rate, RATE)[0, :samples]

        return made

    for steps in (1, 4):
        for name, renderer in (("tiny", "auto"), ("network", "network")):
            add(f"{name}, text, {steps} call", take(renderer, steps))
    add("tiny, photograph's labels, 1 call", take("auto", 1, prompted=False))
    add("network, photograph's labels, 1 call", take("network", 1, prompted=False))
    add(
        "baseline at motion", lambda k: at_motion(bank, scenes.scenes[k].kinds[0], seen.motion[k], samples, k)
    )
    guides = [take("network", 1)(k) for k in numbers]

    def at_guide(k: int) -> Wave:
        clips, lasting = clips_of(bank, scenes.scenes[k].kinds[0])
        return place(guides[k], clips, lasting, k)[0]

    placed = add("baseline at the network's moments", at_guide)
    add("the same through the codec", lambda k: through_codec(pipeline.codec, placed[k]))
    return table, items


def second_judge(items: list[Item], bank: Bank) -> dict[str, float] | None:
    """Share of right kinds by aiSFX: nearest mean of training clips; None where it is not installed."""
    if find_spec("aisfx") is None or find_spec("essentia") is None:
        return None
    from soundvcm.evaluation.networks import aisfx

    def embedding(wave: Wave, rate: int = RATE) -> torch.Tensor:
        tiled = np.tile(wave, -(-rate * 5 // 2 // len(wave))) if len(wave) < rate * 5 // 2 else wave
        return aisfx.listen(torch.from_numpy(media.resample(tiled[None], rate, aisfx.SAMPLE_RATE)[0])).mean(0)

    means = {
        k: torch.stack([embedding(c.wave) for c in clips_of(bank, k, "train")[0][:4]]).mean(0)
        for k in bank.kinds
    }
    table = torch.nn.functional.normalize(torch.stack(list(means.values())), dim=1)
    found: dict[str, list[bool]] = {}
    for item in items:
        heard = torch.nn.functional.normalize(embedding(item.wave, item.rate), dim=0)
        best = list(means)[int((table @ heard).argmax())]
        found.setdefault(f"{item.part}, {item.system}", []).append(best == item.kind)
    return {name: float(np.mean(right)) for name, right in found.items()}


def main() -> None:
    """Make, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="folder for index.html, sounds and pictures")
    parser.add_argument("--every", type=int, default=1, help="take every so-manieth prompt")
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--first", type=int, default=SCENES, help="number of the first test scene")
    parser.add_argument("--prompts", type=Path, default=PROMPTS)
    parser.add_argument("--footage", type=Path, help="folder of real film; without it this part is left out")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    began, bank, pipeline = time.process_time(), load_bank(), load(asked.model, device="cpu")
    with asked.prompts.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    items = []
    made = prompts(pipeline, bank, rows[:: asked.every]) if "prompts" in asked.parts else iter(())
    items += [item.judge(bank.kinds[item.kind].heard) for item in made]
    table: dict[str, Any] = {}
    if set(asked.parts) & {"clips", "scenes"}:
        scenes = scene_set(bank, asked.scenes, first=TEST_SEEDS + asked.first)
        seen = scene_features(pipeline, scenes, drawings=False)
        made = with_clips(pipeline, bank, rows, scenes, seen) if "clips" in asked.parts else iter(())
        items += [item.judge(bank.kinds[item.kind].heard) for item in made]
        if "scenes" in asked.parts:
            table, made_of = scene_table(pipeline, bank, scenes, seen)
            items += [item.judge(bank.kinds[item.kind].heard) for item in made_of]
    if asked.footage and "footage" in asked.parts:
        with FOOTAGE.open(newline="", encoding="utf-8") as file:
            filmed = footage(pipeline, bank, asked.footage, list(csv.DictReader(file)))
            items += [item.judge(bank.kinds[item.kind].heard) for item in filmed]
    report = {
        "command": "python benchmarks/listen.py " + " ".join(sys.argv[1:]),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": runtime.describe_machine(),
        "summary": summary(items),
        "scenes": table,
        "second judge (aiSFX)": second_judge(items, bank),
    }
    report["cpu_seconds"] = time.process_time() - began
    write_page(asked.page, report, items)
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    for name in ("summary", "scenes"):
        for row in (
            report[name] if name == "summary" else [{"system": k, **v} for k, v in report[name].items()]
        ):
            print("  ".join(f"{key} {shown(value)}" for key, value in row.items()))
    print("second judge:", report["second judge (aiSFX)"] or "not installed")


if __name__ == "__main__":
    main()
