"""The preconditioned network starts as the exact flow of a Gaussian process and learns its departure."""

from __future__ import annotations

import pytest
import torch
from small_networks import loud, small_conditions, small_config
from torch import Tensor

from soundvcm.errors import ConfigError
from soundvcm.network import VelocityNetwork
from soundvcm.network.precondition import (
    arrive,
    bands,
    follow,
    scales,
    slope,
    spectrum,
    spread,
)
from soundvcm.sampler import sample_mean, uniform_times

STD = torch.tensor([1.0, 0.5, 0.1, 0.02], dtype=torch.float64).view(1, 1, 4)
POWER = STD.square()
LAGS = 6


def covariance(lags: int = LAGS) -> Tensor:
    """[1 k c]: a tenth stays for ever, the rest decays by .7 a latent; variances POWER."""
    decay = 0.1 + 0.9 * 0.7 ** torch.arange(lags + 1, dtype=torch.float64)
    return POWER * decay.view(1, -1, 1)


def fresh(lags: int = LAGS, **options: bool) -> VelocityNetwork:
    network = (
        VelocityNetwork(small_config(precondition=True, covariance_lags=lags, **options)).double().eval()
    )
    network.data_covariance.copy_(covariance(lags))
    return network


def arrive_whole(x: Tensor, t: Tensor, power: Tensor) -> Tensor:
    """All frequencies as one band."""
    split, _ = arrive(x, t, power, bands(x.shape[1], ()))
    return split[:, :, 0]


def some_noise(n: int = 8, rows: int = 2) -> Tensor:
    return torch.randn(rows, n, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_slope_is_the_integral_of_the_velocity() -> None:
    """x_s = x_t - (t - s) u equals the Gaussian flow integrated in 2,000 midpoint steps."""
    t, s = (torch.tensor([v], dtype=torch.float64) for v in (0.9, 0.2))
    x, steps = torch.ones(1, 1, 4, dtype=torch.float64), 2000
    for k in range(steps):
        now = t - (t - s) * (k + 0.5) / steps
        # dx/dt = E[noise - data | x_t] = (t - (1 - t) S) / g(t) x, the usual result for Gaussian flows
        rate = (now - (1 - now) * POWER) / spread(now, POWER)
        x = x * torch.exp(-rate * (t - s) / steps)
    assert torch.allclose(x, 1 - (t - s) * slope(t, s, POWER), rtol=2e-6)
    assert torch.allclose(x.square() * spread(t, POWER), spread(s, POWER), rtol=4e-6)


def test_at_equal_times_it_is_the_velocity() -> None:
    t = torch.tensor([0.3], dtype=torch.float64)
    right = (0.3 - 0.7 * POWER) / spread(t, POWER)
    assert torch.allclose(slope(t, t, POWER), right, rtol=1e-12)
    assert torch.allclose(slope(t, t - 1e-7, POWER), right, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 40])
