"""alpha-Flow: its curriculum, its weight, both its ends."""

from __future__ import annotations

import pytest
import torch

from soundvcm.errors import ConfigError
from soundvcm.objectives import AlphaFlowConfig, MeanFlowConfig, build
from soundvcm.objectives.alpha_flow import alpha_at


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_the_curriculum_falls_from_one_to_nothing() -> None:
    values = [alpha_at(step / 100) for step in range(101)]
    assert values[0] == 1.0 and values[-1] == 0.0 and values[50] == pytest.approx(0.5)
    assert all(a >= b for a, b in zip(values, values[1:], strict=False))
    assert all(value in (0.0, 1.0) or 5e-3 <= value <= 1 - 5e-3 for value in values)


def test_files_of_before_are_read_and_only_those() -> None:
    earlier = {"falls_from": 0.0, "falls_until": 1.0, "steepness": 25.0, "snap": 5e-3, "reach": 5e-3}
    assert AlphaFlowConfig.build(earlier) == AlphaFlowConfig()
    with pytest.raises(ConfigError, match="steepness"):
        AlphaFlowConfig.build({"steepness": 3.0})


@pytest.mark.parametrize("derivative", ["jvp", "central"])
def test_it_ends_as_meanflow(make_net, conditions_of, draw, derivative: str) -> None:
    net, data = make_net(dtype=torch.float64), draw(32, 5, 3, dtype=torch.float64)
    conditions = conditions_of(32, torch.float64)
    ends = [
        build(config)(net, net, data, conditions, progress=1.0, generator=seeded())
        for config in (AlphaFlowConfig(derivative=derivative), MeanFlowConfig(derivative=derivative))
    ]
    assert ends[0].watch["alpha"] == 0.0
    assert torch.allclose(ends[0].rows["loss"], ends[1].rows["loss"])


def test_it_begins_as_trajectory_flow_matching(counter, make_net, conditions_of, draw) -> None:
    """alpha = 1: the target is the velocity itself, also on rows with s < t; no look-ahead."""
    net = make_net(dtype=torch.float64)
    frozen = counter(net)
    config = AlphaFlowConfig(ratio=0.0, guidance=1.0, mix=1.0, power=0.0)
    data, noise = draw(16, 5, 3, dtype=torch.float64), draw(16, 5, 3, seed=2, dtype=torch.float64)
    seen = {}

    def u(x, t, s, c, guidance=None):
        seen["said"] = net(x, t, s, c)
        return seen["said"]

    terms = build(config)(
        u, frozen, data, conditions_of(16, torch.float64), noise=noise, progress=0.0, generator=seeded()
    )
    assert frozen.calls == []
    wanted = (seen["said"] - (noise - data)).square().mean((1, 2))
    assert torch.allclose(terms.rows["loss"], wanted)


def test_warm_start_precedes_the_curriculum(make_net, conditions_of, draw) -> None:
    net, objective = make_net(), build(AlphaFlowConfig(warm_start=0.5))

    def at(progress: float):
        return objective(net, net, draw(8, 5, 3), conditions_of(8), progress=progress, generator=seeded())

    assert at(0.4).watch["alpha"] == 1.0 and not bool(at(0.4).rows["consistency"].any())
    assert at(0.75).watch["alpha"] == pytest.approx(0.5)
    assert bool(at(0.75).rows["consistency"].any())
