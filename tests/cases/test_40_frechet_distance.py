"""Case 40: Frechet distance: exact toys."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from soundvcm.errors import InputError, ShapeError
from soundvcm.evaluation.metrics import few_samples, frechet_distance


def test_frechet_distance_by_hand() -> None:
    found = frechet_distance(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [5.0]]))
    assert found == pytest.approx(6, abs=1e-12)


def test_frechet_distance_on_random_sets_of_case_40() -> None:
    rng = np.random.default_rng(0)
    sizes = [(2, 128), (5, 128), (20, 128), (127, 128), (300, 128), (20, 512), (100, 768), (3000, 128)]
    expected = [503.4333, 382.9768, 251.7416, 104.7718, 54.3283, 1262.1889, 1513.8726, 20.2560]
    for size, value in zip(sizes, expected, strict=True):
        a = torch.from_numpy(rng.normal(size=size).astype(np.float32))
        b = torch.from_numpy((rng.normal(size=size) * 1.3 + 0.2).astype(np.float32))
        assert frechet_distance(a, b) == pytest.approx(value, abs=1e-3)
        assert (few_samples(a, b) is None) == (size[0] > size[1])


@pytest.mark.parametrize(("count", "dim"), [(2, 128), (20, 128), (127, 128), (300, 128), (20, 512)])
def test_a_set_is_at_no_distance_from_itself(count: int, dim: int) -> None:
    rows = torch.randn(count, dim, generator=torch.Generator().manual_seed(count))
    assert 0 <= frechet_distance(rows, rows) < 1e-6


def test_frechet_distance_refuses_what_it_cannot_measure() -> None:
    rows = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match="truth"):
        frechet_distance(rows[:1], rows)
    with pytest.raises(InputError, match="made: item 3"):
        frechet_distance(rows, rows.masked_fill(torch.arange(5)[:, None] == 3, math.nan))
    with pytest.raises(ShapeError):
        frechet_distance(rows, rows[:, :2])
