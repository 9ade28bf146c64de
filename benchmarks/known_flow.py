"""The truth bench: every objective on a flow whose guided maps are known to 1e-6.

Four classes on a circle of radius 2, each a Gaussian of width 0.3, guidance 2 on t <= 0.8. A small MLP is
trained with each objective for the same rows and steps (or, with --seconds, the same CPU time); its
end points at 1, 2, 4 and 25 steps are compared with the numerically integrated guided flow.

    python benchmarks/known_flow.py --seeds 3 --steps 1500 --batch 256 --plot known_flow.png
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from soundvcm.objectives import build, config_of
from soundvcm.records import Conditions
from soundvcm.runtime import describe_machine, threads
from soundvcm.sampler import guided, integrate, sample_mean, uniform_times

CLASSES, RADIUS, WIDTH, SCALE, UNTIL = 4, 2.0, 0.3, 2.0, 0.8
STEP_COUNTS = (1, 2, 4, 25)
PINNED = {"endpoint_share": 0.25, "ratio": 0.5}
#: docs/decisions.md: for trainings of thousands of steps rather than hundreds of thousands
SHORT = {**PINNED, "lambda_start": 1.0, "lambda_end": 0.02, "power": 0.0}

#: what is compared: name -> settings on top of guidance 2 (see `settings_of`)
METHODS: dict[str, dict[str, Any]] = {
    "flow matching, guided at sampling": {"kind": "flow_matching"},
    "reflow + distill (Frieren, no guidance inside)": {"kind": "reflow"},
    "meanflow jvp": {"kind": "meanflow"},
    "meanflow central": {"kind": "meanflow", "derivative": "central"},
    "meanflow jvp, pinned, r=.5": {"kind": "meanflow", **PINNED},
    "alpha-flow": {"kind": "alpha_flow"},
    "alpha-flow, pinned, r=.5": {"kind": "alpha_flow", **PINNED},
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
    "ours, pinned, r=.5, own look-ahead": {**PINNED, "look_ahead": "own"},
    "ours, pinned, r=.5, own look-ahead, m=1": {**PINNED, "look_ahead": "own", "mix": 1.0},
    "ours, pinned, r=.5, m=.5": {**PINNED, "mix": 0.5},
    "ours, pinned, r=.5, p=0": {**PINNED, "power": 0.0},
    "ours, pinned, r=.5, p=.5": {**PINNED, "power": 0.5},
    "ours, pinned, r=.5, guidance input": {**PINNED, "guidance_input": True, "guidance_range": (1.0, 4.0)},
}


class World:
    """The mixture: samples, the exact guided velocity, and its flow by Runge-Kutta in float64.

    A row holds several points ("latents"), each of its own class: the mean square of a row then averages over
    many numbers, as it does for sound, and the adaptive weight acts on rows rather than on single points.
    """

    def __init__(self) -> None:
        angle = torch.arange(CLASSES, dtype=torch.float64) * (2 * math.pi / CLASSES)
        self.means = RADIUS * torch.stack([angle.cos(), angle.sin()], 1)

    def sample(self, rows: int, latents: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Data [b, n, 2] float32 and class [b, n]."""
        label = torch.randint(CLASSES, (rows, latents), generator=generator)
        noise = torch.randn(rows, latents, 2, generator=generator)
        return (self.means[label] + WIDTH * noise).float(), label

    def velocities(self, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """Every class's velocity [b, k, 2] and their posterior weights [b, k] at x [b, 2] (docs/paper.md)."""
        variance = t**2 + (1 - t) ** 2 * WIDTH**2
        away = x[:, None] - (1 - t) * self.means
        weights = torch.softmax(-0.5 * away.square().sum(2) / variance, 1)
        return (t - (1 - t) * WIDTH**2) / variance * away - self.means, weights

    def guided(self, x: Tensor, t: float, label: Tensor, acts: bool) -> Tensor:
        """W v_c + (1 - w) v inside the guidance interval, v_c outside."""
        each, weights = self.velocities(x, t)
        wanted = each[torch.arange(len(x)), label]
        return SCALE * wanted + (1 - SCALE) * (weights[..., None] * each).sum(1) if acts else wanted

    def flow(self, noise: Tensor, label: Tensor, steps: int = 400) -> Tensor:
        """End points [b, 1, 2] of the guided flow from t = 1 to 0, by fourth-order Runge-Kutta."""
        x, label = noise[:, 0].double(), label[:, 0]
        for start, end, acts in ((1.0, UNTIL, False), (UNTIL, 0.0, True)):
            h = (end - start) / steps
            for number in range(steps):
                t = start + number * h
                k1 = self.guided(x, t, label, acts)
                k2 = self.guided(x + h / 2 * k1, t + h / 2, label, acts)
                k3 = self.guided(x + h / 2 * k2, t + h / 2, label, acts)
                k4 = self.guided(x + h * k3, t + h, label, acts)
                x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return x[:, None]


class TwoTimeMLP(nn.Module):
    """Three hidden layers: (x, t, t - s, class or nothing, guidance) => mean velocity."""

    def __init__(self, hidden: int = 256) -> None:
        super().__init__()
        width = 2 + 2 * 7 + CLASSES + 1 + 1
        sizes = (width, hidden, hidden, hidden)
        layers = [nn.Sequential(nn.Linear(i, o), nn.SiLU()) for i, o in zip(sizes, sizes[1:], strict=False)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, 2))

    def forward(
        self, x: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        """[b, n, 2]; each point by itself."""
        waves = [f for time in (t, t - s) for f in (time, *_waves(time))]
        scale = torch.zeros_like(t) if guidance is None else guidance.log()
        known = conditions.has_text.to(x.dtype)
        row = torch.stack([*waves, 1 - known, scale], 1)[:, None].expand(-1, x.shape[1], -1)
        return self.layers(torch.cat([x, row, conditions.text * known[:, None, None]], 2))


def _waves(time: Tensor) -> list[Tensor]:
    return [wave(time * scale) for scale in (1.0, 3.0, 9.0) for wave in (torch.cos, torch.sin)]


def conditions_of(label: Tensor) -> Conditions:
    """The classes [b, n] as text tokens; no pictures."""
    batch, none = len(label), torch.zeros(len(label), 1, 1)
    text = nn.functional.one_hot(label, CLASSES).float()
    return Conditions.of(semantic=none, sync=none, text=text, has_video=torch.zeros(batch, dtype=torch.bool))


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
    """How long to train, in steps or CPU seconds, on `batch` points a step, `latents` of them in a row."""

    steps: int
    seconds: float | None
    batch: int
    hidden: int = 256
    latents: int = 16


@dataclass
class Result:
    """One training: end-point errors by step count, CPU seconds, passes F per row, steps done."""

    errors: dict[int, float]
    seconds: float
    passes: float
    steps: int
    curve: list[float] = field(default_factory=list)


def settings_of(name: str) -> dict[str, Any]:
    """The full settings of a named method: guidance 2 on t <= 0.8 where the objective trains it in."""
    chosen = {"kind": "vcm", **METHODS[name]}
    if chosen["kind"] not in ("flow_matching", "reflow"):
        chosen = {"guidance": SCALE, "guidance_until": UNTIL, **chosen}
    return chosen


def train(
    network: TwoTimeMLP,
    settings: dict[str, Any],
    budget: Budget,
    batch_of: Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor | None]],
    generator: torch.Generator,
) -> tuple[float, float, int]:
    """Adam, cosine to zero; returns CPU seconds, passes per row (a backward counts 2), steps."""
    objective = build(config_of(settings))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    u, frozen = Counted(network), Counted(network)
    began, step, spent = time.process_time(), 0, 0.0
    while True:
        progress = spent / budget.seconds if budget.seconds else step / budget.steps
        if progress >= 1:
            break
        optimizer.param_groups[0]["lr"] = 1e-3 * (0.5 + 0.5 * math.cos(math.pi * progress))
        data, label, noise = batch_of(generator)
        terms = objective(
            u, frozen, data, conditions_of(label), noise=noise, progress=progress, generator=generator
        )
        optimizer.zero_grad(set_to_none=True)
        terms.loss.backward()
        optimizer.step()
        step, spent = step + 1, time.process_time() - began
    return spent, (3 * u.rows + frozen.rows) / u.rows, step


