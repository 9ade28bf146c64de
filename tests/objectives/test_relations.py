"""Exact relations between the objectives, and on flows whose mean velocity is known."""

from __future__ import annotations

import pytest
import torch

from soundvcm.objectives import AlphaFlowConfig, VelocityConsistencyConfig, build
from soundvcm.objectives.meanflow import derivative_target, path_derivative
from soundvcm.objectives.path import jump
from soundvcm.objectives.rows import PairsConfig, draw_rows
from soundvcm.objectives.split_meanflow import split_target
from soundvcm.objectives.times import look_ahead
from soundvcm.objectives.vcm import euler_target, middle_velocity
from soundvcm.sampler import integrate, sample_mean, uniform_times


@pytest.fixture
def rows(conditions_of, draw):
    """Consistency rows only, in float64, kept well apart."""
    config = PairsConfig(ratio=0.0, null_share=0.0, gap=0.05)
    data = draw(64, 5, 3, dtype=torch.float64)
    return draw_rows(config, data, conditions_of(64, torch.float64), None, torch.Generator().manual_seed(0))


@pytest.fixture
def net(make_net):
    return make_net(dtype=torch.float64)


def target_at(frozen, rows, velocity, weight: float):
    ahead, weights = look_ahead(rows.times, weight, gap=1e-9)
    return euler_target(frozen, rows, mixed=velocity, velocity=velocity, ahead=ahead, weight=weights)[0]


def test_lambda_one_is_the_flow_matching_target(net, rows) -> None:
    assert torch.equal(target_at(net, rows, rows.velocity, 1.0), rows.velocity)


def test_lambda_half_along_u_t_l_is_the_shortcut_target(net, rows) -> None:
    middle = (rows.times.t + rows.times.s) / 2
    with torch.no_grad():
        first = net(rows.noisy, rows.t, middle, rows.conditions)
    shortcut = split_target(net, rows, rows.velocity, 0.5)
    assert torch.allclose(target_at(net, rows, first, 0.5), shortcut, atol=1e-12)


def test_the_residual_over_lambda_tends_to_meanflow(net, rows) -> None:
    """Error O(lambda): ten times smaller lambda, ten times smaller difference."""
    with torch.no_grad():
        now = net(rows.noisy, rows.t, rows.s, rows.conditions)
    meanflow = now - derivative_target(net, rows, rows.velocity)
    errors = []
    for weight in (0.1, 0.02, 0.002, 0.0002):
        ours = (now - target_at(net, rows, rows.velocity, weight)) / weight
        errors.append(float((ours - meanflow).norm() / meanflow.norm()))
    assert errors[0] < 0.2 and errors[3] < 1e-3
    for (big, small), ratio in zip(zip(errors, errors[1:], strict=False), (5, 10, 10), strict=True):
        assert big / small == pytest.approx(ratio, rel=0.25)


def test_a_central_difference_gives_the_jvp_with_error_e_squared(net, rows) -> None:
    inside = ((rows.times.t < 0.97) & (rows.times.t - rows.times.s > 0.06)).nonzero().flatten()
    exact = path_derivative(net, rows, rows.velocity, inside)
    errors = [
        float((path_derivative(net, rows, rows.velocity, inside, reach) - exact).norm() / exact.norm())
        for reach in (0.02, 0.01, 0.005)
    ]
    assert errors[2] < 1e-4
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.05)


