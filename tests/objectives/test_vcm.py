"""Velocity consistency: equal to Algorithm 1 written out, few passes, every option, small batches."""

from __future__ import annotations

import pytest
import torch

from soundvcm.errors import OptionError
from soundvcm.objectives import VelocityConsistencyConfig, build
from soundvcm.objectives.path import jump
from soundvcm.objectives.rows import draw_rows
from soundvcm.objectives.times import geometric, look_ahead


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def world(make_net, conditions_of, draw):
    """A network, data and conditions in float64."""
    return (
        make_net(dtype=torch.float64),
        draw(64, 5, 3, dtype=torch.float64),
        conditions_of(64, torch.float64),
    )


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ratio": 0.5, "endpoint_share": 0.25},
        {"mix": 0.75, "guidance": 2.0, "guidance_until": 0.5},
        {"mix": 1.0, "guidance": 1.0, "null_share": 0.5},
        {"power": 0.5, "epsilon": 1e-3, "lambda_start": 1.0, "gap": 1e-2},
    ],
    ids=str,
)
def test_it_is_algorithm_1(world, benchmark_file, settings, progress) -> None:
    """Loss and gradient equal the algorithm computed literally, all four passes on every row."""
    net, data, conditions = world
    literal = benchmark_file("benchmarks/train_step.py").literal_vcm
    config = VelocityConsistencyConfig.build(settings)
    ours = build(config)(net, net, data, conditions, progress=progress, generator=seeded())
    theirs = literal(config, net, net, data, conditions, progress=progress, generator=seeded())
    assert torch.allclose(ours.rows["loss"], theirs.rows["loss"], rtol=1e-9, atol=1e-12)
    mine = torch.autograd.grad(ours.loss, list(net.parameters()))
    wanted = torch.autograd.grad(theirs.loss, list(net.parameters()))
    assert all(torch.allclose(a, b, rtol=1e-7, atol=1e-11) for a, b in zip(mine, wanted, strict=True))


def test_paper_settings_cost_less_than_four_and_a_half_passes(counter, make_net, conditions_of, draw) -> None:
    net, objective = make_net(), build(VelocityConsistencyConfig())
    u, frozen, generator = counter(net), counter(net), seeded()
    for step in range(20):
        objective(u, frozen, draw(64, 5, 3), conditions_of(64), progress=step / 20, generator=generator)
    assert u.calls == [(64, True)] * 20  # one call on the whole batch: safe under DDP
    assert all(not gradient for _, gradient in frozen.calls)
    assert len(frozen.calls) == 40  # guidance in one, look-ahead in another
    passes = 3 + sum(rows for rows, _ in frozen.calls) / (20 * 64)
    assert 4.2 < passes <= 4.5


def test_nothing_computed_is_thrown_away(counter, make_net, conditions_of, draw) -> None:
    """The rows asked for are exactly those the algorithm uses, counted from the same draws."""
    net, config = make_net(), VelocityConsistencyConfig()
    frozen = counter(net)
    rows = draw_rows(config, draw(64, 5, 3), conditions_of(64), None, seeded(7))
    build(config)(net, frozen, draw(64, 5, 3), conditions_of(64), progress=0.5, generator=seeded(7))
    guided = ~rows.null & (rows.times.t <= 0.8)
    steps = int(guided.sum()) + int((guided & rows.times.consistency).sum())
    assert [count for count, _ in frozen.calls] == [steps, 16]


def test_pure_velocity_rows_without_guidance_cost_nothing_extra(
    counter, make_net, conditions_of, draw
) -> None:
    frozen, net = counter(make_net()), make_net()
    config = VelocityConsistencyConfig(ratio=1.0, guidance=1.0)
    terms = build(config)(net, frozen, draw(8, 5, 3), conditions_of(8), progress=0.5, generator=seeded())
    assert frozen.calls == [] and "mse/consistency" not in terms.watch