def run(name: str, seed: int, budget: Budget, world: World, truth: tuple[Tensor, Tensor, Tensor]) -> Result:
    """Train one method from one seed and measure it."""
    settings = settings_of(name)
    torch.manual_seed(seed)
    network = TwoTimeMLP(budget.hidden)
    generator = torch.Generator().manual_seed(seed)

    def fresh(draws: torch.Generator) -> tuple[Tensor, Tensor, Tensor | None]:
        data, label = world.sample(budget.batch // budget.latents, budget.latents, draws)
        return data, label, None

    if settings["kind"] == "reflow":
        seconds, passes, steps = _reflow_chain(network, budget, fresh, generator, world)
    else:
        seconds, passes, steps = train(network, settings, budget, fresh, generator)
    errors = {count: end_point_error(network, settings, count, truth) for count in STEP_COUNTS}
    return Result(errors, seconds, passes, steps)


def _reflow_chain(
    network: TwoTimeMLP,
    budget: Budget,
    fresh: Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor | None]],
    generator: torch.Generator,
    world: World,
) -> tuple[float, float, int]:
    """Teacher (half of the budget), 25 guided Euler steps record pairs, reflow (a quarter), distillation."""

    def part(share: float) -> Budget:
        return replace(
            budget, steps=int(budget.steps * share), seconds=budget.seconds and budget.seconds * share
        )

    shares = [train(network, {"kind": "flow_matching"}, part(0.5), fresh, generator)]
    teacher = copy.deepcopy(network)
    began, pairs = time.process_time(), 16384
    noise = torch.randn(pairs, 1, 2, generator=generator)
    _, label = world.sample(pairs, 1, generator)
    samples = follow(teacher, {"kind": "flow_matching"}, noise, label, 25)
    recording = time.process_time() - began

    def recorded(draws: torch.Generator) -> tuple[Tensor, Tensor, Tensor | None]:
        index = torch.randint(pairs, (budget.batch // budget.latents, budget.latents), generator=draws)
        return samples[index][:, :, 0], label[index][:, :, 0], noise[index][:, :, 0]

    shares.append(train(network, {"kind": "reflow"}, part(0.25), recorded, generator))
    shares.append(train(network, {"kind": "distill"}, part(0.25), recorded, generator))
    steps = sum(share[2] for share in shares)
    recorded_passes = pairs * 50 / (steps * budget.batch)
    return sum(share[0] for share in shares) + recording, 3 + recorded_passes, steps


@torch.no_grad()
def follow(network: TwoTimeMLP, settings: dict[str, Any], noise: Tensor, label: Tensor, count: int) -> Tensor:
    """End points [b, 1, 2] after `count` steps, the way the method is meant to be sampled."""
    conditions, times = conditions_of(label), uniform_times(count)
    if settings["kind"] == "flow_matching":

        def field_at(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
            scale = SCALE if float(t[0]) <= UNTIL + 1e-6 else 1.0
            return guided(network, conditions, conditions.empty(), scale)(x, t, s)

        return integrate(field_at, noise, times)
    if settings["kind"] == "reflow":
        return integrate(lambda x, t, s: network(x, t, s, conditions), noise, times)
    scale = torch.full((len(noise),), SCALE) if settings.get("guidance_input") else None
    return sample_mean(lambda x, t, s: network(x, t, s, conditions, scale), noise, times)


def end_point_error(
    network: TwoTimeMLP, settings: dict[str, Any], count: int, truth: tuple[Tensor, Tensor, Tensor]
) -> float:
    """Mean distance of the end points from the true ones."""
    noise, label, ends = truth
    return float((follow(network, settings, noise, label, count) - ends).norm(dim=2).mean())


def make_truth(world: World, rows: int = 2048) -> tuple[Tensor, Tensor, Tensor]:
    """Noise, class and true end points; the integration is checked against half the steps."""
    generator = torch.Generator().manual_seed(2026)
    noise = torch.randn(rows, 1, 2, generator=generator)
    label = torch.randint(CLASSES, (rows, 1), generator=generator)
    ends = world.flow(noise, label)
    error = float((ends - world.flow(noise, label, steps=200)).abs().max())
    if error > 1e-6:
        raise SystemExit(f"the true flow is only known to {error:.1e}: raise its steps")
    return noise, label, ends.float()


def spread(values: list[float]) -> str:
    """Median (least-greatest)."""
    return f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def table(results: dict[str, list[Result]]) -> str:
    """Markdown, one row a method."""
    lines = [
        "| objective | 1 step | 2 steps | 4 steps | 25 steps | CPU s | F per row | steps |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in results.items():
        cells = [spread([run.errors[count] for run in runs]) for count in STEP_COUNTS]
        seconds = statistics.median(run.seconds for run in runs)
        passes = statistics.median(run.passes for run in runs)
        steps = statistics.median(run.steps for run in runs)
        lines.append(f"| {name} | {' | '.join(cells)} | {seconds:.1f} | {passes:.2f} | {steps:.0f} |")
    return "\n".join(lines)


def plot(results: dict[str, list[Result]], path: Path) -> None:
    """Median end-point error of each method at each step count, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(9, 0.34 * len(results) + 1.6))
    names = list(results)[::-1]
    for count, marker in zip(STEP_COUNTS, "o^sx", strict=True):
        medians = [statistics.median(run.errors[count] for run in results[name]) for name in names]
        axis.plot(medians, range(len(names)), marker, label=f"{count} step{'s' * (count > 1)}")
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("mean distance of the end point from the true one")
    axis.set_xlim(left=0)
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, list[Result]]:
    """Run the bench; returns the results by method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--hidden", type=int, default=256, help="width of the MLP's three layers")
    parser.add_argument(
        "--seconds", type=float, help="train each for this many CPU seconds instead of --steps"
    )
    parser.add_argument("--only", nargs="*", default=["*"], help="names of methods, * and ? allowed")
    parser.add_argument("--latents", type=int, default=16, help="points in a row; --batch counts points")
    parser.add_argument("--plot", type=Path, help="write a picture here (needs matplotlib)")
    parser.add_argument("--json", type=Path, help="write all numbers here")
    given = parser.parse_args(arguments)
    names = [name for name in METHODS if any(fnmatch(name, pattern) for pattern in given.only)]
    if not names:
        parser.error(f"no method is called {given.only}; there are: {'; '.join(METHODS)}")
    if not 1 <= given.latents <= given.batch:
        parser.error("--latents lies between 1 and --batch")
    world = World()
    budget = Budget(given.steps, given.seconds, given.batch, given.hidden, given.latents)
    results: dict[str, list[Result]] = {name: [] for name in names}
    with threads(1):
        truth = make_truth(world)
        for seed in range(given.seeds):
            for name in names:
                results[name].append(run(name, seed, budget, world, truth))
                done = results[name][-1]
                shown = " ".join(f"{error:.3f}" for error in done.errors.values())
                print(f"seed {seed}  {name:48s} {shown}  {done.seconds:.1f} s", flush=True)
    print(f"\n{describe_machine()} {budget}\n\n{table(results)}")
    if given.json:
        values = {name: [asdict(result) for result in runs] for name, runs in results.items()}
        given.json.write_text(json.dumps(values, indent=1), encoding="utf-8")
    if given.plot:
        plot(results, given.plot)
    return results


if __name__ == "__main__":
    main()
