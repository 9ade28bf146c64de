"""From a flow to one call: how many steps of training until one call equals the teacher's 25 x 2.

    PYTHONPATH=. python benchmarks/from_flow.py [--minutes 7] [--steps 100 300 900] [--scenes 200] [--json F]

What an owner of flow weights does: flow matching (the lab's, trained in --run if it is not there yet) =>
`soundvcm adopt` => consistency training. Beside it the same objective from scratch, and reflow with
distillation from the same weights. Each length is a training of its own, since its schedules end with it.
Stopped, it goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import nan
from pathlib import Path
from typing import Any

import foley_lab
import torch
from foley_lab import Judge, base_config, say
from foley_methods import GUIDANCE, MAIN, PAIR_STEPS, Costs, build, folder_of, make_pairs, train_method
from torch import Tensor

from soundvcm import runtime, weights
from soundvcm.cli.commands.adopt import adopt
from soundvcm.data.store import FeatureStore
from soundvcm.errors import SoundVCMError, StoreError
from soundvcm.objectives import OwnFlowConfig
from soundvcm.systems.loading import saved_codec
from soundvcm.training import TrainingConfig, export, recipes, synthesise, train
from soundvcm.training.estimate import passes_per_row

TEACHER = next(method for method in MAIN if method.name == "flow matching")
SCORES = {"fd": min, "f1": max, "kind": max}
RATE = 3e-4


@dataclass(frozen=True)
class Course:
    """One way to one call.

    Attributes:
        name: as printed.
        config: of a training, without its length.
        start: weights to begin with; None: fresh.
    """

    name: str
    config: TrainingConfig
    start: Path | None = None


def teacher_file(base: TrainingConfig, store: FeatureStore, options: argparse.Namespace) -> Path:
    """The flow-matching network, trained and exported."""
    path: Path = options.run / "teacher.safetensors"
    if not path.exists():
        given: dict[str, Any] = {"device": options.device, "sigma_rel": options.sigma_rel, "say": say}
        flow = base.change(TEACHER.changes)
        given["costs"] = Costs(options.run / "costs.json", options.device, (flow, [store]))
        train_method(TEACHER, base, store, options.run, options.minutes, **given)
        about = {"licence": "MIT", "sampling": {"guidance": GUIDANCE}}
        export(folder_of(options.run, TEACHER), path, sigma_rel=options.sigma_rel, about=about)
    return path


def adopted_file(teacher: Path) -> Path:
    """What `soundvcm adopt` makes of it."""
    path = teacher.with_name("adopted.safetensors")
    if not path.exists():
        adopt(str(teacher), output=path)
    return path


def courses(base: TrainingConfig, start: Path, rates: list[float]) -> list[Course]:
    """From the flow by three objectives, and `tiny` from scratch."""
    found = []
    own = base.change({"objective.warm_start": 0.0})
    papers = base.model_copy(update={"objective": recipes.from_flow().objective})
    papers = papers.change({"objective.guidance": GUIDANCE, "objective.guidance_until": 1.0})
    dropped = base.objective.modality_dropout
    own_flow = OwnFlowConfig(guidance=GUIDANCE, warm_start=0.0, modality_dropout=dropped)
    paths = base.model_copy(update={"objective": own_flow})
    for name, config in (("tiny's", own), ("the paper's", papers), ("own-flow", paths)):
        for rate in rates:
            tuned = config.change({"loop.optimizer.rate": rate, "loop.schedule.warmup_steps": 20})
            found.append(Course(f"from the flow, {name} objective, rate {rate:g}", tuned, start))
    return [*found, Course("from scratch", base)]


def trained(
    config: TrainingConfig,
    stores: list[FeatureStore],
    run: Path,
    start: Path | Mapping[str, Tensor] | None,
    options: argparse.Namespace,
) -> dict[str, Tensor]:
    """Average of a training of so many steps; goes on where it was."""
    done = train(config, stores, run, device=options.device, warm_start=start)
    if not done.finished:
        raise SystemExit(f"{run}: stopped at step {done.step}; run the same command again to go on")
    return synthesise(run, options.sigma_rel)[0]


def kept(path: Path, plan: Mapping[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a file holds, made anew where it was made by another plan."""
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["plan"] == json.loads(json.dumps(plan)):
            return dict(found["row"])
    row = make()
    path.write_text(json.dumps({"plan": plan, "row": row}), encoding="utf-8")
    return row


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train and score what is not there yet; returns the report."""
    store, codec = FeatureStore(options.store), saved_codec(options.codec)
    if codec.dim != store.widths["latents"]:
        raise StoreError(
            f"{options.store} was not made with the codec {options.codec}: give it, --codec FILE"
        )
    base = base_config(store, options.set)
    plan = {"scenes": options.scenes, "told": options.told, "seconds": options.seconds}

    @cache  # when first needed: a second run may have all scores
    def judge() -> Judge:
        return Judge(options.bank, codec, options.scenes, options.told, options.seconds)

    def scored(config: TrainingConfig, tensors: Mapping[str, Tensor], way: str, steps: int) -> dict[str, Any]:
        return dict(judge().row(config, dict(tensors), way, steps))

    teacher = teacher_file(base, store, options)
    start, rows = adopted_file(teacher), []
    flow, own = base.change(TEACHER.changes), weights.read(teacher)[0]
    for steps in (1, 4, 25):
        row = kept(
            options.run / f"teacher-{steps}.json", plan, lambda n=steps: scored(flow, own, "guided", n)
        )
        rows.append({"method": "the teacher", "calls": 2 * steps, "steps": 0, "passes": 0.0} | row)
        say(line_of(rows[-1]))

    def point(course: str, steps: int, passes: float, make: Callable[[], tuple[Any, ...]]) -> None:
        name = "".join(letter if letter.isalnum() else "_" for letter in course)
        folder = options.run / f"{name}-{steps}"
        folder.mkdir(parents=True, exist_ok=True)

        def measure() -> dict[str, Any]:
            began = time.process_time()
            config, tensors, way = make()
            return {"cpu_seconds": time.process_time() - began} | scored(config, tensors, way, 1)

        row = kept(folder / "score.json", plan, measure)
        rows.append({"method": course, "calls": 1, "steps": steps, "passes": passes} | row)
        say(line_of(rows[-1]))

    for steps in options.steps:
        for course in courses(base, start, options.rates):
            config = course.config.change({"loop.steps": steps, "loop.max_minutes": None})
            name = "".join(letter if letter.isalnum() else "_" for letter in course.name)
            folder = options.run / f"{name}-{steps}" / "run"
            passes = passes_per_row(config) * config.loop.rows * steps / 1000

            def make(c: TrainingConfig = config, f: Path = folder, s: Path | None = course.start) -> Any:
                return c, trained(c, [store], f, s, options), "mean"

            point(course.name, steps, passes, make)
        distil(base, store, steps, own, flow, options, point)
    report = {"command": options.words, "rows": rows, "until": until(rows), **plan}
    return report | {"machine": runtime.describe_machine(), "config": base.model_dump(mode="json")}


def distil(
    base: TrainingConfig,
    store: FeatureStore,
    steps: int,
    teacher: dict[str, Tensor],
    flow: TrainingConfig,
    options: argparse.Namespace,
    point: Callable[..., None],
) -> None:
    """Reflow and distillation from the teacher's weights, half of the steps each; pairs are counted."""
    pairs = options.run / "pairs"
    told = make_pairs(build(flow, teacher), store, pairs, 60 * options.pair_minutes, say)
    stages = []
    for kind in ("reflow", "distill"):
        changes = {"objective.kind": kind, "data.crop_seconds": (), "loop.steps": max(1, steps // 2)}
        changes |= {"loop.max_minutes": None, "loop.schedule.warmup_steps": 20}
        config = base.change(changes)
        stages.append(config.change({"objective.asks": "instant"}) if kind == "distill" else config)

    def make() -> tuple[Any, ...]:
        tensors = teacher
        for config in stages:
            run = options.run / f"reflow_distillation-{steps}" / config.objective.kind
            tensors = trained(config, [FeatureStore(pairs)], run, tensors, options)
        return stages[-1], tensors, "plain"

    cost = 2 * PAIR_STEPS * told["clips"]
    cost += sum(passes_per_row(config) * config.loop.rows * config.loop.steps for config in stages)
    point("reflow + distillation", steps, cost / 1000, make)


def until(rows: list[dict[str, Any]]) -> dict[str, dict[str, int | None]]:
    """For each way and score the fewest steps after which one call is as good as the teacher's 25 x 2."""
    goal = next(row for row in rows if row["calls"] == 50)
    found: dict[str, dict[str, int | None]] = {}
    for name in dict.fromkeys(row["method"] for row in rows if row["steps"]):
        own = [row for row in rows if row["method"] == name]
        found[name] = {}
        for score, best in SCORES.items():
            reached = [
                r["steps"] for r in own if score in r and best(r[score], goal.get(score, nan)) == r[score]
            ]
            found[name][score] = min(reached, default=None)
    return found


def line_of(row: Mapping[str, Any]) -> str:
    """One row of the table."""
    scores = " | ".join(f"{row.get(name, nan):.3g}" for name in ("fd", "js", "f1", "kind"))
    return f"| {row['method']} | {row['calls']} | {row['steps']} | {row['passes']:.0f} | {scores} |"


def markdown(report: Mapping[str, Any]) -> str:
    """The table, and where each way reaches the teacher."""
    lines = [f"{report['scenes']} test scenes of {report['seconds']:g} s; `{report['command']}`", ""]
    lines += ["| way | calls | steps | thousand passes | FD | JS | onset F1 | kind |", "|" + "---|" * 8]
    lines += [line_of(row) for row in report["rows"]]
    lines += ["", "Fewest steps after which one call is as good as the teacher's 25 x 2:"]
    for name, reached in report["until"].items():
        told = ", ".join(f"{score} {steps or 'not reached'}" for score, steps in reached.items())
        lines.append(f"- {name}: {told}")
    return "\n".join(lines) + "\n"


def plot(report: Mapping[str, Any], path: Path) -> None:
    """FD, onset F1 and kind of one call over the steps; the teacher's 25 x 2 as a line."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4))
    rows = report["rows"]
    goal = next(row for row in rows if row["calls"] == 50)
    for axis, (name, title) in zip(axes, (("fd", "FD"), ("f1", "onset F1"), ("kind", "kind")), strict=True):
        for method in report["until"]:
            own = [row for row in rows if row["method"] == method]
            axis.plot([row["steps"] for row in own], [row.get(name) for row in own], "o-", label=method)
        axis.axhline(goal.get(name, nan), color="grey", linestyle=":", label="the teacher, 25 x 2")
        axis.set(xscale="log", xlabel="steps", title=f"{title}, one call")
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main(words: list[str] | None = None) -> dict[str, Any]:
    """The command."""
    import sys

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("runs/tiny-scenes"))
    parser.add_argument("--bank", type=Path, default=foley_lab.BANK)
    parser.add_argument("--codec", default="tiny_codec", help="name or file of the codec that made the store")
    parser.add_argument("--run", type=Path, default=Path("runs/from-flow"), help="folder of all runs")
    parser.add_argument("--minutes", type=float, default=7.0, help="CPU time of training of the teacher")
    parser.add_argument("--pair-minutes", type=float, default=1.5, help="CPU time of recording pairs")
    parser.add_argument("--steps", type=int, nargs="+", default=[100, 300, 900])
    parser.add_argument("--rates", type=float, nargs="+", default=[RATE])
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--told", default="text", choices=["text", "label", "drawing", "all", "motion"])
    parser.add_argument("--sigma-rel", type=float, default=0.1)
    parser.add_argument("--device", default="cpu", help="of training; scores are made on the CPU")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="changes of the recipe")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args(words)
    options.words = " ".join(["python benchmarks/from_flow.py", *(sys.argv[1:] if words is None else words)])
    torch.manual_seed(0)
    try:
        report = run(options)
    except SoundVCMError as error:
        raise SystemExit(f"from_flow: {error}") from None
    print(markdown(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    if options.plot:
        plot(report, options.plot)
    return report


if __name__ == "__main__":
    main()
