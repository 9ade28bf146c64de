"""Reflow on recorded pairs, and one-step distillation."""

from __future__ import annotations

import pytest
import torch

from soundvcm.errors import OptionError
from soundvcm.objectives import DistillConfig, ReflowConfig, build


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_reflow_is_flow_matching_on_the_pairs(make_net, conditions_of, draw) -> None:
    net, data, noise = make_net(), draw(16, 5, 3), draw(16, 5, 3, seed=2)
    seen = {}

    def u(x, t, s, c, guidance=None):
        seen.update(x=x, t=t, said=net(x, t, s, c))
        return seen["said"]

    terms = build(ReflowConfig())(
        u, net, data, conditions_of(16), noise=noise, progress=0.5, generator=seeded()
    )
    t = seen["t"][:, None, None]
    assert torch.allclose(seen["x"], (1 - t) * data + t * noise)
    wanted = (seen["said"] - (noise - data)).square().mean((1, 2))
    assert torch.allclose(terms.rows["loss"], wanted)


def test_straight_pairs_leave_nothing_to_learn(conditions_of, draw) -> None:
    """Where data are a function of noise with straight paths, the field that moves them has no loss."""
    noise = draw(16, 5, 3)
    data = noise - 2.0

    def u(x, t, s, c, guidance=None):
        return torch.full_like(x, 2.0)

    for config in (ReflowConfig(), DistillConfig(), DistillConfig(asks="mean")):
        terms = build(config)(u, u, data, conditions_of(16), noise=noise, progress=0.0, generator=seeded())
        assert terms.loss.item() < 1e-10


@pytest.mark.parametrize(("asks", "down_to"), [("instant", 1.0), ("mean", 0.0)])
def test_distillation_trains_the_step_from_pure_noise(
    counter, make_net, conditions_of, draw, asks, down_to
) -> None:
    net, data, noise = make_net(), draw(16, 5, 3), draw(16, 5, 3, seed=2)
    u, frozen = counter(net), counter(net)
    terms = build(DistillConfig(asks=asks))(
        u, frozen, data, conditions_of(16), noise=noise, progress=0.0, generator=seeded()
    )
    t, s, conditions, _ = u.seen[0]
    assert bool((t == 1).all()) and bool((s == down_to).all()) and frozen.calls == []
    with torch.no_grad():
        wanted = (data - (noise - net(noise, t, s, conditions))).square().mean((1, 2))
    assert torch.allclose(terms.rows["loss"], wanted)
    assert not bool(conditions.is_empty.any())  # a student without guidance needs no null rows


@pytest.mark.parametrize("config", [ReflowConfig(), DistillConfig()])
def test_without_pairs_it_says_so(make_net, conditions_of, draw, config) -> None:
    net = make_net()
    with pytest.raises(OptionError, match="recorded"):
        build(config)(net, net, draw(2, 5, 3), conditions_of(2), progress=0.0, generator=seeded())