def test_alpha_flow_has_our_target(net, conditions_of, draw) -> None:
    """At equal lambda = alpha the mean squares agree; only the weight differs, by the factor alpha."""
    data, conditions = draw(64, 5, 3, dtype=torch.float64), conditions_of(64, torch.float64)
    alpha = build(AlphaFlowConfig())(
        net, net, data, conditions, progress=0.6, generator=torch.Generator().manual_seed(1)
    )
    value = alpha.watch["alpha"]
    assert 0.01 < value < 0.5
    config = VelocityConsistencyConfig(lambda_start=value, lambda_end=value)
    ours = build(config)(net, net, data, conditions, progress=0.6, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(alpha.rows["mse"], ours.rows["mse"], rtol=1e-10)
    ratio = (alpha.rows["loss"] / ours.rows["loss"]).detach()
    assert torch.allclose(ratio[~ours.rows["consistency"]], torch.ones(48, dtype=torch.float64))
    assert float(ratio[ours.rows["consistency"]].median()) == pytest.approx(value, rel=1e-6)


def test_on_the_exact_flow_our_target_errs_by_order_lambda(gaussian, rows) -> None:
    """(target - u) / lambda, the error in units of the MeanFlow residual, is O(lambda (t - s))."""
    velocity = gaussian.velocity(rows.noisy, rows.t)
    truth = gaussian(rows.noisy, rows.t, rows.s, rows.conditions)
    weights = (0.1, 0.01, 0.001)
    errors = [
        (target_at(gaussian, rows, velocity, weight) - truth).abs().mean((1, 2)) / weight
        for weight in weights
    ]
    for big, small in zip(errors, errors[1:], strict=False):
        assert float(big.mean() / small.mean()) == pytest.approx(10, rel=0.15)
    span = rows.times.t - rows.times.s
    bounds = [float((error / (weight * span)).max()) for error, weight in zip(errors, weights, strict=True)]
    assert bounds == pytest.approx([2.22] * 3, rel=0.02)  # one constant for every lambda and every span


def test_on_the_exact_flow_the_midpoint_target_errs_by_order_lambda_squared_at_most(gaussian, rows) -> None:
    own = gaussian.velocity(rows.noisy, rows.t)
    truth = gaussian(rows.noisy, rows.t, rows.s, rows.conditions)
    errors = []
    for wanted in (0.04, 0.02, 0.01):
        ahead, weight = look_ahead(rows.times, wanted, gap=1e-9)
        middle = middle_velocity(gaussian, rows, own, ahead)
        target, _ = euler_target(gaussian, rows, mixed=middle, velocity=middle, ahead=ahead, weight=weight)
        errors.append(float((target - truth).abs().mean()) / wanted)
        assert (
            errors[-1] < 0.5 * float((target_at(gaussian, rows, own, wanted) - truth).abs().mean()) / wanted
        )
    assert errors[0] / errors[1] > 3.5 and errors[1] / errors[2] > 3.5


def test_meanflow_holds_exactly_on_the_exact_flow(gaussian, rows) -> None:
    velocity = gaussian.velocity(rows.noisy, rows.t)
    truth = gaussian(rows.noisy, rows.t, rows.s, rows.conditions)
    assert torch.allclose(derivative_target(gaussian, rows, velocity), truth, atol=1e-9)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.9])
def test_splitting_holds_exactly_on_the_exact_flow(gaussian, rows, share: float) -> None:
    truth = gaussian(rows.noisy, rows.t, rows.s, rows.conditions)
    assert torch.allclose(split_target(gaussian, rows, rows.velocity, share), truth, atol=1e-9)


def test_one_step_of_the_exact_mean_velocity_is_many_of_the_exact_velocity(
    gaussian, conditions_of, draw
) -> None:
    noise, conditions = draw(16, 5, 3, dtype=torch.float64), conditions_of(16, torch.float64)

    def u(x, t, s):
        return gaussian(x, t, s, conditions)

    once = sample_mean(u, noise, uniform_times(1))
    assert torch.allclose(once, gaussian.mean + gaussian.std * noise, atol=1e-12)
    for steps in (2, 7):
        assert torch.allclose(sample_mean(u, noise, uniform_times(steps)), once, atol=1e-9)
    errors = [float((integrate(u, noise, uniform_times(n)) - once).abs().max()) for n in (100, 200)]
    assert errors[1] < 0.02 and errors[0] / errors[1] == pytest.approx(2, rel=0.1)
    precise = integrate(u, noise, uniform_times(200), method="heun")
    assert torch.allclose(precise, once, atol=2e-4)


def test_the_velocity_is_the_mean_one_over_no_interval(gaussian, rows) -> None:
    nearly = gaussian(rows.noisy, rows.t, rows.t - 1e-6, rows.conditions)
    assert torch.allclose(nearly, gaussian.velocity(rows.noisy, rows.t), atol=1e-4)
    assert torch.allclose(jump(rows.noisy, nearly, rows.t, rows.t), rows.noisy)