def test_warm_start_is_velocity_rows_only_and_then_the_whole_schedule(
    counter, make_net, conditions_of, draw
) -> None:
    net, objective = make_net(), build(VelocityConsistencyConfig(warm_start=0.5, ratio=0.25))

    def at(progress: float):
        return objective(net, net, draw(8, 5, 3), conditions_of(8), progress=progress, generator=seeded())

    early = at(0.49)
    assert not bool(early.rows["consistency"].any()) and early.watch["lambda"] == 1.0
    assert at(0.5).watch["lambda"] == pytest.approx(0.1)
    assert at(0.75).watch["lambda"] == pytest.approx(geometric(0.1, 0.002, 0.5))
    assert at(1.0).watch["lambda"] == pytest.approx(0.002)
    assert int(at(0.5).rows["consistency"].sum()) == 6


def test_lambda_one_needs_no_look_ahead(counter, make_net, conditions_of, draw) -> None:
    frozen = counter(make_net())
    config = VelocityConsistencyConfig(lambda_start=1.0, guidance=1.0, mix=1.0, ratio=0.0)
    build(config)(make_net(), frozen, draw(8, 5, 3), conditions_of(8), progress=0.0, generator=seeded())
    assert frozen.calls == []


def test_the_quotient_divides_each_residual_by_its_own_lambda(world) -> None:
    net, data, conditions = world
    settings = {"power": 0.0, "ratio": 0.5, "endpoint_share": 0.2}
    raw = build(VelocityConsistencyConfig.build(settings))
    quotient = build(VelocityConsistencyConfig.build({**settings, "residual": "quotient"}))
    one = raw(net, net, data, conditions, progress=0.8, generator=seeded())
    other = quotient(net, net, data, conditions, progress=0.8, generator=seeded())
    rows = draw_rows(raw.config, data, conditions, None, seeded())
    _, weight = look_ahead(rows.times, geometric(0.1, 0.002, 0.8), 1e-4)
    assert torch.allclose(other.rows["loss"], one.rows["loss"] / weight.square(), rtol=1e-9)
    assert torch.equal(one.rows["mse"], other.rows["mse"])  # what is reported stays comparable
    velocity = ~one.rows["consistency"]
    assert torch.allclose(one.rows["loss"][velocity], other.rows["loss"][velocity])


def test_the_raw_residual_fades_with_lambda_and_the_quotient_does_not(world) -> None:
    """Weak point 1: the consistency half's gradient against the velocity half's, as lambda falls."""
    net, data, conditions = world

    def share(residual: str, progress: float) -> float:
        config = VelocityConsistencyConfig(residual=residual, null_share=0.0)
        terms = build(config)(net, net, data, conditions, progress=progress, generator=seeded())
        norms = []
        for half in (terms.rows["consistency"], ~terms.rows["consistency"]):
            gradient = torch.autograd.grad(
                terms.rows["loss"][half].sum(), list(net.parameters()), retain_graph=True
            )
            norms.append(torch.cat([part.flatten() for part in gradient]).norm())
        return float(norms[0] / norms[1])

    assert share("raw", 1.0) < 0.35 * share("raw", 0.0)
    assert share("quotient", 1.0) > 0.7 * share("quotient", 0.0)


def test_own_look_ahead_follows_the_network_and_keeps_the_samples_target(world) -> None:
    net, data, conditions = world
    config = VelocityConsistencyConfig(look_ahead="own", mix=1.0, guidance=1.0, ratio=0.0, power=0.0)
    terms = build(config)(net, net, data, conditions, progress=0.0, generator=seeded())
    rows = draw_rows(config, data, conditions, None, seeded())
    ahead, weight = look_ahead(rows.times, 0.1, 1e-4)
    t, s, x = rows.t, rows.s, rows.noisy
    with torch.no_grad():
        own = net(x, t, t, rows.conditions)
        x_l = x + (ahead - rows.times.t)[:, None, None] * own
        share = weight[:, None, None]
        target = share * rows.velocity + (1 - share) * net(x_l, ahead, s, rows.conditions)
        wanted = (net(x, t, s, rows.conditions) - target).square().mean((1, 2))
    assert torch.allclose(terms.rows["loss"], wanted, rtol=1e-9)


def test_guidance_as_an_input_reaches_every_pass(counter, make_net, conditions_of, draw) -> None:
    net = make_net()
    u, frozen = counter(net), counter(net)
    config = VelocityConsistencyConfig(guidance_input=True, endpoint_share=0.5)
    build(config)(u, frozen, draw(64, 5, 3), conditions_of(64), progress=0.3, generator=seeded())
    scales = u.seen[0][3]
    assert scales is not None and 1 <= float(scales.min()) and float(scales.max()) < 8
    for _, _, conditions, scale in frozen.seen:
        assert scale is not None
        assert bool((scale[conditions.is_empty] == 1).all())
        assert float(scale.max()) > 1


