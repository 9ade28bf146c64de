"""MeanFlow: its derivative by JVP and by differences, its passes, attention under forward mode."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from soundvcm.objectives import MeanFlowConfig, build
from soundvcm.objectives.meanflow import derivative_target, path_derivative
from soundvcm.objectives.rows import PairsConfig, draw_rows


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Attending(nn.Module):
    """A network that uses fused attention, which knows no forward-mode derivative."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(5, 8), nn.Linear(8, 3)

    def forward(self, x, t, s, conditions, guidance=None):
        times = torch.stack([t, t - s], 1)[:, None].expand(-1, x.shape[1], -1)
        hidden = self.inner(torch.cat([x, times.to(x.dtype)], 2))[:, None]
        mixed = nn.functional.scaled_dot_product_attention(hidden, hidden, hidden)
        return self.outer(torch.tanh(mixed[:, 0]))


def test_the_derivative_is_the_one_along_the_path(make_net, conditions_of, draw) -> None:
    """du/dt against autograd of u(x + h v, t + h, s) at h = 0."""
    net, data = make_net(dtype=torch.float64), draw(8, 5, 3, dtype=torch.float64)
    rows = draw_rows(PairsConfig(ratio=0.0), data, conditions_of(8, torch.float64), None, seeded())
    index = torch.tensor([1, 4, 6])
    slope = path_derivative(net, rows, rows.velocity, index)
    h = 1e-6
    ends = [
        net(rows.noisy + sign * h * rows.velocity, rows.t + sign * h, rows.s, rows.conditions).detach()
        for sign in (1, -1)
    ]
    assert torch.allclose(slope, ((ends[0] - ends[1]) / (2 * h))[index], atol=1e-7)
    assert not slope.requires_grad


@pytest.mark.parametrize("derivative", ["jvp", "central"])
def test_the_loss_is_meanflow(counter, make_net, conditions_of, draw, derivative: str) -> None:
    net, data = make_net(dtype=torch.float64), draw(64, 5, 3, dtype=torch.float64)
    conditions = conditions_of(64, torch.float64)
    config = MeanFlowConfig(derivative=derivative, reach=1e-4, guidance=1.0, mix=1.0)
    u, frozen = counter(net), counter(net)
    terms = build(config)(u, frozen, data, conditions, progress=0.5, generator=seeded(3))
    rows = draw_rows(config, data, conditions, None, seeded(3))
    with torch.no_grad():
        residual = net(rows.noisy, rows.t, rows.s, rows.conditions) - derivative_target(
            net, rows, rows.velocity
        )
    mse = residual.square().mean((1, 2))
    assert torch.allclose(terms.rows["loss"], mse / (mse + 0.01), rtol=1e-5)
    asked = {"jvp": 16, "central": 32}[derivative]
    assert u.calls == [(64, True)] and sum(rows for rows, _ in frozen.calls) == asked


def test_velocity_rows_are_flow_matching(make_net, conditions_of, draw) -> None:
    net, data = make_net(), draw(8, 5, 3)
    rows = draw_rows(PairsConfig(ratio=1.0), data, conditions_of(8), None, seeded())
    assert derivative_target(net, rows, rows.velocity) is rows.velocity


def test_differences_stay_inside_the_flow(counter, make_net, conditions_of, draw) -> None:
    net = make_net()
    frozen = counter(net)
    config = MeanFlowConfig(
        derivative="central", reach=0.2, ratio=0.0, endpoint_share=0.5, mix=1.0, guidance=1.0
    )
    terms = build(config)(net, frozen, draw(64, 5, 3), conditions_of(64), progress=0.0, generator=seeded())
    t, s, _, _ = frozen.seen[0]
    assert float(t.max()) <= 1.0 and bool((t >= s).all()) and bool(terms.loss.isfinite())


@pytest.mark.parametrize("derivative", ["jvp", "central"])
def test_it_passes_attention_and_leaves_autocast(conditions_of, draw, derivative: str) -> None:
    torch.manual_seed(0)
    net = Attending()
    objective = build(MeanFlowConfig(derivative=derivative))
    with torch.autocast("cpu", torch.bfloat16):
        fast = objective(net, net, draw(16, 4, 3), conditions_of(16), progress=0.5, generator=seeded())
    exact = objective(net, net, draw(16, 4, 3), conditions_of(16), progress=0.5, generator=seeded())
    fast.loss.backward()
    assert fast.loss.item() == pytest.approx(exact.loss.item(), rel=0.05)


def test_equal_calls_and_batches_of_one(counter, make_net, conditions_of, draw) -> None:
    for derivative in ("jvp", "central"):
        counts = set()
        for seed in range(8):
            frozen = counter(make_net())
            config = MeanFlowConfig(derivative=derivative, equal_calls=True, ratio=0.5)
            terms = build(config)(
                make_net(), frozen, draw(1, 5, 3), conditions_of(1), progress=0.5, generator=seeded(seed)
            )
            counts.add(len(frozen.calls))
            assert bool(terms.loss.isfinite())
        assert counts == {2}


def test_warm_start_takes_no_derivative(counter, make_net, conditions_of, draw) -> None:
    frozen = counter(make_net())
    config = MeanFlowConfig(warm_start=0.5, guidance=1.0)
    build(config)(make_net(), frozen, draw(8, 5, 3), conditions_of(8), progress=0.2, generator=seeded())
    assert frozen.calls == []
