"""The law of times: roles, pairs, pinned ends, the look-ahead time and its lambda."""

from __future__ import annotations

import pytest
import torch

from soundvcm.objectives.times import Times, after_warm_start, draw_times, geometric, look_ahead, uniform

LAW = {"mean": -0.4, "std": 1.0, "gap": 1e-4}


def drawn(batch: int, seed: int = 0, **changes: float) -> Times:
    settings = {**LAW, "ratio": 0.75, "endpoint_share": 0.0, **changes}
    return draw_times(batch, generator=torch.Generator().manual_seed(seed), **settings)


def test_three_quarters_are_velocity_rows_and_shuffled() -> None:
    times = drawn(64)
    assert int(times.consistency.sum()) == 16
    assert not torch.equal(times.consistency, drawn(64, seed=1).consistency)
    assert torch.equal(times.t[~times.consistency], times.s[~times.consistency])
    assert bool((times.s <= times.t - 1e-4)[times.consistency].all())


def test_velocity_times_are_logit_normal() -> None:
    t = drawn(20000, ratio=1.0).t
    logits = torch.logit(t)
    assert abs(logits.mean() + 0.4) < 0.03 and abs(logits.std() - 1) < 0.03


def test_consistency_rows_take_the_larger_and_the_smaller_of_two_draws() -> None:
    times = drawn(20000, ratio=0.0)
    # max and min of two normals lie 1/sqrt(pi) above and below their mean
    assert abs(torch.logit(times.t).mean() - (-0.4 + 0.5642)) < 0.03
    assert abs(torch.logit(times.s).mean() - (-0.4 - 0.5642)) < 0.03


def test_the_share_holds_on_average_for_batches_of_one() -> None:
    generator = torch.Generator().manual_seed(0)
    roles = [
        draw_times(1, ratio=0.75, endpoint_share=0.0, generator=generator, **LAW).consistency
        for _ in range(2000)
    ]
    assert abs(torch.cat(roles).double().mean() - 0.25) < 0.03


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_extreme_shares_are_exact(ratio: float) -> None:
    assert drawn(7, ratio=ratio).consistency.double().mean() == 1 - ratio


def test_pinned_ends_touch_the_given_share_of_consistency_rows() -> None:
    times = drawn(20000, ratio=0.5, endpoint_share=0.25)
    t, s = times.t[times.consistency], times.s[times.consistency]
    assert abs((t == 1).double().mean() - 0.25) < 0.02
    assert abs((s == 0).double().mean() - 0.25) < 0.02
    assert abs(((t == 1) & (s == 0)).double().mean() - 0.0625) < 0.01
    free = times.t[~times.consistency]
    assert not bool((free == 1).any())
    assert bool((times.s <= times.t).all())


def test_without_pinning_the_one_step_query_is_practically_never_trained() -> None:
    times = drawn(200000, ratio=0.0)
    assert float(((times.t > 0.99) & (times.s < 0.01)).double().mean()) < 1e-4


def test_close_pairs_are_kept_apart() -> None:
    times = drawn(20000, ratio=0.0, std=1e-6)
    assert bool((times.t - times.s >= 1e-4 - 1e-12).all()) and bool((times.s >= 0).all())


def test_lambda_falls_geometrically() -> None:
    values = [geometric(0.1, 0.002, progress) for progress in (0.0, 0.5, 1.0)]
    assert values == pytest.approx([0.1, 0.0141421, 0.002], rel=1e-5)


def test_lambda_is_recomputed_from_the_clamped_l() -> None:
    t, s = torch.tensor([0.9, 0.5, 0.3]).double(), torch.tensor([0.1, 0.4999, 0.3]).double()
    times = Times(t, s, torch.tensor([True, True, False]))
    ahead, weight = look_ahead(times, 1e-5, gap=1e-4)
    assert float(ahead[0]) == pytest.approx(0.9 - 1e-4)  # 8e-6 would be too near: moved to the gap
    assert float(weight[0]) == pytest.approx(1e-4 / 0.8)
    assert float(ahead[1]) == pytest.approx(0.4999) and float(weight[1]) == pytest.approx(1.0)
    assert float(ahead[2]) == pytest.approx(0.3) and float(weight[2]) == 1.0
    assert torch.equal(weight[2:], torch.ones(1, dtype=torch.float64))


def test_l_lies_between_s_and_t_for_every_lambda() -> None:
    times = drawn(2000, ratio=0.3, endpoint_share=0.3)
    for value in (1.0, 0.1, 0.002, 1e-9):
        ahead, weight = look_ahead(times, value, gap=1e-4)
        inside = times.consistency
        assert bool((ahead[inside] >= times.s[inside]).all())
        assert bool((ahead[inside] <= times.t[inside] - 1e-4 + 1e-12).all())
        assert bool(weight.isfinite().all()) and bool(((weight > 0) & (weight <= 1)).all())
        same = times.t + (times.s - times.t) * weight
        assert torch.allclose(same[inside], ahead[inside], atol=1e-12)


def test_an_eighth_of_the_rows_meets_the_clamp_at_the_end_of_the_paper_schedule() -> None:
    """Monte Carlo of reference_system.md: 13 % at 1/500, and an effective lambda of .0037 on average."""
    times = drawn(200000, ratio=0.0)
    _, weight = look_ahead(times, 1 / 500, gap=1e-4)
    assert abs(float((weight > 1 / 500 + 1e-9).double().mean()) - 0.13) < 0.01
    assert abs(float(weight.mean()) - 0.0037) < 4e-4


def test_warm_start_shifts_progress() -> None:
    assert after_warm_start(0.1, 0.25) is None
    assert after_warm_start(0.25, 0.25) == 0.0
    assert after_warm_start(1.0, 0.25) == pytest.approx(1.0)
    assert after_warm_start(0.0, 0.0) == 0.0
    assert after_warm_start(1.0, 1.0) == 1.0


def test_uniform_draws_come_from_the_generator() -> None:
    first = uniform(5, torch.Generator().manual_seed(1))
    assert torch.equal(first, uniform(5, torch.Generator().manual_seed(1))) and first.dtype == torch.float64