def test_target_and_mix_carry_no_gradient(world) -> None:
    """The gradient is that of 2 (u - target) / D alone: targets are constants."""
    net, data, conditions = world
    config = VelocityConsistencyConfig(power=0.0, ratio=0.5)
    seen = {}

    def u(x, t, s, c, guidance=None):
        seen["prediction"] = net(x, t, s, c)
        return seen["prediction"]

    terms = build(config)(u, net, data, conditions, progress=0.5, generator=seeded())
    (gradient,) = torch.autograd.grad(terms.loss, seen["prediction"])
    assert torch.allclose(gradient.square().sum((1, 2)) * 64**2 * 15 / 4, terms.rows["mse"], rtol=1e-9)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_small_batches_are_finite_at_every_stage(make_net, conditions_of, draw, batch: int) -> None:
    net = make_net()
    settings = {"endpoint_share": 0.5, "modality_dropout": 0.3, "null_share": 0.3, "residual": "quotient"}
    objective, generator = build(VelocityConsistencyConfig.build(settings)), seeded()
    for step in range(60):
        data = draw(batch, 5, 3, seed=step)
        terms = objective(net, net, data, conditions_of(batch), progress=step / 59, generator=generator)
        terms.loss.backward()
        assert bool(terms.loss.isfinite()) and all(value == value for value in terms.watch.values())
    assert all(bool(value.grad.isfinite().all()) for value in net.parameters())


def test_the_generator_alone_decides(make_net, conditions_of, draw) -> None:
    net, objective = make_net(), build(VelocityConsistencyConfig(endpoint_share=0.1))

    def loss(seed: int) -> float:
        torch.manual_seed(seed + 100)  # the global generator must not matter
        data, conditions = draw(16, 5, 3), conditions_of(16)
        return objective(net, net, data, conditions, progress=0.2, generator=seeded(seed)).loss.item()

    assert loss(1) == loss(1) and loss(1) != loss(2)


def test_recorded_noise_is_used(world, draw) -> None:
    net, data, conditions = world
    objective = build(VelocityConsistencyConfig())
    first, second = (
        objective(net, net, data, conditions, noise=noise, progress=0.5, generator=seeded()).loss
        for noise in (draw(64, 5, 3, dtype=torch.float64), draw(64, 5, 3, seed=3, dtype=torch.float64))
    )
    assert first.item() != second.item()


def test_equal_calls_makes_the_same_calls_whatever_the_rows(counter, make_net, conditions_of, draw) -> None:
    net = make_net()
    config = VelocityConsistencyConfig(equal_calls=True, null_share=0.7)
    counts = set()
    for seed in range(12):
        frozen = counter(net)
        build(config)(net, frozen, draw(2, 5, 3), conditions_of(2), progress=0.5, generator=seeded(seed))
        counts.add(len(frozen.calls))
    assert counts == {2}


@pytest.mark.parametrize("progress", [-0.1, 1.5, float("nan")])
def test_progress_outside_its_range_is_refused(make_net, conditions_of, draw, progress: float) -> None:
    net = make_net()
    with pytest.raises(OptionError, match="progress"):
        build(VelocityConsistencyConfig())(
            net, net, draw(2, 5, 3), conditions_of(2), progress=progress, generator=seeded()
        )


def test_the_defaults_are_the_paper() -> None:
    config = VelocityConsistencyConfig()
    paper = {
        "ratio": 0.75, "time_mean": -0.4, "time_std": 1.0, "gap": 1e-4, "null_share": 0.1, "guidance": 4.0,
        "mix": 0.25, "guidance_from": 0.0, "guidance_until": 0.8, "lambda_start": 0.1, "lambda_end": 0.002,
        "power": 1.0, "epsilon": 0.01, "residual": "raw", "endpoint_share": 0.0, "warm_start": 0.0,
        "modality_dropout": 0.0, "guidance_input": False, "look_ahead": "mixed",
    }  # fmt: skip
    assert {name: getattr(config, name) for name in paper} == paper


