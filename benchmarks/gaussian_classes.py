"""Flows whose guided maps are known to 1e-6: mixtures of Gaussians that conditions weigh differently.

The mixtures (`WORLDS`), their exact guided velocity and flow, and a small MLP u(x, t, s, class, guidance) to
train on them. Used by `known_flow.py` and by tests; knows nothing of objectives.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from soundvcm.records import Conditions

SCALE, UNTIL = 2.0, 0.8


class World:
    """A mixture: samples, the exact guided velocity, and its flow by Runge-Kutta in float64.

    A row holds several points ("latents"), each of its own class: the mean square of a row then averages over
    many numbers, as it does for sound, and the adaptive weight acts on rows rather than on single points.

    Args:
        means: [k, d] of the Gaussians.
        widths: [k] their standard deviations.
        shares: [c, k] how each class weighs them; rows sum to 1. Classes are equally frequent.
    """

    def __init__(self, means: Tensor, widths: Tensor, shares: Tensor) -> None:
        self.means, self.widths, self.shares = means.double(), widths.double(), shares.double()
        self.classes, self.dimensions = shares.shape[0], means.shape[1]

    def sample(self, rows: int, latents: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Data [b, n, d] float32 and class [b, n]."""
        label = torch.randint(self.classes, (rows, latents), generator=generator)
        noise = torch.randn(rows, latents, self.dimensions, generator=generator)
        drawn = torch.rand(rows, latents, 1, generator=generator)
        which = (drawn > self.shares.cumsum(1)[label]).sum(2).clamp(max=len(self.means) - 1)
        return (self.means[which] + self.widths[which][..., None] * noise).float(), label

    def parts(self, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """Every Gaussian's velocity [b, k, d] and its log likelihood [b, k] at x [b, d] (docs/paper.md)."""
        variance = t**2 + (1 - t) ** 2 * self.widths**2
        away = x[:, None] - (1 - t) * self.means
        likelihood = -0.5 * (away.square().sum(2) / variance + self.dimensions * variance.log())
        slope = (t - (1 - t) * self.widths**2) / variance
        return slope[:, None] * away - self.means, likelihood

    def guided(self, x: Tensor, t: float, label: Tensor, scale: float) -> Tensor:
        """Guidance w: w v_c + (1 - w) v."""
        each, likelihood = self.parts(x, t)

        def velocity(shares: Tensor) -> Tensor:
            weights = torch.softmax(likelihood + shares.log(), 1)
            return (weights[..., None] * each).sum(1)

        wanted = velocity(self.shares[label])
        return wanted if scale == 1 else scale * wanted + (1 - scale) * velocity(self.shares.mean(0))

    def flow(
        self, noise: Tensor, label: Tensor, steps: int = 400, scale: float = SCALE, until: float = UNTIL
    ) -> Tensor:
        """End points [b, 1, d] of the guided flow from t = 1 to 0, by fourth-order Runge-Kutta.

        Guidance acts on t <= until only.
        """
        x, label = noise[:, 0].double(), label[:, 0]
        for start, end, w in ((1.0, until, 1.0), (until, 0.0, scale)):
            h = (end - start) / steps
            for number in range(steps if h else 0):
                t = start + number * h
                k1 = self.guided(x, t, label, w)
                k2 = self.guided(x + h / 2 * k1, t + h / 2, label, w)
                k3 = self.guided(x + h / 2 * k2, t + h / 2, label, w)
                k4 = self.guided(x + h * k3, t + h, label, w)
                x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return x[:, None]


def circle() -> World:
    """Four classes of one Gaussian each, of width 0.3, on a circle of radius 2."""
    angle = torch.arange(4, dtype=torch.float64) * (math.pi / 2)
    return World(2 * torch.stack([angle.cos(), angle.sin()], 1), torch.full((4,), 0.3), torch.eye(4))


def modes() -> World:
    """Two classes that weigh three Gaussians of unequal width differently, in the plane."""
    means = torch.tensor([[-2.0, 0.3], [0.6, 1.7], [1.8, -1.2]])
    shares = torch.tensor([[0.6, 0.3, 0.1], [0.15, 0.25, 0.6]])
    return World(means, torch.tensor([0.25, 0.5, 0.15]), shares)


def modes8() -> World:
    """Three classes that weigh six Gaussians of unequal width differently, in eight dimensions."""
    draws = torch.Generator().manual_seed(8)
    means = torch.randn(6, 8, generator=draws)
    shares = torch.rand(3, 6, generator=draws) ** 2
    return World(means, torch.linspace(0.15, 0.6, 6), shares / shares.sum(1, keepdim=True))


WORLDS: dict[str, Callable[[], World]] = {"circle": circle, "modes": modes, "modes8": modes8}


class TwoTimeMLP(nn.Module):
    """Three hidden layers: (x, t, t - s, class or nothing, guidance) => mean velocity."""

    def __init__(self, hidden: int = 256, dimensions: int = 2, classes: int = 4) -> None:
        super().__init__()
        width = dimensions + 2 * 7 + classes + 1 + 1
        sizes = (width, hidden, hidden, hidden)
        layers = [nn.Sequential(nn.Linear(i, o), nn.SiLU()) for i, o in zip(sizes, sizes[1:], strict=False)]
        self.classes = classes
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, dimensions))

    def forward(
        self, x: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        """[b, n, d]; each point by itself."""
        waves = [f for time in (t, t - s) for f in (time, *_waves(time))]
        scale = torch.zeros_like(t) if guidance is None else guidance.log()
        known = conditions.has_text.to(x.dtype)
        row = torch.stack([*waves, 1 - known, scale], 1)[:, None].expand(-1, x.shape[1], -1)
        return self.layers(torch.cat([x, row, conditions.text * known[:, None, None]], 2))

    def conditions(self, label: Tensor) -> Conditions:
        """The classes [b, n] as text tokens; no pictures."""
        batch, none = len(label), torch.zeros(len(label), 1, 1)
        text = nn.functional.one_hot(label, self.classes).float()
        absent = torch.zeros(batch, dtype=torch.bool)
        return Conditions.of(semantic=none, sync=none, text=text, has_video=absent)


def _waves(time: Tensor) -> list[Tensor]:
    return [wave(time * scale) for scale in (1.0, 3.0, 9.0) for wave in (torch.cos, torch.sin)]


def make_truth(
    world: World, rows: int = 1024, scale: float = SCALE, until: float = UNTIL
) -> tuple[Tensor, Tensor, Tensor]:
    """Noise, class and true end points; the integration is checked against half the steps.

    Raises:
        SystemExit: if the flow is not known to 1e-6.
    """
    generator = torch.Generator().manual_seed(2026)
    noise = torch.randn(rows, 1, world.dimensions, generator=generator)
    label = torch.randint(world.classes, (rows, 1), generator=generator)
    steps, error = 200, math.inf
    ends = world.flow(noise, label, steps, scale, until)
    while error > 1e-6:
        if steps > 12_800:
            raise SystemExit(f"the true flow is only known to {error:.1e}")
        before, steps = ends, 2 * steps
        ends = world.flow(noise, label, steps, scale, until)
        error = float((ends - before).abs().max()) / 15  # Richardson: what the finer of the two is off by
    return noise, label, ends.float()
