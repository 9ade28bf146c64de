"""A bench that a person can hear: prompts as people type them, clips that fit and that do not, drawn scenes.

    python benchmarks/listen.py page [--every 1] [--scenes 60] [--json FILE]

writes page/index.html with sound, spectrogram and score of every item. Systems: `tiny` as it comes, its
network alone, the dumb baselines of `baselines.py`, real sounds, and these through the codec. The judge of
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
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from baselines import at_motion, by_prompt_alone, clips_of, through_codec
from numpy.typing import NDArray

from soundvcm import media, runtime
from soundvcm.evaluation import classify
from soundvcm.evaluation.drawing import spectrograms
from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.reference import place
from soundvcm.systems.loading import load
from tiny.scoring.features import SceneFeatures, scene_features
from tiny.scoring.scores import TEST_SEEDS, KindClassifier, SceneSet, scene_scores, scene_set, yamnet_features
from tiny.sounds.bank import Bank, load_bank

Wave = NDArray[np.float32]
PROMPTS = Path(__file__).with_name("listen_prompts.csv")
SECONDS = 4
RATE = 16_000
SILENT = 1e-3  # -60 dBFS: frames of 20 ms below this are dead
CLICK = 0.5  # a step between two samples that is no sound
PARTS = ("prompts", "clips", "scenes")
SCENES = 30_000  # first test scene, other ones than those of docs/tiny.md
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui; max-width: 74rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #8885; text-align: left; }
.item { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .7rem; }
figure { margin: 0; } img { width: 100%; display: block; } audio { width: 100%; height: 2rem; }
.no { color: #c33; }
"""


