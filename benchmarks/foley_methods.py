"""The methods that `foley_lab` compares: how each is trained within a time, and how it is sampled.

Every method has the same network, rows, optimizer and schedule; times count all that makes it (also the pairs
that reflow learns from). Times are CPU time: what a step of each costs is measured once, in turns with flow
matching (costs.json), and makes its number of steps, so that a run does not depend on what runs beside it.
Knows training and sampling; no scenes or scores.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from soundvcm import runtime, sampler
from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.data.store import FeatureStore
from soundvcm.network import VelocityNetwork
from soundvcm.objectives import OwnFlowConfig
from soundvcm.records import Conditions
from soundvcm.training import TrainingConfig, load_weights, synthesise, train

Way = Literal["mean", "guided", "plain"]
STEPS = (1, 2, 4, 25)
GUIDANCE = 2.0
PAIR_SHARD = 16
PAIR_STEPS = 8
PAIR_SECONDS = 4
SHORTER, LONGER = 16, 64  # steps of the two runs whose difference tells what a step costs
TURNS = 2
MEASURE = "a step of flow matching, in turns with all others"
STAGES = {"teacher": 0.45, "pairs": 0.2, "reflow": 0.2, "distill": 0.15}


@dataclass(frozen=True)
class Method:
    """One trained network of the comparison.

    Attributes:
        name: as printed, also of its folder.
        changes: of the base configuration.
        way: how it is sampled: "mean" follows the mean velocity, "guided" integrates with guidance outside
            (two passes a step), "plain" integrates without.
        steps: numbers of steps it is scored at.
        staged: trained as teacher, pairs, reflow, distillation; "distill" scores at 1 step, "reflow" above.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    way: Way = "mean"
    steps: tuple[int, ...] = STEPS
    staged: bool = False

    def passes(self, steps: int) -> int:
        """Network passes that one clip costs."""
        method = "mean" if self.way == "mean" else "euler"
        return sampler.network_passes(steps, method, GUIDANCE if self.way == "guided" else 1.0)


#: share of the training after which the own flow learns from its snapshot: velocities need most of the rows
OWN_FLOW_FROM = 0.75

MAIN = (
    Method("ours"),
    Method(
        "own flow",
        {
            "objective.kind": "own_flow",
            "objective.guidance": GUIDANCE,
            # of its own, not those of `tiny`
            "objective.ratio": OwnFlowConfig().ratio,
            "objective.time_mean": OwnFlowConfig().time_mean,
            "objective.warm_start": OWN_FLOW_FROM,
            "loop.schedule.restart": OWN_FLOW_FROM,
        },
    ),
    Method("flow matching", {"objective.kind": "flow_matching"}, "guided"),
    # With our settings it runs away on these latents (docs/results.md): its own weight, rows and times.
    Method(
        "MeanFlow",
        {
            "objective.kind": "meanflow",
            "objective.power": 1.0,
            "objective.ratio": 0.75,
            "objective.endpoint_share": 0.0,
            "objective.time_mean": -0.4,
            "objective.time_std": 1.0,
        },
    ),
    Method("reflow + distillation", {"objective.kind": "flow_matching"}, "plain", staged=True),
)


def ablations() -> list[Method]:
    """Table 2 of the paper: one setting of ours at a time; its 1-step and 4-step scores."""
    table: dict[str, tuple[str, tuple[float, ...]]] = {
        "w": ("objective.guidance", (1, 2, 3, 4)),
        "m": ("objective.mix", (0.25, 0.5, 0.75, 1)),
        "r": ("objective.ratio", (0, 0.25, 0.5, 0.75)),
        "p": ("objective.power", (0, 0.5, 1, 1.5)),
        "lambda_end": ("objective.lambda_end", (1 / 250, 1 / 500, 1 / 1000)),
    }
    found = [
        Method(f"{letter} = {Fraction(value).limit_denominator(1000)}", {name: value}, steps=(1, 4))
        for letter, (name, values) in table.items()
        for value in values
    ]
    # The law of times: logit-normal by mean and deviation; the paper's, a wide one, that of `tiny`.
    laws = ((-0.4, 1.0), (0.0, 1.4), (1.0, 1.4))
    changes = [{"objective.time_mean": mean, "objective.time_std": spread} for mean, spread in laws]
    return found + [
        Method(f"t = {mean:g}, {spread:g}", change, steps=(1, 4))
        for (mean, spread), change in zip(laws, changes, strict=True)
    ]


def twins(methods: Sequence[Method], base: TrainingConfig) -> dict[str, Method]:
    """For each method by name the first one that is trained alike: the base of every ablation is one run."""
    first: dict[tuple[str, bool], Method] = {}
    return {
        method.name: first.setdefault((base.change(method.changes).to_yaml(), method.staged), method)
        for method in methods
    }


def folder_of(root: Path, method: Method) -> Path:
    """Where a method's runs are."""
    return root / method.name.replace(" ", "").replace("/", "_").replace("+", "_")


