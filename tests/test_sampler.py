"""Samplers on fields whose flow is known, and the count of calls."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from small_networks import loud, small_conditions, small_config
from torch import Tensor

from soundvcm.errors import OptionError
from soundvcm.sampler import (
    CALLS_PER_STEP,
    check_times,
    guided,
    integrate,
    network_passes,
    sample_mean,
    uniform_times,
)

MU, S = 0.7, 0.4


def sigma(t: Tensor) -> Tensor:
    return (t**2 + (1 - t) ** 2 * S**2).sqrt()


def wide(t: Tensor) -> Tensor:
    return t.view(-1, 1, 1)


def flow(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """x_s of a Gaussian data law N(MU, S^2) (design, "what can be checked against truth")."""
    t, s = wide(t), wide(s)
    return (1 - s) * MU + sigma(s) / sigma(t) * (x - (1 - t) * MU)


def mean_velocity(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
    return (flow(x, t, s) - x) / (wide(s) - wide(t))


def velocity(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
    assert torch.equal(t, s), "the instantaneous velocity is asked with s = t"
    t = wide(t)
    return (t - (1 - t) * S**2) / sigma(t) ** 2 * (x - (1 - t) * MU) - MU


def noise(batch: int = 3) -> Tensor:
    return torch.randn(batch, 5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Counted:
    """A field that counts its calls and rows."""

    def __init__(self, field: object) -> None:
        self.field, self.calls, self.rows = field, 0, 0

    def __call__(self, x: Tensor, *rest: object) -> Tensor:
        self.calls += 1
        self.rows += x.shape[0]
        assert callable(self.field)
        out: Tensor = self.field(x, *rest)
        return out


def truth() -> Tensor:
    x = noise()
    return flow(x, torch.ones(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize("times", [[1, 0], uniform_times(4), [1.0, 0.9, 0.2, 0.1, 0.0]])
def test_the_exact_mean_velocity_arrives_exactly_on_every_grid(times: list[float]) -> None:
    u = Counted(mean_velocity)
    torch.testing.assert_close(sample_mean(u, noise(), times), truth())
    assert u.calls == len(times) - 1


@pytest.mark.parametrize("method", sorted(CALLS_PER_STEP))
def test_n_steps_are_n_times_the_methods_calls(method: str) -> None:
    for steps in (1, 4, 25):
        v = Counted(velocity)
        integrate(v, noise(), uniform_times(steps), method)
        assert v.calls == steps * CALLS_PER_STEP[method] == network_passes(steps, method)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2), ("midpoint", 2)])
def test_orders_of_the_methods(method: str, order: int) -> None:
    errors = [
        float((integrate(velocity, noise(), uniform_times(steps), method) - truth()).abs().max())
        for steps in (64, 128)
    ]
    assert errors[1] < errors[0] < 0.05
    assert errors[0] / errors[1] > 0.9 * 2**order


def test_a_grid_may_stop_early_and_resume() -> None:
    middle = sample_mean(mean_velocity, noise(), [1, 0.5])
    torch.testing.assert_close(sample_mean(mean_velocity, middle, [0.5, 0]), truth())


def test_the_noise_is_left_alone_and_times_are_wide_enough() -> None:
    seen: list[Tensor] = []

    def field(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        seen.extend([t, s])
        return torch.zeros_like(x)

    start = noise().bfloat16()
    before = start.clone()
    assert sample_mean(field, start, uniform_times(25)).dtype == torch.bfloat16
    assert torch.equal(start, before)
    assert seen[0].shape == (3,) and seen[0].dtype == torch.float32
    assert float(seen[2][0]) == pytest.approx(0.96, abs=1e-7)
    integrate(field, noise(), [1, 0])
    assert seen[-1].dtype == torch.float64


def test_uniform_times_end_exactly() -> None:
    assert uniform_times(1) == [1.0, 0.0]
    assert uniform_times(4) == [1.0, 0.75, 0.5, 0.25, 0.0]
    with pytest.raises(OptionError, match="at least 1"):
        uniform_times(0)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([1.0], "at least two"),
        ([0.0, 1.0], "fall from noise to data"),
        ([1.0, 0.5, 0.5, 0.0], "0.5 comes after 0.5"),
        ([1.5, 0.0], "between 0"),
        ([1.0, float("nan")], "between 0"),
        ([1.0, -0.1], "between 0"),
    ],
)
def test_bad_grids_are_refused(times: list[float], words: str) -> None:
    for run in (
        lambda: sample_mean(mean_velocity, noise(), times),
        lambda: integrate(velocity, noise(), times),
    ):
        with pytest.raises(OptionError, match=words):
            run()


def test_grids_may_be_tensors() -> None:
    assert check_times(torch.tensor([1.0, 0.25, 0.0])) == [1.0, 0.25, 0.0]


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(OptionError, match="euler, heun, midpoint"):
        integrate(velocity, noise(), [1, 0], "dopri5")


@dataclass(frozen=True)
class Shift:
    """Conditions of a field that adds them."""

    value: Tensor

    @staticmethod
    def cat(parts: list[Shift]) -> Shift:
        return Shift(torch.cat([part.value for part in parts]))


def shifted(x: Tensor, t: Tensor, s: Tensor, conditions: Shift) -> Tensor:
    return x * wide(t) + wide(s) + wide(conditions.value)


def test_guidance_mixes_both_in_one_call() -> None:
    x = noise()
    t, s = torch.full((3,), 0.5, dtype=torch.float64), torch.full((3,), 0.25, dtype=torch.float64)
    want, other = Shift(torch.tensor([1.0, 2, 3])), Shift(torch.tensor([0.0, 1, -1]))
    v = Counted(shifted)
    field = guided(v, want, other, 4.5)
    expected = 4.5 * shifted(x, t, s, want) - 3.5 * shifted(x, t, s, other)
    torch.testing.assert_close(field(x, t, s), expected)
    assert (v.calls, v.rows, field.passes) == (1, 6, 2)
    assert network_passes(25, "euler", 4.5) == 50 and network_passes(4) == 4


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0])
def test_no_guidance_is_one_pass_and_the_same_bits(scale: float) -> None:
    x, t = noise(), torch.full((3,), 0.5, dtype=torch.float64)
    want, other = Shift(torch.tensor([1.0, 2, 3])), Shift(torch.zeros(3))
    v = Counted(shifted)
    field = guided(v, want, other, scale)
    assert torch.equal(field(x, t, t), shifted(x, t, t, want))
    assert (v.calls, v.rows, field.passes) == (1, 3, 1)


@pytest.mark.parametrize("scale", [-1.0, float("nan"), float("inf")])
def test_bad_scales_are_refused(scale: float) -> None:
    with pytest.raises(OptionError, match="guidance scale"):
        guided(shifted, Shift(torch.zeros(3)), Shift(torch.zeros(3)), scale)


def test_guidance_of_a_network_takes_plain_and_encoded_conditions() -> None:
    config = small_config()
    network, given = loud(config), small_conditions(config)
    start = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))
    plain = guided(network, given, given.empty(), 2.0)
    encoded = guided(network, network.encode(given, 6), network.encode(given.empty(), 6), 2.0)
    calls: list[int] = []
    network.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        one, other = (sample_mean(field, start, uniform_times(3)) for field in (plain, encoded))
    torch.testing.assert_close(one, other)
    assert len(calls) == 6
