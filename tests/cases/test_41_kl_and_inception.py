"""Case 41: KL and inception score: exact toys."""

from __future__ import annotations

import math

import pytest
import torch

from soundvcm.errors import InputError
from soundvcm.evaluation.metrics import inception_score, kl_divergence


def test_kl_has_a_direction() -> None:
    truth, made = torch.tensor([[math.log(3), 0.0]]).double(), torch.zeros(1, 2).double()
    assert kl_divergence(truth, made) == pytest.approx(0.1308120, abs=1e-7)
    assert kl_divergence(made, truth) == pytest.approx(0.1438410, abs=1e-7)
    assert kl_divergence(truth, truth) == 0
    assert kl_divergence(truth.repeat(2, 1), made.repeat(2, 1)) == pytest.approx(0.1308120, abs=1e-7)
    with pytest.raises(InputError, match="at least one pair"):
        kl_divergence(truth[:0], made[:0])


def test_inception_score_toys() -> None:
    sure = 50 * torch.eye(10)
    assert inception_score(sure, 1).mean == pytest.approx(10, abs=1e-6)
    assert inception_score(sure, 10).mean == pytest.approx(1, abs=1e-9)
    assert inception_score(torch.zeros(20, 10)).mean == pytest.approx(1, abs=1e-12)
    four = 50 * torch.eye(4).repeat_interleave(25, 0)
    assert inception_score(four, 1).mean == pytest.approx(4, abs=1e-6)
    ten = inception_score(four, 10)
    assert (ten.mean, ten.std) == (pytest.approx(3.5722, abs=1e-4), pytest.approx(0.2979, abs=1e-4))
    with pytest.raises(InputError, match="splits=5"):
        inception_score(sure[:5])
