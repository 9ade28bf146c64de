"""Guidance trained in: the mixed velocity, its interval and fade, null rows, the passes it asks for."""

from __future__ import annotations

import pytest
import torch

from soundvcm.objectives.guidance import gate, mix_velocity
from soundvcm.objectives.rows import PairsConfig, draw_rows


def asked(counter, net, config: PairsConfig, data, conditions, seed: int = 0, **named):
    rows = draw_rows(config, data, conditions, None, torch.Generator().manual_seed(seed))
    frozen = counter(net)
    prediction = net(rows.noisy, rows.t, rows.s, rows.conditions, rows.guidance)
    return rows, frozen, mix_velocity(config, frozen, rows, prediction, **named)


def everything(net, rows):
    """v_uncond and v_guided of every row, computed one by one."""
    one = None if rows.guidance is None else torch.ones_like(rows.guidance)
    with torch.no_grad():
        empty = net(rows.noisy, rows.t, rows.t, rows.conditions.empty(), one)
        own = net(rows.noisy, rows.t, rows.t, rows.conditions, rows.guidance)
    return empty, own


@pytest.mark.parametrize("guidance_input", [False, True])
def test_the_mixed_velocity_is_equation_16(counter, make_net, conditions_of, draw, guidance_input) -> None:
    net = make_net(dtype=torch.float64)
    config = PairsConfig(guidance_input=guidance_input)
    conditions = conditions_of(64, dtype=torch.float64)
    rows, _, given = asked(counter, net, config, draw(64, 5, 3, dtype=torch.float64), conditions)
    empty, own = everything(net, rows)
    w = rows.scale[:, None, None]
    mixed = 0.25 * (w * rows.velocity + (1 - w) * empty) + 0.75 * own
    plain = rows.null | (rows.times.t > 0.8)
    assert 0 < int(plain.sum()) < 64
    expected = torch.where(plain[:, None, None], rows.velocity, mixed)
    assert torch.allclose(given.mixed, expected, atol=1e-12)
    assert not given.mixed.requires_grad


def test_it_is_meanflow_guidance_in_other_symbols(counter, make_net, conditions_of, draw) -> None:
    """Omega v + kappa u_c + (1 - omega - kappa) u_0, omega = m w, kappa = 1 - m: effective scale w."""
    net, config = make_net(dtype=torch.float64), PairsConfig(null_share=0.0, guidance_until=1.0, mix=0.4)
    data = draw(16, 5, 3, dtype=torch.float64)
    rows, _, given = asked(counter, net, config, data, conditions_of(16, dtype=torch.float64))
    empty, own = everything(net, rows)
    omega, kappa = config.mix * config.guidance, 1 - config.mix
    assert torch.allclose(
        given.mixed, omega * rows.velocity + kappa * own + (1 - omega - kappa) * empty, atol=1e-12
    )
    assert omega / (1 - kappa) == pytest.approx(config.guidance)
    fixed = config.guidance * rows.velocity + (1 - config.guidance) * empty
    again = omega * rows.velocity + kappa * fixed + (1 - omega - kappa) * empty
    assert torch.allclose(again, fixed, atol=1e-12)


def test_only_rows_that_need_a_pass_get_one_and_both_kinds_share_a_call(
    counter, make_net, conditions_of, draw
) -> None:
    net = make_net()
    rows, frozen, _ = asked(counter, net, PairsConfig(), draw(64, 5, 3), conditions_of(64))
    guided = ~rows.null & (rows.times.t <= 0.8)
    expected = int(guided.sum()) + int((guided & rows.times.consistency).sum())
    assert frozen.calls == [(expected, False)]
    t, s, conditions, _ = frozen.seen[0]
    assert torch.equal(t, s)
    assert int(conditions.is_empty.sum()) == int(guided.sum())


@pytest.mark.parametrize(
    ("settings", "rows_asked"),
    [
        ({"guidance": 1.0}, "own"),  # w = 1: nothing unconditional to ask
        ({"mix": 1.0}, "empty"),  # m = 1: nothing of the network's own
        ({"guidance": 1.0, "mix": 1.0}, "none"),
        ({"null_share": 1.0}, "none"),
        ({"guidance_until": 0.0}, "none"),
    ],
)
def test_no_pass_without_need(counter, make_net, conditions_of, draw, settings, rows_asked) -> None:
    config = PairsConfig.build({"null_share": 0.0, "guidance_until": 1.0, **settings})
    rows, frozen, given = asked(counter, make_net(), config, draw(32, 5, 3), conditions_of(32))
    count = {"own": int(rows.times.consistency.sum()), "empty": 32, "none": 0}[rows_asked]
    assert sum(number for number, _ in frozen.calls) == count
    if rows_asked == "none":
        assert frozen.calls == [] and torch.equal(given.mixed, rows.velocity)


def test_the_own_velocity_is_asked_on_all_consistency_rows_when_wanted(
    counter, make_net, conditions_of, draw
) -> None:
    net = make_net(dtype=torch.float64)
    config = PairsConfig(mix=1.0, guidance=1.0)
    conditions = conditions_of(32, dtype=torch.float64)
    rows, frozen, given = asked(
        counter, net, config, draw(32, 5, 3, dtype=torch.float64), conditions, want_own=True
    )
    assert frozen.calls == [(8, False)]
    assert torch.allclose(given.own, everything(net, rows)[1], atol=1e-12)


def test_the_gate() -> None:
    t = torch.tensor([0.0, 0.3, 0.8, 0.80001, 1.0], dtype=torch.float64)
    assert gate(t, PairsConfig()).tolist() == [1, 1, 1, 0, 0]
    assert gate(t, PairsConfig(guidance_from=0.3)).tolist() == [0, 1, 1, 0, 0]


def test_equal_calls_asks_even_when_no_row_needs_it(counter, make_net, conditions_of, draw) -> None:
    config = PairsConfig(null_share=1.0, equal_calls=True)
    rows, frozen, given = asked(counter, make_net(), config, draw(3, 5, 3), conditions_of(3))
    assert frozen.calls == [(1, False)]
    assert torch.equal(given.mixed, rows.velocity)
