"""Flow matching first, then mean velocities along the paths of the network's own snapshot."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from soundvcm.errors import ConfigError, OptionError
from soundvcm.objectives import FlowMatchingConfig, LearnsFromSnapshot, OwnFlowConfig, build
from soundvcm.objectives.own_flow import draw_grid, follow, rows_of


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_warm_start_is_flow_matching(make_net, conditions_of, draw) -> None:
    net, data, given = make_net(), draw(16, 5, 3), {"progress": 0.2, "generator": seeded()}
    own = build(OwnFlowConfig(null_share=0.2))(net, net, data, conditions_of(16), **given)
    law = FlowMatchingConfig(time_mean=0.0, time_std=1.4, null_share=0.2)
    given["generator"] = seeded()
    plain = build(law)(net, net, data, conditions_of(16), **given)
    assert torch.equal(own.rows["loss"], plain.rows["loss"]) and own.of_batch


def test_targets_are_the_true_mean_velocities(gaussian, conditions_of, draw) -> None:
    """On a flow in closed form: every row of many fine paths, within the midpoint rule's error."""
    config = OwnFlowConfig(guidance=1.0, hops=16, ratio=0.2)
    paths = follow(config, gaussian, draw(8, 5, 3), conditions_of(8), None, seeded())
    rows = rows_of(config, paths, 400, seeded())
    truth = gaussian(rows.noisy, rows.t, rows.s, rows.conditions)
    assert (rows.velocity - truth).abs().max() < 0.01
    spans = rows.times.t - rows.times.s
    assert 0.15 < (spans == 0).double().mean() < 0.25 and 0.5 < (spans == 1).double().mean() < 0.7
    assert torch.equal(spans > 0, rows.times.consistency)


@pytest.mark.parametrize(("until", "reached"), [(1.0, 3.0), (0.4, 2 / 3 * 1 + 1 / 3 * 3)])
def test_paths_are_guided_where_they_are_told_something(conditions_of, draw, until, reached) -> None:
    """A network that says 1 with conditions and 0 without: w = 3 gives 3; rows without conditions 0."""

    def frozen(x, t, s, c, guidance=None):
        assert torch.equal(t, s)
        return (~c.is_empty).to(x.dtype)[:, None, None].expand_as(x)

    config = OwnFlowConfig(guidance=3.0, guidance_until=until, null_share=0.3, hops=3)
    generator = seeded(4)
    paths = follow(config, frozen, draw(40, 5, 3), conditions_of(40), None, generator)
    straight = (paths.points[0] - paths.points[-1]).mean((1, 2))
    regular = (paths.times[1] - 2 / 3).abs() < 1e-9
    assert 4 < int(paths.null.sum()) < 20
    wanted = torch.where(paths.null, 0.0, reached)
    assert torch.allclose(straight[regular], wanted[regular], atol=1e-5)


def test_paths_serve_several_batches(counter, make_net, conditions_of, draw) -> None:
    frozen, net = counter(make_net()), make_net(1)
    objective = build(OwnFlowConfig(hops=2, uses=3))
    for call in range(7):
        terms = objective(net, frozen, draw(6, 5, 3), conditions_of(6), progress=0.9, generator=seeded(call))
        assert not terms.of_batch and terms.rows["loss"].shape == (6,)
        assert len(frozen.calls) == 4 * (1 + call // 3)  # two calls a hop
    assert all(not gradient for _, gradient in frozen.calls)


def test_it_goes_on_where_it_was(make_net, conditions_of, draw) -> None:
    net, given = make_net(), {"progress": 0.9}
    one, other = build(OwnFlowConfig(uses=4)), build(OwnFlowConfig(uses=4))
    assert isinstance(one, LearnsFromSnapshot) and one.state() == {}
    for seed in (1, 2):
        one(net, net, draw(6, 5, 3), conditions_of(6), generator=seeded(seed), **given)
    other.load(one.state(), torch.device("cpu"))
    for seed in (3, 4, 5, 6):
        pair = [
            objective(net, net, draw(6, 5, 3), conditions_of(6), generator=seeded(seed), **given).loss
            for objective in (one, other)
        ]
        assert torch.equal(*pair)
    with pytest.raises(OptionError, match="lack"):
        other.load({"used": torch.tensor(1)}, torch.device("cpu"))


def test_grids_run_from_noise_to_data_and_some_are_scattered() -> None:
    grid = draw_grid(4, 1000, seeded())
    assert bool((grid[0] == 1).all()) and bool((grid[-1] == 0).all())
    assert bool((grid[:-1] > grid[1:]).all())
    assert 0.2 < float((grid[1] != 0.75).double().mean()) < 0.4
    assert draw_grid(1, 3, seeded()).tolist() == [[1, 1, 1], [0, 0, 0]]


def test_the_warm_start_has_an_end() -> None:
    with pytest.raises(ConfigError, match="warm_start"):
        OwnFlowConfig.build({"kind": "own_flow", "warm_start": 1.0})


def test_a_smooth_flow_is_learned_in_one_call(make_net, conditions_of, draw, gaussian) -> None:
    """From a snapshot that is the exact flow, the network comes to know the whole step."""
    net = make_net(hidden=48)
    conditions = conditions_of(32)
    conditions = replace(conditions, text=torch.zeros_like(conditions.text)).empty()
    objective = build(OwnFlowConfig(warm_start=0.0, guidance=1.0, uses=2, power=0.0))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for step in range(250):
        terms = objective(
            net, gaussian, torch.zeros(32, 4, 3), conditions, progress=step / 250, generator=seeded(step)
        )
        optimizer.zero_grad()
        terms.loss.backward()
        optimizer.step()
    noise, one = draw(32, 4, 3, seed=9), torch.ones(32)
    with torch.no_grad():
        ends = noise - net(noise, one, 0 * one, conditions)
    truth = gaussian.move(noise, one, 0 * one)
    assert (ends - truth).square().mean().sqrt() < 0.2 * truth.std()
