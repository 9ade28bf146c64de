"""A new objective in one file: flow matching with a Huber loss, in which large errors count linearly.

    python examples/new_objective.py

An objective is a function of a network, itself only a function, and a batch. This one is trained on two
points in the plane beside the package's own mean square: both get there, which is all that is claimed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from soundvcm.objectives import FlowMatchingConfig, LossTerms, Objective, Velocity, build
from soundvcm.records import Conditions
from soundvcm.sampler import integrate, uniform_times


class HuberFlow:
    """The velocity noise - data at a uniform time t; errors beyond `knee` count linearly."""

    def __init__(self, knee: float = 0.5) -> None:
        self.knee = knee

    def __call__(
        self,
        u: Velocity,
        frozen: Velocity,
        data: Tensor,
        conditions: Conditions,
        *,
        noise: Tensor | None = None,
        progress: float,
        generator: torch.Generator,
    ) -> LossTerms:
        """One call of u on the whole batch; all draws from the generator, so that resuming is exact."""
        draw = torch.randn(data.shape, generator=generator) if noise is None else noise
        t = torch.rand(len(data), generator=generator)
        noisy = data + t[:, None, None] * (draw - data)
        error = u(noisy, t, t, conditions) - (draw - data)
        size = error.abs()
        cost = torch.where(size < self.knee, error**2, self.knee * (2 * size - self.knee))
        loss = cost.mean(dim=(1, 2))
        nothing_skipped = torch.zeros(len(data), dtype=torch.bool)
        rows = {"loss": loss, "mse": (error**2).mean(dim=(1, 2)).detach(), "t": t, "s": t}
        return LossTerms(loss.mean(), {**rows, "consistency": nothing_skipped})


class Plane(nn.Module):
    """v(x, t) on points of the plane."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2)
        )

    def forward(self, x: Tensor, t: Tensor, s: Tensor, conditions: Conditions | None = None) -> Tensor:
        """Velocity [b, 1, 2]."""
        return self.layers(torch.cat([x[:, 0], t[:, None]], 1))[:, None]


def points(count: int, generator: torch.Generator) -> Tensor:
    """[b, 1, 2]: (1, 0) or (-1, 0)."""
    side = torch.randint(2, (count,), generator=generator) * 2.0 - 1
    return torch.stack([side, torch.zeros(count)], 1)[:, None]


def trained(objective: Objective, steps: int) -> Plane:
    """A network trained with any objective: the loop needs to know nothing of it."""
    torch.manual_seed(0)
    generator, network = torch.Generator().manual_seed(0), Plane()
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    none = torch.zeros(256, 1, 1)
    nothing = Conditions.of(semantic=none, sync=none, text=none).empty()
    for step in range(steps):
        data = points(256, generator)
        terms = objective(network, network, data, nothing, progress=step / steps, generator=generator)
        optimizer.zero_grad()
        terms.loss.backward()
        optimizer.step()
    return network


def main(steps: int = 400) -> dict[str, float]:
    """Train both; how far their median sample lies from the nearer of the two points."""
    truth, found = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), {}
    noise = torch.randn(1000, 1, 2, generator=torch.Generator().manual_seed(1))
    for name, objective in (("huber", HuberFlow()), ("mean square", build(FlowMatchingConfig()))):
        network = trained(objective, steps)
        with torch.no_grad():
            drawn = integrate(network, noise, uniform_times(20))[:, 0]
        found[name] = float(torch.cdist(drawn, truth).amin(1).median())
    print({name: round(value, 3) for name, value in found.items()})
    return found


if __name__ == "__main__":
    main()
