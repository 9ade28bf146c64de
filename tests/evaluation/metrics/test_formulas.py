"""Metrics: exact toys and what is refused; the reference's numbers are compared in tests/parity."""

from __future__ import annotations

from math import log2

import pytest
import torch
from golden_rules import draw

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


def test_kid_needs_two_rows() -> None:
    with pytest.raises(InputError, match="at least 2"):
        kernel_distance(torch.ones(1, 3), torch.ones(4, 3))


def test_desync() -> None:
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
