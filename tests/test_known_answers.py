"""Known answers: every objective trains a small network to a Gaussian's closed-form average velocity."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from soundvcm.objectives import build, config_of
from soundvcm.records import Conditions
from soundvcm.sampler import integrate, sample_mean, uniform_times

MEAN, STD = 0.8, 0.5


def sigma(t: Tensor) -> Tensor:
    return (t**2 + ((1 - t) * STD) ** 2).sqrt()


def exact(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """The average velocity of N(MEAN, STD^2 I) from t down to s < t, the velocity at s = t; x [b, 1, c]."""
    t, s = t[:, None, None], s[:, None, None]
    away = x - (1 - t) * MEAN
    moved = (1 - s) * MEAN + sigma(s) / sigma(t) * away
    instant = (t - (1 - t) * STD**2) / sigma(t) ** 2 * away - MEAN
    return torch.where(t == s, instant, (moved - x) / torch.where(t == s, 1.0, s - t))


class Small(nn.Module):
    """(x, t, t - s) => velocity: gain and shift from an MLP of the times, enough for an affine flow map."""

    def __init__(self) -> None:
        super().__init__()
        self.times = nn.Sequential(
            nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
        )
        with torch.no_grad():  # as in our network, the second time starts silent: u(x, t, s) = u(x, t, t)
            self.times[0].weight[:, 1] = 0

    def forward(self, x: Tensor, t: Tensor, s: Tensor, conditions: Conditions | None = None) -> Tensor:
        gain, shift = self.times(torch.stack([t, t - s], 1)).unbind(1)
        return gain[:, None, None] * x + shift[:, None, None]


def trained(
    settings: dict[str, object], steps: int = 500, batch: int = 512, channels: int = 8, rate: float = 1e-2
) -> Small:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network, objective = Small(), build(config_of(settings))
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    none = torch.zeros(batch, 1, 1)
    nothing = Conditions.of(semantic=none, sync=none, text=none).empty()
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        data = MEAN + STD * torch.randn(batch, 1, channels, generator=generator)
        optimizer.zero_grad()
        terms = objective(network, network, data, nothing, progress=step / steps, generator=generator)
        terms.loss.backward()
        optimizer.step()
    return network


def error(network: Small) -> float:
    """Relative error of u over times spread as in use, (1, 0) included."""
    draw = torch.Generator().manual_seed(9)
    times = torch.rand(2, 2000, generator=draw)
    t, s = times.amax(0), times.amin(0)
    t[:300], s[:300] = 1.0, 0.0
    data = MEAN + STD * torch.randn(2000, 1, 8, generator=draw)
    noisy = (1 - t)[:, None, None] * data + t[:, None, None] * torch.randn(2000, 1, 8, generator=draw)
    truth = exact(noisy, t, s)
    with torch.no_grad():
        return float((network(noisy, t, s) - truth).norm() / truth.norm())


PINNED = {"ratio": 0.5, "endpoint_share": 0.25}


CURRICULUM = {**PINNED, "lambda_start": 1.0}
slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"kind": "vcm", **CURRICULUM}, 0.12),
        ({"kind": "meanflow", **PINNED}, 0.12),
        pytest.param({"kind": "vcm", **PINNED}, 0.2, marks=slow),
        pytest.param({"kind": "vcm", **PINNED, "look_ahead": "own", "mix": 1.0}, 0.2, marks=slow),
        pytest.param({"kind": "vcm", **CURRICULUM, "lambda_end": 0.02, "power": 0.5}, 0.08, marks=slow),
        pytest.param({"kind": "meanflow", **PINNED, "derivative": "central"}, 0.12, marks=slow),
        pytest.param({"kind": "alpha_flow", **PINNED}, 0.08, marks=slow),
        pytest.param({"kind": "split_meanflow", **PINNED, "warm_start": 0.4}, 0.12, marks=slow),
    ],
    ids=lambda value: " ".join(str(part) for part in value.values()) if isinstance(value, dict) else "",
)
def test_the_objective_finds_the_average_velocity_in_closed_form(
    settings: dict[str, object], wrong: float
) -> None:
    network = trained(settings)
    assert error(network) < wrong
    noise = torch.randn(2000, 1, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        drawn = sample_mean(network, noise, uniform_times(1))
    assert float((drawn - (MEAN + STD * noise)).square().mean().sqrt()) < wrong


def test_flow_matching_finds_the_velocity_and_integrating_it_the_data() -> None:
    network = trained({"kind": "flow_matching"})
    noise = torch.randn(500, 1, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        drawn = integrate(network, noise, uniform_times(50), method="heun")
    assert float((drawn - (MEAN + STD * noise)).square().mean().sqrt()) < 0.03


def test_an_untrained_network_does_not_pass() -> None:
    torch.manual_seed(0)
    assert error(Small()) > 0.5


def test_one_step_of_the_exact_average_is_many_steps_of_the_exact_velocity() -> None:
    noise = torch.randn(64, 1, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    once = sample_mean(exact, noise, uniform_times(1))
    assert torch.allclose(once, MEAN + STD * noise, atol=1e-12)
    assert torch.allclose(sample_mean(exact, noise, uniform_times(25)), once, atol=1e-9)
    assert torch.allclose(integrate(exact, noise, uniform_times(400), method="heun"), once, atol=1e-4)