def train_method(
    method: Method,
    base: TrainingConfig,
    store: FeatureStore,
    root: Path,
    minutes: float,
    *,
    device: str,
    sigma_rel: float,
    costs: Costs,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train, or go on, for the steps that fit in the time; returns steps and CPU seconds of each stage.

    Running it again after it was stopped goes on; when all is there it returns at once.
    """
    config = base.change(method.changes)
    given: dict[str, Any] = {"device": device, "say": say, "costs": costs}
    if not method.staged:
        return {"run": _stage(config, [store], folder_of(root, method), minutes, method.name, **given)}
    folder = folder_of(root, method)
    found: dict[str, Any] = {}
    teacher = folder / "teacher"
    time_for = STAGES["teacher"] * minutes
    found["teacher"] = _stage(config, [store], teacher, time_for, f"{method.name}: teacher", **given)
    weights = synthesise(teacher, sigma_rel)[0]
    network = build(config, weights)
    found["pairs"] = make_pairs(network, store, folder / "pairs", 60 * STAGES["pairs"] * minutes, say)
    pairs = [FeatureStore(folder / "pairs")]
    for kind in ("reflow", "distill"):
        own = base.change({"objective.kind": kind, "data.crop_seconds": ()})
        if kind == "distill":
            own = own.change({"objective.asks": "instant"})
        run, time_for, name = folder / kind, STAGES[kind] * minutes, f"{method.name}: {kind}"
        found[kind] = _stage(own, pairs, run, time_for, name, warm_start=weights, **given)
        weights = synthesise(run, sigma_rel)[0]
    return found


def weights_of(method: Method, root: Path, steps: int, sigma_rel: float) -> dict[str, Tensor]:
    """The averaged weights that are scored at so many steps."""
    folder = folder_of(root, method)
    if method.staged:
        folder = folder / ("distill" if steps == 1 else "reflow")
    return synthesise(folder, sigma_rel)[0]


def build(config: TrainingConfig, weights: Mapping[str, Tensor]) -> VelocityNetwork:
    """The network with these weights, for use."""
    network = VelocityNetwork(config.network)
    load_weights(network, weights)
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def sample(network: VelocityNetwork, way: Way, conditions: Conditions, noise: Tensor, steps: int) -> Tensor:
    """Latents [b, n, c] of the codec, not standardised, for noise [b, n, c]."""
    times, count = sampler.uniform_times(steps), noise.shape[1]
    if way == "mean":
        data = sampler.sample_mean(network.given(conditions, count), noise, times)
    elif way == "plain":
        data = sampler.integrate(network.given(conditions, count), noise, times)
    else:
        known = network.encode(conditions, count)
        absent = network.encode(conditions.empty(), count)
        data = sampler.integrate(sampler.guided(network, known, absent, GUIDANCE), noise, times)
    return network.unstandardise(data)


class Costs:
    """What a training step costs, in seconds, measured once for each name and kept in a file.

    Seconds are CPU seconds of this process, or of the clock where another device computes. Each is measured
    in turns with a step of one common training and counted in its seconds: a machine that is
    busier an hour later is then no dearer for those that are measured then.

    Args:
        path: the JSON file.
        device: of training.
        measure: the common training, and its stores.
    """

    def __init__(self, path: Path, device: str, measure: tuple[TrainingConfig, list[FeatureStore]]) -> None:
        self.path, self.clock = path, time.process_time if device == "cpu" else time.perf_counter
        self.device, self.measure = device, measure
        self.known: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def of(
        self,
        name: str,
        config: TrainingConfig,
        stores: list[FeatureStore],
        warm_start: Mapping[str, Tensor] | None,
    ) -> float:
        """Mean over a whole schedule: the least of some turns, over that of the common training's turns."""
        if name not in self.known:
            own = common = inf
            for _ in range(TURNS):
                common = min(common, self._once(*self.measure, None))
                own = min(own, self._once(config, stores, warm_start))
            self.known.setdefault(MEASURE, common)
            self.known[name] = self.known[MEASURE] * own / common
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.known, indent=1), encoding="utf-8")
        return self.known[name]

    def _once(
        self, config: TrainingConfig, stores: list[FeatureStore], warm_start: Mapping[str, Tensor] | None
    ) -> float:
        """By two short runs, so that what happens once in a run drops out."""
        spent = []
        for steps in (SHORTER, LONGER):
            short = config.change({"loop.steps": steps, "loop.max_minutes": None})
            with tempfile.TemporaryDirectory() as folder:
                began = self.clock()
                train(short, stores, Path(folder), device=self.device, warm_start=warm_start)
                spent.append(self.clock() - began)
        return max(spent[1] - spent[0], 1e-3) / (LONGER - SHORTER)


def _stage(
    config: TrainingConfig,
    stores: list[FeatureStore],
    run: Path,
    minutes: float,
    name: str,
    *,
    device: str,
    say: Callable[[str], None],
    costs: Costs,
    warm_start: Mapping[str, Tensor] | None = None,
) -> dict[str, Any]:
    if warm_start is not None:
        config = config.change({"loop.schedule.warmup_steps": min(20, config.loop.schedule.warmup_steps)})
    cost = costs.of(name, config, stores, warm_start)
    steps = max(1, round(60 * minutes / cost))
    config = config.change({"loop.steps": steps, "loop.max_minutes": None})

    def report(at: Any) -> None:
        say(f"{run.parent.name}/{run.name}: step {at.step}, {100 * at.progress:.0f} %, loss {at.loss:.4f}")

    done = train(config, stores, run, device=device, warm_start=warm_start, on_progress=report)
    if not done.finished:
        raise SystemExit(f"{run}: stopped at step {done.step}; run the same command again to go on")
    return {"steps": done.step, "seconds": done.step * cost, "rows": done.step * config.loop.rows}


