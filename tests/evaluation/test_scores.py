"""Scores from features: counts, intervals, remarks; their values are compared in tests/parity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from parity import read_cases
from parity.metrics import tables
from torch import Tensor

from soundvcm.errors import InputError, NonFiniteError, OptionError
from soundvcm.evaluation.definitions import DEFINITIONS, find
from soundvcm.evaluation.metrics import mean_interval, set_interval
from soundvcm.evaluation.scores import compute

OWN = Path(__file__).parents[1] / "golden"
CASE = next(case for case in read_cases(OWN) if case.part == "whole_evaluation")


def test_a_score_says_what_it_rests_on() -> None:
    """Counts, dimension and remarks beside the numbers that tests/parity compares with the reference's."""
    score = compute(DEFINITIONS["FD_VGG"], *tables(CASE, "vggish"))
    assert score.rows == (38 * 8, 38 * 8) and score.dimension == 128 and score.items == (38, 38)
    score = compute(DEFINITIONS["IS_PANNs"], *tables(CASE, "panns"))
    assert "10 splits, RandomState(2020)" in score.notes[0]
    score = compute(DEFINITIONS["DeSync"], *tables(CASE, "synchformer"))
    assert (score.unit, score.items, score.dimension) == ("s", (37, 37), 21)


def test_inception_score_depends_on_the_order_of_extraction() -> None:
    truth, made = tables(CASE, "panns")
    other = compute(DEFINITIONS["IS_PANNs"], truth, dict(sorted(made.items())))
    own = compute(DEFINITIONS["IS_PANNs"], truth, made)
    assert other.value != pytest.approx(own.value, rel=1e-6)


def test_names() -> None:
    assert [one.name for one in find(["fd_yamnet", "onset_F1"])] == ["FD_YAMNet", "onset_F1"]
    assert [one.name for one in find(["onsets"])][-1] == "energy_correlation"
    assert [one.name for one in find(["yamnet", "JS_YAMNet"])] == [
        "FD_YAMNet", "JS_YAMNet", "IS_YAMNet", "KID_YAMNet",
    ]  # fmt: skip
    assert {one.extractor for one in find()} == {"yamnet", "onsets"}
    assert find(["clap"])[0].name == "CLAP"
    with pytest.raises(OptionError, match="'FD_YAMNet'"):
        find(["FD_Yamnets"])


def test_onset_scores_leave_out_what_has_no_onset() -> None:
    def item(*times: float) -> dict[str, Tensor]:
        return {"onsets": torch.tensor(times, dtype=torch.float64), "energy": torch.rand(50).double()}

    truth = {"a": item(0.5, 1.0), "b": item(), "c": item(0.2)}
    made = {"a": item(0.51, 1.8), "b": item(0.3), "c": item()}
    f1 = compute(DEFINITIONS["onset_F1"], truth, made)
    assert f1.per_item == {"a": 0.5, "c": 0.0} and f1.items == (2, 2) and f1.notes == ("1 pairs have none",)
    offset = compute(DEFINITIONS["onset_offset"], truth, made)
    assert (
        offset.value == pytest.approx(10) and offset.unit == "ms" and offset.notes == ("2 pairs have none",)
    )
    with pytest.raises(InputError, match="onset_offset"):
        compute(DEFINITIONS["onset_offset"], {"b": truth["b"]}, made)


def test_a_silent_prediction_counts_as_no_correlation() -> None:
    wavy = {"energy": torch.linspace(0, 6, 50).sin().abs().double()}
    flat = {"energy": torch.zeros(50).double()}
    definition = DEFINITIONS["energy_correlation"]
    assert compute(definition, {"a": wavy}, {"a": flat}).value == 0
    assert compute(definition, {"a": wavy}, {"a": wavy}).value == pytest.approx(1)
    with pytest.raises(InputError, match="none of the 1 pairs"):
        compute(definition, {"a": flat}, {"a": wavy})


