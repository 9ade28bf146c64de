"""The preconditioned network starts as the exact flow of Gaussian latents; the rest is its departure from it."""

from __future__ import annotations

import pytest
import torch
from small_networks import loud, small_conditions, small_config

from soundvcm.errors import ConfigError
from soundvcm.network import VelocityNetwork
from soundvcm.network.precondition import scales, slope, variance
from soundvcm.sampler import sample_mean, uniform_times

STD = torch.tensor([1.0, 0.5, 0.1, 0.02], dtype=torch.float64).view(1, 1, 4)


def fresh() -> VelocityNetwork:
    network = VelocityNetwork(small_config(precondition=True)).double().eval()
    network.data_std.copy_(STD)
    return network


def test_slope_is_the_integral_of_the_velocity() -> None:
    """x_s = x_t - (t - s) u equals the Gaussian flow integrated in 2,000 midpoint steps."""
    t, s = (torch.tensor([v], dtype=torch.float64) for v in (0.9, 0.2))
    x, steps = torch.ones(1, 1, 4, dtype=torch.float64), 2000
    for k in range(steps):
        now = t - (t - s) * (k + 0.5) / steps
        # dx/dt = E[noise - data | x_t] = (t - (1 - t) std^2) / g(t) x, a classic of Gaussian flows
        rate = (now - (1 - now) * STD.square()) / variance(now, STD)
        x = x * torch.exp(-rate * (t - s) / steps)
    assert torch.allclose(x, 1 - (t - s) * slope(t, s, STD), rtol=2e-6)
    assert torch.allclose(x.square() * variance(t, STD), variance(s, STD), rtol=4e-6)


def test_at_equal_times_it_is_the_velocity() -> None:
    t = torch.tensor([0.3], dtype=torch.float64)
    right = (0.3 - 0.7 * STD.square()) / variance(t, STD)
    assert torch.allclose(slope(t, t, STD), right, rtol=1e-12)
    near = slope(t, t - 1e-7, STD)
    assert torch.allclose(near, right, rtol=1e-5)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_fresh_network_makes_gaussian_latents_in_any_number_of_steps(steps: int) -> None:
    network = fresh()
    noise = torch.randn(2, 8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        field = network.given(small_conditions(network.config).to(torch.device("cpu")), 8)
        made = sample_mean(field, noise, uniform_times(steps))
    assert torch.allclose(made, noise * STD, atol=1e-12)


def test_both_sides_of_the_network_have_unit_variance() -> None:
    t = torch.linspace(0.01, 1, 20).double()
    shrink, grow = scales(t, STD)
    assert torch.allclose(shrink.square() * variance(t, STD), torch.ones(20, 1, 4, dtype=torch.float64))
    # Var[noise - data | x_t] for jointly Gaussian noise and data
    covariance = t.view(-1, 1, 1) - (1 - t.view(-1, 1, 1)) * STD.square()
    rest = 1 + STD.square() - covariance.square() / variance(t, STD)
    assert torch.allclose(grow.square(), rest, rtol=1e-9)


def test_the_network_adds_its_scaled_departure() -> None:
    network = loud(small_config(precondition=True))
    network.data_std.copy_(STD.float())
    plain = VelocityNetwork(small_config()).eval()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if k != "data_std"})
    conditions = small_conditions(network.config)
    noisy = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(1))
    t, s = torch.tensor([0.8, 1.0]), torch.tensor([0.1, 1.0])
    shrink, grow = scales(t, STD.float())
    with torch.no_grad():
        right = grow * plain(noisy * shrink, t, s, conditions) + slope(t, s, STD.float()) * noisy
        assert torch.allclose(network(noisy, t, s, conditions), right, atol=1e-5)


def test_paper_networks_hold_no_such_state() -> None:
    assert "data_std" not in VelocityNetwork(small_config()).state_dict()
    with pytest.raises(ConfigError, match="precondition"):
        small_config(precondition=True, mirrored=True)