def make_pairs(
    teacher: VelocityNetwork, store: FeatureStore, folder: Path, seconds: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """A store of (noise, guided sample of the teacher) for train clips, one shard after another until the
    CPU time is spent or every clip has one; going on where it was stopped.
    """
    record = folder / "time.json"
    if (folder / "store.json").exists():
        return dict(json.loads(record.read_text(encoding="utf-8")))
    rates = dict(store.rates)
    writer = StoreWriter(folder, fingerprint=store.fingerprint, rates=rates)
    members = store.split("train")
    spent = json.loads(record.read_text(encoding="utf-8"))["seconds"] if record.exists() else 0.0
    number = len(writer.finished())
    while (spent < seconds or number == 0) and number * PAIR_SHARD < len(members):
        began = time.process_time()
        chosen = members[number * PAIR_SHARD : (number + 1) * PAIR_SHARD]
        writer.write(number, _pairs(teacher, store, chosen, number))
        spent += time.process_time() - began
        number += 1
        clips = min(number * PAIR_SHARD, len(members))
        values = {"seconds": spent, "clips": clips, "steps": PAIR_STEPS, "guidance": GUIDANCE}
        record.write_text(json.dumps(values), encoding="utf-8")
        say(f"pairs: {clips} of {len(members)} clips, {spent:.0f} s")
    table = {text: store.text(k) for k, text in enumerate(store.texts)}
    blank = torch.zeros(store.widths.get("text_tokens", 1), store.widths.get("text", 1))
    table.setdefault("", blank if store.empty_text is None else store.empty_text)
    writer.finish(lambda texts: torch.stack([table[text] for text in texts]))
    return dict(json.loads(record.read_text(encoding="utf-8")))


def _pairs(teacher: VelocityNetwork, store: FeatureStore, chosen: list[int], shard: int) -> list[Clip]:
    """Pairs of clips; the sample is told everything, with the clip's first caption. Pairs cannot be cropped
    later, so it is `PAIR_SECONDS` of each clip that are sampled, each shard another part.
    """
    clips: list[Clip] = []
    parts = [_part(store, k, shard) for k in chosen]
    for length in sorted({part.latents for part in parts}):
        own = [part for part in parts if part.latents == length]
        # Stores keep half precision: the recorded noise is exactly the one that was used.
        seeds = [9_000_000 + part.clip for part in own]
        noise = runtime.seeded_noise(seeds, (length, store.widths["latents"])).half().float()
        conditions = Conditions.cat([_conditions(store, part) for part in own])
        made = sample(teacher, "guided", conditions, noise, PAIR_STEPS)
        for part, data, drawn in zip(own, made, noise, strict=True):
            item = store.items[part.clip]
            captions = tuple(store.texts[c] for c in item.captions[:1])
            zeros = torch.zeros_like(data)
            clips.append(
                Clip(item.id, "train", part.seconds, captions, data, zeros, noise=drawn, **part.streams)
            )
    return clips


@dataclass(frozen=True)
class _Part:
    """Some seconds of clip number `clip`: length in latents, and its streams cut to them."""

    clip: int
    seconds: Fraction
    latents: int
    streams: dict[str, Tensor]


def _part(store: FeatureStore, k: int, turn: int) -> _Part:
    item = store.items[k]
    roles = [role for role in ("semantic", "sync") if role in item.lengths]
    count = int(item.seconds / PAIR_SECONDS)
    rows = {role: PAIR_SECONDS * store.rates.get(role, Fraction(1, 7)) for role in ("latents", *roles)}
    if count < 1 or any(number.denominator != 1 for number in rows.values()):  # too short or not to be cut
        return _Part(k, item.seconds, item.lengths["mean"], {role: store.read(k, role) for role in roles})
    streams = {role: store.read(k, role, (turn % count * int(rows[role]), int(rows[role]))) for role in roles}
    return _Part(k, Fraction(PAIR_SECONDS), int(rows["latents"]), streams)


def _conditions(store: FeatureStore, part: _Part) -> Conditions:
    item = store.items[part.clip]

    def stream(role: str) -> tuple[Tensor, Tensor]:
        rows = part.streams.get(role, torch.zeros(1, store.widths.get(role, 1)))
        return rows[None], torch.tensor([role in part.streams])

    (semantic, has_semantic), (sync, has_sync) = stream("semantic"), stream("sync")
    words = bool(item.captions)
    blank = torch.zeros(store.widths.get("text_tokens", 1), store.widths.get("text", 1))
    text = store.text(item.captions[0]) if words else blank
    return Conditions(semantic, sync, text[None], has_semantic, has_sync, torch.tensor([words]))
