"""The truth bench: every objective on a flow whose guided maps are known to 1e-6.

Mixtures of Gaussians (`gaussian_classes.py`), guided. A small MLP is trained with each objective for the same
rows and steps, for the same CPU time (teacher and pairs counted), or both; its end points at 1, 2, 4 and 25
steps are compared with the numerically integrated guided flow. Equal time is made by steps: what one costs is
the least of several short trainings, taken in turns, so that a busy machine takes nothing from anybody. With
--json a second run goes on where one stopped.

    python benchmarks/known_flow.py --world modes --guidance 1 2 4 --until 1 --seconds 5.5 --plot out.png
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from math import inf
from pathlib import Path
from typing import Any

import torch
from gaussian_classes import SCALE, UNTIL, WORLDS, TwoTimeMLP, World, make_truth
from known_flow_tables import STEP_COUNTS, Memory, Result, plot, table
from torch import Tensor

from soundvcm.objectives import LearnsFromSnapshot, build, config_of
from soundvcm.runtime import describe_machine, threads
from soundvcm.sampler import guided, integrate, sample_mean, uniform_times
from soundvcm.training.ema import EmaProfiles
from soundvcm.training.schedule import rate_factor
from soundvcm.training.settings import ScheduleConfig

ROUNDS = 7  # in which every method's costs are measured in turn, so that all have the same machine
PROBE = 30  # steps of a short training that tells what a step costs
AVERAGE = 0.05  # relative width of the average that "targets": "average" takes targets from
PINNED = {"endpoint_share": 0.25, "ratio": 0.5}
#: docs/decisions.md: for trainings of thousands of steps rather than hundreds of thousands
SHORT = {**PINNED, "lambda_start": 1.0, "lambda_end": 0.02, "power": 0.0}

#: steps along the averaged velocity's midpoint, each row with its own lambda (docs/decisions.md)
MIDPOINT = {
    "endpoint_share": 0.25,
    "ratio": 0.4,
    "warm_start": 0.25,
    "lambda_start": 1.0,
    "lambda_end": 0.02,
    "lambda_law": "uniform",
    "look_ahead": "midpoint",
    "power": 0.5,
    "bound": 1.0,
    "targets": "average",
}

#: the paths of the network's own snapshot (`objectives/own_flow.py`); the rate begins anew with them
OWN_FLOW = {"kind": "own_flow", "restart": True}

#: what is compared: name -> settings on top of the bench's guidance (see `settings_of`)
METHODS: dict[str, dict[str, Any]] = {
    "flow matching, guided at sampling": {"kind": "flow_matching"},
    "reflow + distill (Frieren, no guidance inside)": {"kind": "reflow"},
    "reflow + distill, wide times": {"kind": "reflow", "time_mean": 0.0, "time_std": 1.4},
    "meanflow jvp": {"kind": "meanflow"},
    "meanflow central": {"kind": "meanflow", "derivative": "central"},
    "meanflow jvp, pinned, r=.5": {"kind": "meanflow", **PINNED},
    "meanflow jvp, pinned, r=.5, p=0": {"kind": "meanflow", **PINNED, "power": 0.0},
    "meanflow central, pinned, r=.5, p=0": {
        "kind": "meanflow",
        "derivative": "central",
        **PINNED,
        "power": 0.0,
    },
    "alpha-flow": {"kind": "alpha_flow"},
    "alpha-flow, pinned, r=.5": {"kind": "alpha_flow", **PINNED},
    "alpha-flow, pinned, r=.5, p=0": {"kind": "alpha_flow", **PINNED, "power": 0.0},
    "split meanflow": {"kind": "split_meanflow"},
    "split meanflow, pinned, r=.5": {"kind": "split_meanflow", **PINNED},
    "shortcut (half), pinned, r=.5": {"kind": "split_meanflow", "split": "half", **PINNED},
    "ours, paper": {},
    "ours, m=.75": {"mix": 0.75},
    "ours, quotient": {"residual": "quotient"},
    "ours, r=.5": {"ratio": 0.5},
    "ours, pinned": {"endpoint_share": 0.25},
    "ours, pinned .1, r=.5": {"endpoint_share": 0.1, "ratio": 0.5},
    "ours, pinned, r=.5": PINNED,
    "ours, pinned .5, r=.5": {"endpoint_share": 0.5, "ratio": 0.5},
    "ours, pinned, r=.25": {"endpoint_share": 0.25, "ratio": 0.25},
    "ours, pinned, r=.5, quotient": {**PINNED, "residual": "quotient"},
    "ours, pinned, r=.5, warm .25": {**PINNED, "warm_start": 0.25},
    "ours, pinned, r=.5, warm .5": {**PINNED, "warm_start": 0.5},
    "ours, pinned, r=.5, lambda from 1": {**PINNED, "lambda_start": 1.0},
    "ours, pinned, r=.5, lambda to 1/50": {**PINNED, "lambda_end": 0.02},
    "ours, short recipe": SHORT,
    "ours, short recipe, p=.5": {**SHORT, "power": 0.5},
    "ours, short recipe, p=.5, warm .25": {**SHORT, "power": 0.5, "warm_start": 0.25},
    "ours, short recipe, warm .25": {**SHORT, "warm_start": 0.25},
    "ours, short recipe, warm .5": {**SHORT, "warm_start": 0.5},
    "ours, short recipe, warm .25, pinned .5": {**SHORT, "warm_start": 0.25, "endpoint_share": 0.5},
    "ours, short recipe, warm .5, pinned .5": {**SHORT, "warm_start": 0.5, "endpoint_share": 0.5},
    "ours, short recipe, quotient": {**SHORT, "residual": "quotient"},
    "ours, short recipe, own look-ahead": {**SHORT, "look_ahead": "own"},
    "ours, pinned, r=.5, own look-ahead": {**PINNED, "look_ahead": "own"},
    "ours, pinned, r=.5, own look-ahead, m=1": {**PINNED, "look_ahead": "own", "mix": 1.0},
    "ours, pinned, r=.5, m=.5": {**PINNED, "mix": 0.5},
    "ours, pinned, r=.5, p=0": {**PINNED, "power": 0.0},
    "ours, pinned, r=.5, p=.5": {**PINNED, "power": 0.5},
    "ours, pinned, r=.5, guidance input": {**PINNED, "guidance_input": True, "guidance_range": (1.0, 4.0)},
    "ours, midpoint": MIDPOINT,
    "ours, midpoint, live targets": {**MIDPOINT, "targets": "live"},
    "ours, midpoint, no bound": {**MIDPOINT, "bound": None},
    "ours, own flow": OWN_FLOW,
    "ours, own flow, one cosine": {**OWN_FLOW, "restart": False},
    "ours, own flow, p=0": {**OWN_FLOW, "power": 0.0},
    "ours, own flow, stateless": {**OWN_FLOW, "uses": 1},
    "ours, short recipe, guidance input": {**SHORT, "guidance_input": True, "guidance_range": (1.0, 4.0)},
}

#: the rivals as published and under our settings, and ours from the paper's text to the short recipe
HEADLINE = (
    "flow matching, guided at sampling",
    "reflow + distill (Frieren, no guidance inside)",
    "meanflow jvp",
    "meanflow jvp, pinned, r=.5, p=0",
    "meanflow central, pinned, r=.5, p=0",
    "alpha-flow, pinned, r=.5, p=0",
    "split meanflow, pinned, r=.5",
    "ours, paper",
    "ours, pinned, r=.5, p=0",
    "ours, short recipe",
    "ours, short recipe, p=.5",
    "ours, short recipe, warm .25",
    "ours, short recipe, p=.5, warm .25",
    "ours, short recipe, quotient",
)


@dataclass
class Counted:
    """A network that counts the rows it is asked for."""

    network: Callable[..., Tensor]
    rows: int = 0

    def __call__(self, x: Tensor, *arguments: Any, **named: Any) -> Tensor:
        """The network's answer."""
        self.rows += len(x)
        return self.network(x, *arguments, **named)


