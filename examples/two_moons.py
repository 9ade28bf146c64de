"""The whole idea in two dimensions: learn the mean velocity from noise to two moons, then draw in one step.

    python examples/two_moons.py --output two_moons.png

A small network u(x, t, s) is trained with the package's own objective, in about 15 s. One call then carries
noise (t = 1) to data (s = 0); more calls follow the same flow in smaller jumps. Prints how far the points of
1, 2 and 4 steps lie from the moons, and draws them (needs matplotlib).
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from soundvcm.objectives import VelocityConsistencyConfig, build
from soundvcm.records import Conditions
from soundvcm.sampler import sample_mean, uniform_times


def two_moons(count: int, generator: torch.Generator) -> Tensor:
    """Points [b, 1, 2] on two interlocking half circles, roughly standardised."""
    angle = math.pi * torch.rand(count, generator=generator)
    upper = torch.rand(count, generator=generator) < 0.5
    x = torch.where(upper, angle.cos(), 1 - angle.cos()) - 0.5
    y = torch.where(upper, angle.sin(), 0.5 - angle.sin()) - 0.25
    points = torch.stack([x / 0.87, y / 0.5], 1)
    return (points + 0.05 * torch.randn(count, 2, generator=generator))[:, None]


class MeanVelocity(nn.Module):
    """u(x, t, s): a plain MLP that is told t and t - s; it ignores the conditions, there are none here."""

    def __init__(self, hidden: int = 128) -> None:
        super().__init__()
        sizes = (16, hidden, hidden, hidden)
        layers = [nn.Sequential(nn.Linear(i, o), nn.SiLU()) for i, o in zip(sizes, sizes[1:], strict=False)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, 2))

    def forward(self, x: Tensor, t: Tensor, s: Tensor, conditions: Conditions | None = None) -> Tensor:
        """Mean velocity [b, 1, 2]."""
        gap = t - s
        times = torch.stack([t, gap, (3 * t).sin(), (3 * t).cos(), (3 * gap).sin(), (3 * gap).cos()], 1)
        places = [x[:, 0]] + [
            wave(scale * x[:, 0]) for scale in (1.5, 3.0) for wave in (torch.sin, torch.cos)
        ]
        return self.layers(torch.cat([*places, times], 1))[:, None]


def train(steps: int, batch: int, seed: int) -> MeanVelocity:
    """Velocity consistency with half of the rows at s = t and a quarter of the others pinned to each end."""
    torch.manual_seed(seed)
    generator, network = torch.Generator().manual_seed(seed), MeanVelocity()
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    recipe = {"ratio": 0.5, "endpoint_share": 0.25, "lambda_start": 1.0, "lambda_end": 0.02, "power": 0.5}
    objective = build(VelocityConsistencyConfig(time_mean=0.0, **recipe))
    none = torch.zeros(batch, 1, 1)
    nothing = Conditions.of(semantic=none, sync=none, text=none).empty()
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 2e-3 * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        data, done = two_moons(batch, generator), step / steps
        terms = objective(network, network, data, nothing, progress=done, generator=generator)
        optimizer.zero_grad()
        terms.loss.backward()
        optimizer.step()
    return network


def draw_picture(panels: dict[str, Tensor], path: Path) -> None:
    """One panel of points [b, 2] beside the other; without matplotlib only a word about it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return print('no picture: matplotlib is not installed; run: pip install "soundvcm[eval]"')
    figure = Figure(figsize=(12, 3), layout="constrained")
    for axis, title in zip(figure.subplots(1, len(panels)), panels, strict=True):
        axis.scatter(*panels[title][:1500].T.tolist(), s=2, alpha=0.5)
        axis.set(title=title, xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    figure.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Train, sample, measure, draw; returns the median distance to the moons by panel."""
    parser = argparse.ArgumentParser(description="Two moons in one step.")
    parser.add_argument("--steps", type=int, default=3000, help="training steps")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--output", type=Path, default=Path("two_moons.png"))
    given = parser.parse_args(arguments)
    network, generator = train(given.steps, given.batch, seed=0), torch.Generator().manual_seed(1)
    noise, truth = torch.randn(1500, 1, 2, generator=generator), two_moons(4000, generator)[:, 0]
    with torch.no_grad():
        drawn = {f"{n} step": sample_mean(network, noise, uniform_times(n))[:, 0] for n in (1, 2, 4)}
    panels = {"noise": noise[:, 0], **drawn, "data": truth}
    distances = {name: float(torch.cdist(panels[name], truth).amin(1).median()) for name in list(panels)[:-1]}
    print("median distance to the moons:", {name: round(value, 3) for name, value in distances.items()})
    draw_picture(panels, given.output)
    return distances


if __name__ == "__main__":
    main()