@pytest.mark.parametrize("mix", [0.25, 1.0])
def test_at_lambda_one_the_midpoint_target_is_the_own_velocity_half_way_and_a_share_of_the_sample(
    counter, make_net, conditions_of, draw, mix
) -> None:
    """x_l = x_s there; null rows are mixed like the others, with w = 1."""
    net, generator = make_net(dtype=torch.float64), seeded(3)
    settings = {"ratio": 0.0, "guidance_until": 1.0, "null_share": 0.5, "mix": mix, "lambda_start": 1.0}
    config = VelocityConsistencyConfig.build(settings | {"lambda_end": 1.0, "look_ahead": "midpoint"})
    data, conditions = draw(32, 5, 3, dtype=torch.float64), conditions_of(32, torch.float64)
    rows = draw_rows(config, data, conditions, None, seeded(3))
    with torch.no_grad():
        own = net(rows.noisy, rows.t, rows.t, rows.conditions)
        empty = net(rows.noisy, rows.t, rows.t, rows.conditions.empty())
        half = (rows.t + rows.s) / 2
        middle = net(jump(rows.noisy, own, rows.t, half), half, half, rows.conditions)
        given = net(rows.noisy, rows.t, rows.s, rows.conditions)
    w = torch.where(rows.null, 1.0, 4.0).double()[:, None, None]
    target = middle + mix * (w * rows.velocity + (1 - w) * empty - own)
    found = build(config)(net, net, data, conditions, progress=0.5, generator=generator)
    assert torch.allclose(found.rows["mse"], (given - target).square().mean((1, 2)), rtol=1e-9)


def test_with_the_uniform_law_rows_have_lambdas_between_the_scheduled_one_and_one(
    counter, make_net, conditions_of, draw
) -> None:
    net, frozen = make_net(), counter(make_net())
    config = VelocityConsistencyConfig(ratio=0.0, mix=1.0, guidance=1.0, lambda_end=0.2, lambda_law="uniform")
    build(config)(net, frozen, draw(512, 5, 3), conditions_of(512), progress=1.0, generator=seeded(5))
    rows = draw_rows(config, draw(512, 5, 3), conditions_of(512), None, seeded(5))
    (ahead, s, *_) = frozen.seen[-1]
    share = (rows.t - ahead) / (rows.t - rows.s)
    wide = rows.t - rows.s > 0.05
    assert len(s) == 512 and 0.19 < float(share[wide].min()) < 0.22 and 0.97 < float(share[wide].max()) <= 1
    assert float(share[wide].mean()) == pytest.approx(0.6, abs=0.03)


def test_targets_may_come_from_other_weights(make_net, conditions_of, draw) -> None:
    net, other = make_net(), make_net(seed=9)
    objective = build(VelocityConsistencyConfig())
    data, conditions = draw(32, 5, 3), conditions_of(32)
    own = objective(net, net, data, conditions, progress=0.5, generator=seeded())
    given = objective(net, other, data, conditions, progress=0.5, generator=seeded())
    assert not torch.allclose(own.rows["mse"], given.rows["mse"], rtol=1e-3)


@pytest.mark.parametrize("look", ["mixed", "own", "midpoint"])
def test_a_bound_holds_targets_by_the_sample_however_large_the_answers_are(
    make_net, conditions_of, draw, look
) -> None:
    net, data, conditions = (
        make_net(dtype=torch.float64),
        draw(64, 5, 3, dtype=torch.float64),
        conditions_of(64),
    )

    def gone(x, t, s, known, guidance=None):
        return 1e6 * x.square()

    def worst(bound: float | None) -> float:
        objective = build(VelocityConsistencyConfig(ratio=0.5, bound=bound, look_ahead=look))
        terms = objective(net, gone, data, conditions, progress=0.5, generator=seeded())
        return float(terms.rows["mse"].detach().max())

    assert worst(None) > 1e6 and worst(1.0) < 20
    near = build(VelocityConsistencyConfig(look_ahead=look, bound=100.0))
    free = build(VelocityConsistencyConfig(look_ahead=look))
    one, other = (
        o(net, net, data, conditions, progress=0.5, generator=seeded()).loss.detach() for o in (near, free)
    )
    assert float(one) == float(other)