@dataclass(frozen=True)
class Budget:
    """How long to train, in steps or CPU seconds, on `batch` points a step, `latents` of them in a row.

    And what on: a mixture of `WORLDS`, guided by `guidance` on t <= `until`, with Adam from `rate` to zero.
    """

    steps: int
    seconds: float | None
    batch: int
    hidden: int = 256
    latents: int = 16
    world: str = "circle"
    guidance: float = SCALE
    until: float = UNTIL
    rate: float = 1e-3

    def part(self, share: float) -> Budget:
        """That share of it."""
        seconds = self.seconds and self.seconds * share
        return replace(self, steps=int(self.steps * share), seconds=seconds)


class Costs:
    """CPU seconds of a training step, by objective and budget: the least of several short trainings.

    Attributes:
        measuring: trainings are short ones now, and teach costs.
    """

    def __init__(self) -> None:
        self.known: dict[str, float] = {}
        self.measuring = False

    def steps(self, settings: dict[str, Any], budget: Budget, short: Callable[[Budget], float]) -> int:
        """How many steps the budget has; `short` trains for a budget of steps and tells its seconds."""
        if budget.seconds is None:
            return budget.steps
        probe = replace(budget, steps=PROBE, seconds=None)
        name = repr((sorted(settings.items()), probe))
        if self.measuring or name not in self.known:
            self.known[name] = min(self.known.get(name, inf), short(probe) / PROBE)
        return PROBE if self.measuring else max(1, round(budget.seconds / self.known[name]))


