"""Metrics: the reference's numbers (tests/golden/metrics.*) and the exact toys of cases 40, 41 and 43."""

from __future__ import annotations

import json
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_rules import draw, exact_input
from torch import Tensor

from soundvcm.errors import InputError
from soundvcm.evaluation.metrics import (
    cosine,
    desync,
    frechet_distance,
    inception_score,
    kernel_distance,
    kl_divergence,
    label_divergence,
)
from soundvcm.evaluation.networks import bundled_yamnet

GOLDEN = Path(__file__).parents[2] / "golden"
NUMBERS: dict[str, Any] = json.loads((GOLDEN / "metrics.json").read_text(encoding="utf-8"))


def stored(name: str) -> Tensor:
    with np.load(GOLDEN / "metrics.npz") as file:
        return torch.from_numpy(file[name])


def golden_logits() -> tuple[Tensor, Tensor]:
    shape = (NUMBERS["logits"]["n"], NUMBERS["logits"]["classes"])
    a, b = exact_input("metrics.logits.gt", shape), exact_input("metrics.logits.pred", shape)
    truth, made = (2 * a).astype(np.float32), (2 * (0.7 * a + 0.6 * b)).astype(np.float32)
    assert np.allclose(truth[0, :4], NUMBERS["logits"]["gt_first4"])
    return torch.from_numpy(truth), torch.from_numpy(made)


@pytest.mark.parametrize("case", NUMBERS["fd"], ids=lambda case: case["name"])
def test_frechet_distance_equals_the_exact_value(case: dict[str, Any]) -> None:
    n, m, d = case["n_gt"], case["n_pred"], case["dim"]
    a, b = (
        exact_input(f"metrics.{case['name']}.gt", (n, d)),
        exact_input(f"metrics.{case['name']}.pred", (m, d)),
    )
    scale = 1 + 0.5 * np.cos(np.arange(d))
    mixed, both = 0.8 * b, min(n, m)
    mixed[:both] += 0.3 * a[:both]
    truth, made = (a * scale).astype(np.float32), (mixed * scale + 0.1).astype(np.float32)
    found = frechet_distance(torch.from_numpy(truth), torch.from_numpy(made))
    assert found == pytest.approx(case["exact"], rel=1e-9)
    assert found == pytest.approx(case["reference"], rel=1e-6)


def test_kl_equals_the_reference() -> None:
    assert kl_divergence(*golden_logits()) == pytest.approx(NUMBERS["kl_float64"]["kl_softmax"], abs=1e-12)


@pytest.mark.parametrize(
    ("key", "splits", "seed"),
    [
        ("isc_10_splits_shuffle_2020", 10, 2020),
        ("isc_10_splits_no_shuffle", 10, None),
        ("isc_1_split", 1, 2020),
    ],
)
def test_inception_score_equals_the_reference(key: str, splits: int, seed: int | None) -> None:
    found = inception_score(golden_logits()[1], splits, seed)
    assert found.mean == pytest.approx(NUMBERS[key]["inception_score_mean"], abs=1e-12)
    assert found.std == pytest.approx(NUMBERS[key]["inception_score_std"], abs=1e-12)


def test_kid_equals_the_reference() -> None:
    truth, made = stored("kid_gt"), stored("kid_pred")
    found = kernel_distance(truth, made, 20, 30)
    wanted = NUMBERS["kid"]["float64"]
    assert found.mean == pytest.approx(wanted["kernel_inception_distance_mean"], abs=1e-12)
    assert found.std == pytest.approx(wanted["kernel_inception_distance_std"], abs=1e-12)
    whole = kernel_distance(truth, made, 20, 1000)
    wanted = NUMBERS["kid"]["subset_size_larger_than_data_1000"]
    assert whole.mean == pytest.approx(wanted["kernel_inception_distance_mean"], abs=1e-12)
    with pytest.raises(InputError, match="at least 2"):
        kernel_distance(truth[:1], made)