def test_spectrum_has_the_variance_and_the_autocovariance(n: int) -> None:
    """Its mean over all frequencies is the variance; its inverse transform the autocovariance on a circle."""
    power = spectrum(covariance(), n)
    assert power.shape == (1, n // 2 + 1, 4) and bool((power > 0).all())
    around = torch.fft.irfft(power.to(torch.complex128), n=n, dim=1)
    assert torch.allclose(around[:, 0], POWER[:, 0], rtol=1e-12)
    if n == 40:
        assert torch.allclose(around[:, :LAGS], covariance()[:, :LAGS], atol=2e-3)
        assert torch.allclose(around[:, 15], covariance()[:, LAGS], atol=2e-3)


def test_without_lags_every_frequency_has_the_variance() -> None:
    assert torch.allclose(spectrum(POWER, 9), POWER.expand(1, 5, 4), rtol=1e-9)
    x = some_noise(9)
    t, s = torch.tensor([0.8, 0.9]).double(), torch.tensor([0.1, 0.9]).double()
    assert torch.allclose(follow(x, t, s, spectrum(POWER, 9)), slope(t, s, POWER) * x, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_fresh_network_makes_gaussian_latents_in_any_number_of_steps(steps: int) -> None:
    network = fresh(0)
    noise = some_noise()
    with torch.no_grad():
        made = sample_mean(network.given(small_conditions(network.config), 8), noise, uniform_times(steps))
    assert torch.allclose(made, noise * STD, atol=1e-9)


def test_a_fresh_network_makes_latents_of_the_data_s_autocovariance() -> None:
    network, n = fresh(), 64
    noise = some_noise(n, rows=600)
    with torch.no_grad():
        field = network.given(small_conditions(network.config, batch=600), n)
        made = sample_mean(field, noise, uniform_times(1))
    for lag in (0, 1, 3):
        found = (made * made.roll(lag, dims=1)).mean(dim=(0, 1))
        assert torch.allclose(found, covariance()[0, lag], rtol=0.08), lag


def test_both_sides_of_the_network_have_unit_variance() -> None:
    t = torch.linspace(0.01, 1, 20).double()
    power = spectrum(covariance(), 8)
    shrink, grow = scales(t, power, 8)
    every = torch.fft.fft(torch.fft.irfft(power.to(torch.complex128), n=8, dim=1), dim=1).real
    time = t.view(-1, 1, 1)
    seen = time.square() + (1 - time).square() * every
    assert torch.allclose(shrink.square() * seen.mean(dim=1, keepdim=True), torch.ones(20, 1, 4).double())
    # Var[noise - data | x_t] of jointly Gaussian noise and data, at each frequency
    rest = 1 + every - (time - (1 - time) * every).square() / seen
    assert torch.allclose(grow.square(), rest.mean(dim=1, keepdim=True), rtol=1e-9)


def test_the_network_adds_its_scaled_departure() -> None:
    network = loud(small_config(precondition=True, covariance_lags=LAGS))
    network.data_covariance.copy_(covariance())
    plain = VelocityNetwork(small_config()).eval()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if k != "data_covariance"})
    conditions = small_conditions(network.config)
    noisy = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(1))
    t, s = torch.tensor([0.8, 1.0]), torch.tensor([0.1, 1.0])
    power = spectrum(covariance().float(), 8)
    shrink, grow = scales(t, power, 8)
    with torch.no_grad():
        right = grow * plain(noisy * shrink, t, s, conditions) + follow(noisy, t, s, power)
        assert torch.allclose(network(noisy, t, s, conditions), right, atol=1e-5)


@pytest.mark.parametrize("lags", [0, LAGS])
def test_the_flow_s_own_latents_are_where_it_ends(lags: int) -> None:
    x, power = some_noise(9), spectrum(covariance(lags), 9)
    t = torch.tensor([1.0, 0.4]).double()
    end = x - t.view(-1, 1, 1) * follow(x, t, torch.zeros_like(t), power)
    assert torch.allclose(arrive_whole(x, t, power), end, atol=1e-12)


@pytest.mark.parametrize("patch", [1, 2])
def test_a_gate_scales_the_flow_s_own_latents(patch: int) -> None:
    """A fresh gate is silent; one at g in a channel leaves 1 - g of its colour there."""
    network, n = fresh(colour_gate=True), 9
    if patch == 2:
        network = VelocityNetwork(network.config.change({"patch": 2})).double().eval()
        network.data_covariance.copy_(covariance())
    noise, power = some_noise(n), spectrum(covariance(), n)
    field = network.given(small_conditions(network.config), n)
    one = torch.ones(2).double()
    with torch.no_grad():
        assert torch.allclose(field(noise, one, 0 * one), follow(noise, one, 0 * one, power), atol=1e-12)
        gates = torch.tensor([1.0, 0.25, 0.0, -0.5]).double()
        assert network.final.conv.bias is not None
        network.final.conv.bias.copy_(torch.cat([torch.zeros(4).double(), gates]).repeat(patch))
        made = sample_mean(field, noise, [1.0, 0.0])
    assert torch.allclose(made, arrive_whole(noise, one, power) * (1 - gates), atol=1e-12)