COSTS = Costs()


def settings_of(name: str, guidance: float = SCALE, until: float = UNTIL) -> dict[str, Any]:
    """The full settings of a named method: the bench's guidance where the objective trains it in."""
    chosen = {"kind": "vcm", **METHODS[name]}
    if chosen["kind"] not in ("flow_matching", "reflow"):
        chosen = {"guidance": guidance, "guidance_until": until, **chosen}
    return chosen


def train(
    network: TwoTimeMLP,
    settings: dict[str, Any],
    budget: Budget,
    batch_of: Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor | None]],
    generator: torch.Generator,
) -> tuple[float, float, int]:
    """Adam, cosine to zero, with "restart" twice; CPU seconds, passes per row (backward: 2), steps."""

    def short(probe: Budget) -> float:
        draws = torch.Generator().manual_seed(0)
        return train(copy.deepcopy(network), settings, probe, batch_of, draws)[0]

    steps, settings = COSTS.steps(settings, budget, short), dict(settings)
    averaged, restart = settings.pop("targets", "live") == "average", settings.pop("restart", False)
    objective = build(config_of(settings))
    optimizer = torch.optim.Adam(network.parameters(), lr=budget.rate)
    average = EmaProfiles(dict(network.named_parameters()), (AVERAGE,))
    u, frozen = Counted(network), Counted(average.follower(network) if averaged else network)
    learner = objective if isinstance(objective, LearnsFromSnapshot) else None
    turn, taken = (learner.snapshot_from if learner and restart else 0.0), False
    schedule = ScheduleConfig(kind="cosine", warmup_steps=0, restart=turn)
    began = time.process_time()
    for step in range(steps):
        progress = step / steps
        optimizer.param_groups[0]["lr"] = budget.rate * rate_factor(schedule, step, progress)
        if learner and not taken and progress >= learner.snapshot_from:
            frozen.network, taken = average.taken(network), True
        data, label, noise = batch_of(generator)
        terms = objective(
            u, frozen, data, network.conditions(label), noise=noise, progress=progress, generator=generator
        )
        optimizer.zero_grad(set_to_none=True)
        terms.loss.backward()
        optimizer.step()
        if averaged or learner:
            average.update()
    spent = time.process_time() - began
    return budget.seconds or spent, (3 * u.rows + frozen.rows) / u.rows, steps