def test_desync() -> None:
    found = desync(stored("desync_logits_first14"), stored("desync_logits_last14"))
    assert found == pytest.approx(NUMBERS["desync"]["value"], abs=1e-7)
    assert desync(torch.tensor([10, 12, 8, 20])) == pytest.approx(0.70, abs=1e-12)
    assert desync(torch.arange(21)) == pytest.approx(1.048, abs=5e-4)
    with pytest.raises(InputError, match="0 .. 20"):
        desync(torch.tensor([21]))
    with pytest.raises(InputError, match="at least one"):
        desync()


def test_cosine() -> None:
    a = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert cosine(a, a * 3) == pytest.approx(1)
    assert cosine(a, a.flip(1)) == pytest.approx(0)
    assert cosine(a, torch.tensor([[1.0, 1.0], [0.0, -5.0]])) == pytest.approx((2**-0.5 - 1) / 2)
    with pytest.raises(InputError, match="at least one pair"):
        cosine(a[:0], a[:0])


def test_labels_that_differ_are_counted() -> None:
    """A class certain on one side only is one bit; a mixture is what Jensen and Shannon say; symmetric."""
    a, b = torch.tensor([[1.0, 0.0, 1.0, 0.5]]), torch.tensor([[0.0, 0.0, 1.0, 0.5]])
    assert label_divergence(a, b) == pytest.approx(1) and label_divergence(a, a) == 0
    half = label_divergence(torch.tensor([[0.5]]), torch.tensor([[1.0]]))
    assert half == pytest.approx(0.75 * 2 - 0.75 * log2(3) - 0.5 + 0.25 * 2, abs=1e-6)
    assert half == label_divergence(torch.tensor([[1.0]]), torch.tensor([[0.5]]))
    with pytest.raises(InputError, match="chances, not logits"):
        label_divergence(a, 3 * b)
    with pytest.raises(InputError, match="at least one pair"):
        label_divergence(a[:0], b[:0])


def test_labels_of_clicks_are_far_from_silence() -> None:
    """What the softmax of the logits calls equal (four clicks, silence) differs; a sound equals itself."""
    network = bundled_yamnet()
    clicks, noise = torch.zeros(4 * 16_000), draw("labels.noise", (4 * 16_000,))
    clicks[8_000::16_000] = 0.9
    sounds = (clicks, torch.zeros(4 * 16_000), torch.from_numpy(noise.astype("f4")) * 0.1)
    scores = [network.scores(wave).mean(0, keepdim=True) for wave in sounds]
    assert all(label_divergence(one, one) < 1e-9 for one in scores)
    far = [label_divergence(scores[k], scores[j]) for k, j in ((0, 1), (0, 2), (1, 2))]
    assert min(far) > 0.3 and max(far) < 10


@pytest.mark.parametrize("size", [1e200, 1e300])
def test_what_overflows_is_refused(size: float) -> None:
    """Numbers no network gives: an error, never a 0, a nan or an infinity that looks like a score."""
    rows = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with pytest.raises(InputError, match="overflows"):
        frechet_distance(rows, rows * size)
    with pytest.raises(InputError, match="overflows"):
        kernel_distance(rows, rows * size)
    assert cosine(rows, rows * (size / 10)) == pytest.approx(1)
    logits = torch.tensor([[-1.7e308, 1.7e308]], dtype=torch.float64)
    with pytest.raises(InputError, match="overflows"):
        kl_divergence(logits, -logits)


def test_inception_score_of_logits_far_apart_is_finite() -> None:
    """Chances below the smallest float64 have a mean of 0: their ratio to it is computed by logarithms."""
    logits = torch.tensor([[372.0, -372.0], [372.3, -372.4]], dtype=torch.float64).repeat(5, 1)
    assert inception_score(logits, 1).mean == pytest.approx(1, abs=1e-9)
    sure = torch.tensor([[400.0, -400.0], [-400.0, 400.0]]).double()
    assert inception_score(sure, 1).mean == pytest.approx(2)


def test_empty_or_foreign_shapes_are_refused() -> None:
    rows = torch.ones(4, 3)
    with pytest.raises(InputError, match="subsets"):
        kernel_distance(rows, rows, subsets=0)
    with pytest.raises(InputError, match="21 classes"):
        desync(torch.zeros(4, 20))
