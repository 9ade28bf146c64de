"""Rounding against the consistency residual under autocast, at every lambda."""

from __future__ import annotations

import pytest
import torch

from soundvcm.objectives import VelocityConsistencyConfig, build
from soundvcm.objectives.precision import CLEAR, Rounded, precision_watch, rms, straight_through
from soundvcm.objectives.rows import PairsConfig, draw_rows

LAMBDAS = (0.1, 0.02, 0.002)


def step(net, conditions, data, weight: float, precision: str, fast: bool = True):
    config = VelocityConsistencyConfig(
        lambda_start=weight, lambda_end=weight, precision=precision, ratio=0.0, null_share=0.0, power=0.0
    )
    with torch.autocast("cpu", torch.bfloat16, enabled=fast):
        return build(config)(
            net, net, data, conditions, progress=0.5, generator=torch.Generator().manual_seed(2)
        )


@pytest.fixture
def world(make_net, conditions_of, draw):
    return make_net(hidden=64), conditions_of(64), draw(64, 5, 3)


@pytest.mark.parametrize("weight", LAMBDAS)
@pytest.mark.parametrize("precision", ["residual", "float32"])
def test_measured_residuals_stand_far_above_rounding(world, weight: float, precision: str) -> None:
    """Signal over rounding at every lambda, and the residual is the one float32 gives."""
    net, conditions, data = world
    terms = step(net, conditions, data, weight, precision)
    assert terms.watch["residual/signal"] > 100 * terms.watch["residual/rounding"]
    # guidance passes stay fast, so v_mix is rounded: it enters the residual scaled by lambda only
    exact = step(net, conditions, data, weight, precision, fast=False)
    assert terms.watch["residual/signal"] == pytest.approx(exact.watch["residual/signal"], rel=0.03)


def test_a_bfloat16_residual_sinks_towards_its_rounding_as_lambda_falls(world) -> None:
    """Row by row against float32: some 0.2 % wrong at lambda .1, more than ten times that at the end."""
    net, conditions, data = world
    ratios, deviations = [], []
    for weight in LAMBDAS:
        fast = step(net, conditions, data, weight, "autocast")
        exact = step(net, conditions, data, weight, "autocast", fast=False)
        ratios.append(fast.watch["residual/signal"] / fast.watch["residual/rounding"])
        deviations.append(float((fast.rows["mse"] / exact.rows["mse"] - 1).abs().quantile(0.9)))
    assert ratios[0] > 100 and ratios[2] < 10  # the watch value tells
    assert deviations[0] < 0.02 and deviations[2] > 0.1  # and it is true
    measured = step(net, conditions, data, LAMBDAS[2], "residual")
    exact = step(net, conditions, data, LAMBDAS[2], "residual", fast=False)
    assert float((measured.rows["mse"] / exact.rows["mse"] - 1).abs().quantile(0.9)) < deviations[2] / 3


def test_the_fast_pass_is_reported_beside_the_measured_one(world) -> None:
    net, conditions, data = world
    watch = step(net, conditions, data, 0.002, "residual").watch
    assert watch["residual/rounding_fast"] > 1000 * watch["residual/rounding"]
    assert "residual/rounding_fast" not in step(net, conditions, data, 0.002, "residual", fast=False).watch


def test_measuring_asks_the_live_network_once_more_without_gradient_and_only_under_autocast(
    counter, make_net, conditions_of, draw
) -> None:
    for fast, measured in ((False, []), (True, [(16, False)])):
        net = make_net()
        u, frozen = counter(net), counter(net)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            build(VelocityConsistencyConfig())(
                u, frozen, draw(64, 5, 3), conditions_of(64), progress=0.5,
                generator=torch.Generator().manual_seed(0),
            )  # fmt: skip
        assert u.calls == [(64, True), *measured] and frozen.calls[-1][0] == 16


def test_only_residuals_that_rounding_would_drown_are_measured(world) -> None:
    """Large lambda: no row; tiny lambda: most. Each row is as "autocast" has it or as "residual" has it."""
    net, conditions, data = world
    shares = []
    for weight in (0.5, 0.1, 0.02, 0.002):
        needed, fast, exact = (
            step(net, conditions, data, weight, how) for how in ("needed", "autocast", "residual")
        )
        shares.append(needed.watch["residual/measured"])
        got, rounded, right = (terms.rows["mse"].detach() for terms in (needed, fast, exact))
        is_fast, is_exact = (torch.isclose(got, other, rtol=1e-5) for other in (rounded, right))
        assert bool((is_fast | is_exact).all())
        assert float(is_exact.float().mean()) >= shares[-1] > -1
        assert float((got / right - 1).abs().max()) < 2 / CLEAR
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] > 0.5
    assert "residual/measured" not in step(net, conditions, data, 0.002, "needed", fast=False).watch


def test_without_consistency_rows_needed_asks_nothing_more(counter, make_net, conditions_of, draw) -> None:
    config = VelocityConsistencyConfig(precision="needed", guidance=1.0, mix=1.0, warm_start=0.5)
    for always, calls in ((False, 0), (True, 1)):
        net = make_net()
        frozen = counter(net)
        with torch.autocast("cpu", torch.bfloat16):
            build(config.model_copy(update={"equal_calls": always}))(
                net, frozen, draw(8, 5, 3), conditions_of(8), progress=0.1,
                generator=torch.Generator().manual_seed(0),
            )  # fmt: skip
        assert len(frozen.calls) == calls


def test_the_gradient_flows_through_the_fast_pass_with_the_measured_residual() -> None:
    prediction = torch.tensor([[[1.0]], [[2.0]]], requires_grad=True)
    measured = Rounded(torch.tensor([1]), torch.tensor([[[2.5]]]))
    value = straight_through(prediction, measured)
    assert value.flatten().tolist() == [1.0, 2.5]
    (gradient,) = torch.autograd.grad(value.square().sum(), prediction)
    assert gradient.flatten().tolist() == [2.0, 5.0]
    assert straight_through(prediction, None) is prediction


def test_no_consistency_rows_no_numbers(conditions_of, draw) -> None:
    rows = draw_rows(
        PairsConfig(ratio=1.0), draw(4, 2, 3), conditions_of(4), None, torch.Generator().manual_seed(0)
    )
    assert precision_watch(rows, rows.velocity, rows.velocity, None, fast=False) == {}
    assert rms(torch.zeros(0, 3)) == 0.0
