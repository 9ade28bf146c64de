"""A flow whose guided maps are known to 1e-6: four Gaussian classes of width 0.3 on a circle of radius 2.

The mixture, its exact guided velocity and flow, and a small MLP u(x, t, s, class, guidance) to train on it.
Used by `known_flow.py` and by tests; knows nothing of objectives.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from soundvcm.records import Conditions

CLASSES, RADIUS, WIDTH, SCALE, UNTIL = 4, 2.0, 0.3, 2.0, 0.8


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

    def guided(self, x: Tensor, t: float, label: Tensor, scale: float) -> Tensor:
        """Guidance w: w v_c + (1 - w) v."""
        each, weights = self.velocities(x, t)
        wanted = each[torch.arange(len(x)), label]
        return scale * wanted + (1 - scale) * (weights[..., None] * each).sum(1)

    def flow(self, noise: Tensor, label: Tensor, steps: int = 400, scale: float = SCALE) -> Tensor:
        """End points [b, 1, 2] of the guided flow from t = 1 to 0, by fourth-order Runge-Kutta.

        Guidance acts on t <= 0.8 only.
        """
        x, label = noise[:, 0].double(), label[:, 0]
        for start, end, w in ((1.0, UNTIL, 1.0), (UNTIL, 0.0, scale)):
            h = (end - start) / steps
            for number in range(steps):
                t = start + number * h
                k1 = self.guided(x, t, label, w)
                k2 = self.guided(x + h / 2 * k1, t + h / 2, label, w)
                k3 = self.guided(x + h / 2 * k2, t + h / 2, label, w)
                k4 = self.guided(x + h * k3, t + h, label, w)
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


def make_truth(world: World, rows: int = 2048, scale: float = SCALE) -> tuple[Tensor, Tensor, Tensor]:
    """Noise, class and true end points; the integration is checked against half the steps."""
    generator = torch.Generator().manual_seed(2026)
    noise = torch.randn(rows, 1, 2, generator=generator)
    label = torch.randint(CLASSES, (rows, 1), generator=generator)
    ends = world.flow(noise, label, scale=scale)
    error = float((ends - world.flow(noise, label, steps=200, scale=scale)).abs().max())
    if error > 1e-6:
        raise SystemExit(f"the true flow is only known to {error:.1e}: raise its steps")
    return noise, label, ends.float()
