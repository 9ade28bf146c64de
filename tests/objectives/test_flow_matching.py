"""Flow matching: the target, no extra passes, recorded noise."""

from __future__ import annotations

import torch

from soundvcm.objectives import FlowMatchingConfig, build
from soundvcm.objectives.rows import draw_rows


def test_it_is_equation_4(counter, make_net, conditions_of, draw) -> None:
    net, config, data = make_net(dtype=torch.float64), FlowMatchingConfig(), draw(32, 5, 3).double()
    u, frozen, conditions = counter(net), counter(net), conditions_of(32, torch.float64)
    terms = build(config)(
        u, frozen, data, conditions, progress=0.5, generator=torch.Generator().manual_seed(4)
    )
    rows = draw_rows(config, data, conditions, None, torch.Generator().manual_seed(4))
    with torch.no_grad():
        predicted = net(rows.noisy, rows.t, rows.t, rows.conditions)
    assert torch.allclose(terms.rows["loss"], (predicted - rows.velocity).square().mean((1, 2)))
    assert u.calls == [(32, True)] and frozen.calls == []
    assert torch.equal(terms.rows["t"], terms.rows["s"]) and "mse/consistency" not in terms.watch


def test_the_minimum_is_the_mean_of_the_sample_velocity(conditions_of) -> None:
    """A constant network trained on fixed rows settles at the mean of noise - data (Equation 1)."""
    value = torch.zeros(1, 1, 2, dtype=torch.float64, requires_grad=True)
    data = torch.randn(512, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    terms = build(FlowMatchingConfig())(
        lambda x, t, s, c: value.expand_as(x), lambda *_: value, data, conditions_of(512, torch.float64),
        noise=torch.zeros_like(data), progress=0.0, generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    (gradient,) = torch.autograd.grad(terms.loss, value)
    assert torch.allclose(gradient.flatten(), data.mean((0, 1)), atol=1e-12)


def test_null_rows_are_trained_so_that_guidance_works_at_sampling(
    counter, make_net, conditions_of, draw
) -> None:
    u = counter(make_net())
    build(FlowMatchingConfig())(
        u, u, draw(512, 2, 3), conditions_of(512), progress=0.0, generator=torch.Generator().manual_seed(0)
    )
    assert 30 < int(u.seen[0][2].is_empty.sum()) < 75


def test_it_learns_under_autocast(make_net, conditions_of, draw) -> None:
    net = make_net()
    with torch.autocast("cpu", torch.bfloat16):
        terms = build(FlowMatchingConfig())(
            net, net, draw(8, 5, 3), conditions_of(8), progress=0.0,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
    terms.loss.backward()
    assert terms.loss.dtype == torch.float32 and bool(net.outer.weight.grad.isfinite().all())