@dataclass
class Item:
    """One sound of one system.

    Attributes:
        part: "prompts", "fitting", "contradicting".
        system: who made it.
        kind: what was asked for.
        text: the prompt.
        classes: YAMNet's best three.
        right: whether the first, and any of the three, is a plausible hearing of the kind.
        lufs: integrated loudness.
        dead: share of frames that are silent.
        clicks: steps that are no sound.
    """

    part: str
    system: str
    kind: str
    text: str
    wave: Wave = field(repr=False)
    classes: list[str] = field(default_factory=list)
    right: tuple[bool, bool] = (False, False)
    lufs: float = 0.0
    dead: float = 0.0
    clicks: int = 0

    def judge(self, heard: tuple[str, ...]) -> Item:
        """Fill in what can be measured."""
        self.classes = classify(self.wave[None], RATE)
        self.right = (self.classes[0] in heard, any(name in heard for name in self.classes))
        self.lufs = media.integrated_loudness(self.wave[None], RATE)
        frames = self.wave[: len(self.wave) // 320 * 320].reshape(-1, 320)
        self.dead = float(np.mean(np.abs(frames).max(axis=1) < SILENT))
        self.clicks = int(np.sum(np.abs(np.diff(self.wave)) > CLICK))
        return self


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
            yield Item("prompts", name, kind, text, take.wave[0])
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
        for number, (index, shown) in enumerate(zip(one, kinds, strict=True)):
            kind = shown if part == "fitting" else kinds[(number + len(one) // 2) % len(one)]
            texts = [row["prompt"] for row in rows if row["kind"] == kind]
            if not texts or (part == "contradicting" and kind == shown):
                continue
            text = texts[number % len(texts)]
            features = clip_features(pipeline, seen, index)
            for name, renderer in (("tiny", "auto"), ("network", "network")):
                take = pipeline.take(features, options(text, renderer), seed=number)
                yield Item(part, name, kind, text, take.wave[0])
            wave = at_motion(bank, kind, seen.motion[index], take.wave.shape[1], number)
            yield Item(part, "baseline", kind, text, wave)


def clip_features(pipeline: Pipeline, seen: SceneFeatures, index: int) -> ClipFeatures:
    """A scene as the pipeline would have encoded it, its thing seen as in a photograph."""
    blank = pipeline.encode_clip(None, duration=len(seen.motion[index]) // 25)
    return ClipFeatures(blank.timeline, seen.named[index], seen.motion[index])


def scene_table(pipeline: Pipeline, bank: Bank, scenes: SceneSet, seen: SceneFeatures) -> dict[str, Any]:
    """(c) Drawn scenes: moments, kinds and manner."""
    samples, real, judge = scenes.waves.shape[1], yamnet_features(scenes.waves), KindClassifier(bank)
    table = {"real": scene_scores(scenes, scenes.waves, judge, real)}
    numbers = range(len(scenes.scenes))

    def add(name: str, make: Callable[[int], Wave]) -> list[Wave]:
        waves = [make(k) for k in numbers]
        table[name] = scene_scores(scenes, torch.from_numpy(np.stack(waves)), judge, real)
        return waves

    def take(renderer: str, steps: int, prompted: bool = True) -> Callable[[int], Wave]:
        def made(k: int) -> Wave:
            asked = options(scenes.scenes[k].captions[0] if prompted else "", renderer)
            asked = GenerateOptions(**{**asdict(asked), "num_steps": steps})
            return pipeline.take(clip_features(pipeline, seen, k), asked, seed=1000 + k).wave[0, :samples]

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
    return table


def summary(items: list[Item]) -> list[dict[str, Any]]:
    """A row for each part and system."""
    rows = []
    for part, system in dict.fromkeys((item.part, item.system) for item in items):
        chosen = [item for item in items if (item.part, item.system) == (part, system)]
        loud = np.asarray([item.lufs for item in chosen])
        rows.append(
            {
                "part": part,
                "system": system,
                "n": len(chosen),
                "right first": float(np.mean([item.right[0] for item in chosen])),
                "in best 3": float(np.mean([item.right[1] for item in chosen])),
                "below -45 LUFS": int(np.sum(loud < -45)),
                "above -10 LUFS": int(np.sum(loud > -10)),
                "median LUFS": float(np.median(np.maximum(loud, -70))),
                "dead frames": float(np.mean([item.dead for item in chosen])),
                "with clicks": int(np.sum([item.clicks > 0 for item in chosen])),
            }
        )
    return rows


def second_judge(items: list[Item], bank: Bank) -> dict[str, float] | None:
    """Share of right kinds by aiSFX: nearest mean of training clips; None where it is not installed."""
    if find_spec("aisfx") is None or find_spec("essentia") is None:
        return None
    from soundvcm.evaluation.networks import aisfx

    def embedding(wave: Wave) -> torch.Tensor:
        tiled = np.tile(wave, -(-RATE * 5 // 2 // len(wave))) if len(wave) < RATE * 5 // 2 else wave
        return aisfx.listen(torch.from_numpy(media.resample(tiled[None], RATE, aisfx.SAMPLE_RATE)[0])).mean(0)

    means = {
        k: torch.stack([embedding(c.wave) for c in clips_of(bank, k, "train")[0][:4]]).mean(0)
        for k in bank.kinds
    }
    table = torch.nn.functional.normalize(torch.stack(list(means.values())), dim=1)
    found: dict[str, list[bool]] = {}
    for item in items:
        best = list(means)[int((table @ torch.nn.functional.normalize(embedding(item.wave), dim=0)).argmax())]
        found.setdefault(f"{item.part}, {item.system}", []).append(best == item.kind)
    return {name: float(np.mean(right)) for name, right in found.items()}


def write_page(folder: Path, report: dict[str, Any], items: list[Item]) -> None:
    """index.html beside its sounds and pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"<p>{escape(report['command'])}; {report['date']}; {escape(str(report['machine']))}</p>"]
    for name in ("summary", "scenes"):
        rows = report[name] if name == "summary" else [{"system": k, **v} for k, v in report[name].items()]
        keys = list(dict.fromkeys(key for row in rows for key in row))
        body = "".join(
            "<tr>" + "".join(f"<td>{shown(row.get(k))}</td>" for k in keys) + "</tr>" for row in rows
        )
        head = "".join(f"<th>{escape(key)}</th>" for key in keys)
        lines.append(f"<h2>{name}</h2><table><tr>{head}</tr>{body}</table>")
    groups: dict[tuple[str, str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.part, item.kind, item.text), []).append(item)
    for number, ((part, kind, text), group) in enumerate(groups.items()):
        drawn = spectrograms([item.wave for item in group], RATE)
        figures = ""
        for index, (item, picture) in enumerate(zip(group, drawn, strict=True)):
            stem = f"{number:04d}_{index}"
            (folder / f"{stem}.png").write_bytes(picture)
            soundfile.write(
                folder / f"{stem}.ogg", np.clip(item.wave, -1, 1), RATE, format="OGG", subtype="VORBIS"
            )
            mark = "" if item.right[1] else ' class="no"'
            figures += (
                f'<figure><img src="{stem}.png" alt="spectrogram">'
                f'<audio controls preload="none" src="{stem}.ogg"></audio>'
                f"<figcaption><b>{item.system}</b> <span{mark}>{escape(', '.join(item.classes))}</span>"
                f" {item.lufs:.0f} LUFS</figcaption></figure>"
            )
        lines.append(
            f"<h3>{part}: {escape(text)} <small>({kind})</small></h3><div class='item'>{figures}</div>"
        )
    page = f"<!doctype html><meta charset='utf-8'><title>listen</title><style>{STYLE}</style>" + "\n".join(
        lines
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


def shown(value: Any) -> str:
    """A cell."""
    return f"{value:.3g}" if isinstance(value, float) else escape(str(value if value is not None else ""))


def main() -> None:
    """Make, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="folder for index.html, sounds and pictures")
    parser.add_argument("--every", type=int, default=1, help="take every so-manieth prompt")
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--first", type=int, default=SCENES, help="number of the first test scene")
    parser.add_argument("--prompts", type=Path, default=PROMPTS)
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
        table = scene_table(pipeline, bank, scenes, seen) if "scenes" in asked.parts else {}
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