def test_a_gated_network_sees_the_flow_s_own_latents_at_unit_size() -> None:
    """The second half of what the first layer is shown."""
    network = fresh(colour_gate=True)
    shown: list[Tensor] = []
    network.latent_in.register_forward_pre_hook(lambda module, given: shown.append(given[0]))
    noise, t = some_noise(12, rows=400), torch.linspace(0.01, 1, 400).double()
    with torch.no_grad():
        network(noise, t, 0 * t, small_conditions(network.config, batch=400))
    power = spectrum(covariance(), 12)
    assert torch.allclose(shown[0][..., 4:], arrive_whole(noise, t, power) / STD, atol=1e-12)


@pytest.mark.parametrize("n", [9, 12, 250])
def test_bands_share_every_frequency(n: int) -> None:
    shares = bands(n, (0.05, 0.2))
    assert shares.shape == (3, n // 2 + 1) and float(shares.min()) >= 0
    assert torch.allclose(shares.sum(dim=0), torch.ones(n // 2 + 1).double())
    assert shares[0, 0] == 1 and shares[2, -1] == 1, "what stands still is slow, the fastest is fast"
    at_edge = bands(20, (0.05,))[:, 1]
    assert torch.allclose(at_edge, torch.tensor([0.5, 0.5]).double())
    assert torch.equal(bands(n, ()), torch.ones(1, n // 2 + 1).double())


@pytest.mark.parametrize("n", [9, 12])
def test_bands_of_the_flow_s_own_latents_add_up_to_them(n: int) -> None:
    noise, power = some_noise(n, rows=4000), spectrum(covariance(), n)
    t = torch.linspace(0.01, 1, 4000).double()
    split, size = arrive(noise, t, power, bands(n, (0.05, 0.2)))
    assert torch.allclose(split.sum(dim=2), arrive_whole(noise, t, power), atol=1e-12)
    drawn, deviation = arrive(noise, torch.ones(4000).double(), power, bands(n, (0.05, 0.2)))
    assert torch.allclose(drawn.square().mean(dim=(0, 1)).sqrt(), deviation[0, 0], rtol=0.05)
    assert torch.equal(size, deviation)


def test_a_gate_of_one_band_leaves_the_others() -> None:
    """Silencing the slow band takes a clip's constant away and leaves what flickers."""
    network, n = fresh(colour_gate=True, colour_edges=(0.2,)), 10
    noise, power = some_noise(n), spectrum(covariance(), n)
    one, gates = torch.ones(2).double(), torch.cat([torch.zeros(4), torch.ones(4), torch.zeros(4)]).double()
    with torch.no_grad():
        assert network.final.conv.bias is not None
        network.final.conv.bias.copy_(gates)
        made = sample_mean(network.given(small_conditions(network.config), n), noise, [1.0, 0.0])
    split, _ = arrive(noise, one, power, bands(n, (0.2,)))
    assert torch.allclose(made, split[:, :, 1], atol=1e-12)
    assert float(made.mean(dim=1).abs().max()) < 1e-12


def test_bands_need_a_gate_and_rising_edges() -> None:
    with pytest.raises(ConfigError, match="set colour_gate"):
        small_config(precondition=True, colour_edges=(0.1,))
    for edges in ((0.2, 0.1), (0.1, 0.1), (0.0,), (0.5,)):
        with pytest.raises(ConfigError, match="colour_edges rise"):
            small_config(precondition=True, colour_gate=True, colour_edges=edges)


def test_a_gate_needs_a_flow() -> None:
    with pytest.raises(ConfigError, match="colour_gate"):
        small_config(colour_gate=True)


def test_paper_networks_hold_no_such_state() -> None:
    assert "data_covariance" not in VelocityNetwork(small_config()).state_dict()
    with pytest.raises(ConfigError, match="precondition"):
        small_config(precondition=True, mirrored=True)