def test_faults_name_the_score_and_the_item() -> None:
    truth, made = tables(CASE, "panns")
    made["c03"] = made["c03"] | {"logits": torch.full((527,), torch.nan)}
    with pytest.raises(InputError, match="KL_PANNs"):
        compute(DEFINITIONS["KL_PANNs"], truth, made)
    with pytest.raises(InputError, match="FD_PANNs"):
        compute(DEFINITIONS["FD_PANNs"], {"c00": truth["c00"]}, made)
    with pytest.raises(InputError, match="no prediction has the name"):
        compute(DEFINITIONS["IB"], {}, made)
    with pytest.raises(InputError, match="FD_PaSST"):
        compute(DEFINITIONS["FD_PaSST"], {}, made)


def test_intervals_hold_the_value_and_repeat() -> None:
    truth, made = tables(CASE, "panns")
    for name in ("FD_PANNs", "KL_PANNs", "IS_PANNs"):
        one, again, other = (
            compute(DEFINITIONS[name], truth, made, resamples=40, seed=seed) for seed in (3, 3, 4)
        )
        assert one.interval is not None and one.interval == again.interval != other.interval
        assert one.resamples == 40
        assert one.interval[0] < one.value < one.interval[1]  # type: ignore[operator]
    assert compute(DEFINITIONS["KL_PANNs"], truth, made).interval is None


def test_kernel_distance_by_name() -> None:
    truth, made = (
        {f"{k}": {"rows": rows} for k, rows in enumerate(torch.randn(2, 12, 2, 8)[side])} for side in (0, 1)
    )
    score = compute(DEFINITIONS["KID_YAMNet"], truth, made)
    assert compute(DEFINITIONS["KID_YAMNet"], truth, made, resamples=20).interval is None
    assert score.rows == (24, 24) and score.dimension == 8 and "100 subsets" in score.notes[0]


def test_mean_interval_is_that_of_theory() -> None:
    values = np.random.default_rng(0).normal(5, 2, 400)
    interval = mean_interval(list(values), 2000, 1)
    assert interval is not None
    wanted = values.mean() + np.asarray([-1.96, 1.96]) * values.std() / 20
    assert np.allclose(interval, wanted, atol=0.03)
    assert mean_interval([1.0], 100, 0) is None and mean_interval([1.0, 2.0], 0, 0) is None


def test_set_interval_is_laid_around_the_value_and_cut_at_zero() -> None:
    rows = np.random.default_rng(0).normal(size=50)

    def measure(a: Any, b: Any) -> float:
        return float(rows[a].mean() - rows[b].mean()) + 7  # a bias the interval must not have

    interval = set_interval(measure, 0, (50, 50), 1.0, 400, 0)
    assert interval is not None and (interval[0] + interval[1]) / 2 == pytest.approx(1, abs=0.06)
    low = set_interval(measure, 0, (50, 50), 0.0, 400, 0)
    assert low is not None and low[0] == 0
    assert set_interval(measure, 0, (1, 50), 1.0, 400, 0) is None
    with pytest.raises(NonFiniteError):
        set_interval(lambda a, b: float("nan"), 5, (0, 0), 1.0, 20, 0)


def test_pairs_are_drawn_as_pairs() -> None:
    """The same pairs on both sides in every draw, those without a partner by themselves."""
    seen: list[tuple[Any, Any]] = []

    def measure(a: Any, b: Any) -> float:
        seen.append((a, b))
        return float(len(a))

    assert set_interval(measure, 6, (2, 3), 9.0, 30, 0) == (9.0, 9.0)
    for a, b in seen:
        assert np.array_equal(a[:6], b[:6]) and set(a[:6]) <= set(range(6))
        assert set(a[6:]) <= {6, 7} and set(b[6:]) <= {6, 7, 8} and (len(a), len(b)) == (8, 9)
    assert len({tuple(a) for a, _ in seen}) > 20


def test_sides_in_other_orders_are_paired_by_name() -> None:
    """Equal sets have no distance in any draw, whatever the order; so the interval is a point."""
    rows = {
        f"n{k}": {"rows": torch.randn(3, 4, generator=torch.Generator().manual_seed(k))} for k in range(8)
    }
    score = compute(DEFINITIONS["FD_YAMNet"], rows, dict(reversed(rows.items())), resamples=30)
    assert score.interval == pytest.approx((0, 0), abs=1e-9) and score.items == (8, 8)