def run(name: str, seed: int, budget: Budget, world: World, truth: tuple[Tensor, Tensor, Tensor]) -> Result:
    """Train one method from one seed and measure it."""
    settings = settings_of(name, budget.guidance, budget.until)
    torch.manual_seed(seed)
    network = TwoTimeMLP(budget.hidden, world.dimensions, world.classes)
    generator = torch.Generator().manual_seed(seed)

    def fresh(draws: torch.Generator) -> tuple[Tensor, Tensor, Tensor | None]:
        data, label = world.sample(budget.batch // budget.latents, budget.latents, draws)
        return data, label, None

    if settings["kind"] == "reflow":
        seconds, passes, steps = _reflow_chain(network, settings, budget, fresh, generator, world)
    else:
        seconds, passes, steps = train(network, settings, budget, fresh, generator)
    errors = {count: end_point_error(network, settings, budget, count, truth) for count in STEP_COUNTS}
    return Result(errors, seconds, passes, steps)


def _reflow_chain(
    network: TwoTimeMLP,
    settings: dict[str, Any],
    budget: Budget,
    fresh: Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor | None]],
    generator: torch.Generator,
    world: World,
) -> tuple[float, float, int]:
    """Teacher (half of the budget), 25 guided Euler steps record pairs, reflow, distillation (alike)."""
    law = {name: value for name, value in settings.items() if name.startswith("time_")}
    shares = [train(network, {"kind": "flow_matching", **law}, budget.part(0.5), fresh, generator)]
    teacher = copy.deepcopy(network)
    pairs, parts = 16384, 8
    noise = torch.randn(pairs, 1, world.dimensions, generator=generator)
    _, label = world.sample(pairs, 1, generator)
    recorded_parts, spent = [], []
    for part in range(parts):
        began, rows = time.process_time(), slice(part * pairs // parts, (part + 1) * pairs // parts)
        asked = {"kind": "flow_matching"}
        recorded_parts.append(follow(teacher, asked, budget, noise[rows], label[rows], 25))
        spent.append(time.process_time() - began)
    samples, recording = torch.cat(recorded_parts), parts * min(spent)

    def recorded(draws: torch.Generator) -> tuple[Tensor, Tensor, Tensor | None]:
        index = torch.randint(pairs, (budget.batch // budget.latents, budget.latents), generator=draws)
        return samples[index][:, :, 0], label[index][:, :, 0], noise[index][:, :, 0]

    later = budget.part(0.25)
    if budget.seconds:  # what recording took is taken from what follows, so that the whole has its time
        later = replace(later, seconds=max(0.1, budget.seconds - shares[0][0] - recording) / 2)
    shares.append(train(network, {"kind": "reflow"}, later, recorded, generator))
    shares.append(train(network, {"kind": "distill"}, later, recorded, generator))
    steps = sum(share[2] for share in shares)
    recorded_passes = pairs * 50 / (steps * budget.batch)
    return budget.seconds or sum(share[0] for share in shares) + recording, 3 + recorded_passes, steps


@torch.no_grad()
def follow(
    network: TwoTimeMLP, settings: dict[str, Any], budget: Budget, noise: Tensor, label: Tensor, count: int
) -> Tensor:
    """End points [b, 1, d] after `count` steps, the way the method is meant to be sampled."""
    conditions, times = network.conditions(label), uniform_times(count)
    if settings["kind"] == "flow_matching":

        def field_at(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
            scale = budget.guidance if float(t[0]) <= budget.until + 1e-6 else 1.0
            return guided(network, conditions, conditions.empty(), scale)(x, t, s)

        return integrate(field_at, noise, times)
    if settings["kind"] == "reflow":
        return integrate(lambda x, t, s: network(x, t, s, conditions), noise, times)
    scale = torch.full((len(noise),), budget.guidance) if settings.get("guidance_input") else None
    return sample_mean(lambda x, t, s: network(x, t, s, conditions, scale), noise, times)


def end_point_error(
    network: TwoTimeMLP,
    settings: dict[str, Any],
    budget: Budget,
    count: int,
    truth: tuple[Tensor, Tensor, Tensor],
) -> float:
    """Mean distance of the end points from the true ones."""
    noise, label, ends = truth
    return float((follow(network, settings, budget, noise, label, count) - ends).norm(dim=2).mean())


def main(arguments: list[str] | None = None) -> dict[str, dict[str, list[Result]]]:
    """Run the bench; returns the results by budget ("equal steps", "equal time") and method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="train each for so many steps (1500 if neither is given)")
    parser.add_argument("--seconds", type=float, help="train each for so many CPU seconds")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--world", default="circle", choices=WORLDS, help="the mixture")
    parser.add_argument("--guidance", type=float, nargs="+", default=[SCALE], help="one scale or several")
    parser.add_argument("--until", type=float, default=UNTIL, help="guidance acts on t up to this")
    parser.add_argument("--rate", type=float, default=1e-3, help="first learning rate of Adam")
    parser.add_argument("--hidden", type=int, default=256, help="width of the MLP's three layers")
    parser.add_argument("--only", nargs="*", default=HEADLINE, help="names of methods, * and ? allowed")
    parser.add_argument("--latents", type=int, default=16, help="points in a row; --batch counts points")
    parser.add_argument("--plot", type=Path, help="write a picture here (needs matplotlib)")
    parser.add_argument("--json", type=Path, help="keep all numbers here, and go on from them")
    given = parser.parse_args(arguments)
    names = [name for name in METHODS if any(fnmatch(name, pattern) for pattern in given.only)]
    if not names:
        parser.error(f"no method is called {given.only}; there are: {'; '.join(METHODS)}")
    if not 1 <= given.latents <= given.batch:
        parser.error("--latents lies between 1 and --batch")
    steps = given.steps or (1500 if given.seconds is None else None)
    sizes = {"batch": given.batch, "hidden": given.hidden, "latents": given.latents, "world": given.world}
    sizes |= {"until": given.until, "rate": given.rate}
    budgets: dict[str, Budget] = {}
    for guidance in given.guidance:
        which = f", w = {guidance:g}" if len(given.guidance) > 1 else ""
        if steps:
            budgets[f"equal steps{which}"] = Budget(steps, None, guidance=guidance, **sizes)
        if given.seconds:
            budgets[f"equal time{which}"] = Budget(0, given.seconds, guidance=guidance, **sizes)
    world, memory = WORLDS[given.world](), Memory(given.json, budgets)
    with threads(1):
        truth = {g: make_truth(world, scale=g, until=given.until) for g in given.guidance}
        timed = {kind: budget for kind, budget in budgets.items() if budget.seconds is not None}
        COSTS.measuring = True
        for _ in range(ROUNDS):
            for kind, budget in timed.items():
                for name in names:
                    if not all(memory.has(kind, name, seed) for seed in range(given.seeds)):
                        run(name, 0, budget, world, truth[budget.guidance])
        COSTS.measuring = False
        for seed in range(given.seeds):
            for kind, budget in budgets.items():
                for name in names:
                    if not memory.has(kind, name, seed):
                        done = run(name, seed, budget, world, truth[budget.guidance])
                        memory.add(kind, name, seed, done)
                        shown = " ".join(f"{error:.3f}" for error in done.errors.values())
                        print(f"seed {seed}  {kind}  {name:48s} {shown}  {done.seconds:.1f} s", flush=True)
    results = {kind: {name: memory.runs(kind, name, given.seeds) for name in names} for kind in budgets}
    for kind, found in results.items():
        print(f"\n{kind}: {describe_machine()} {budgets[kind]}\n\n{table(found)}")
    if given.plot:
        plot(results, given.plot)
    return results


if __name__ == "__main__":
    main()
