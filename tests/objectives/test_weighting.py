"""The adaptive weight and the numbers worth watching."""

from __future__ import annotations

import pytest
import torch

from soundvcm.objectives.rows import PairsConfig, RowsConfig, draw_rows
from soundvcm.objectives.weighting import adaptive_weight, bin_means, loss_terms, mean_square


@pytest.fixture
def rows(conditions_of, draw):
    return draw_rows(PairsConfig(), draw(64, 2, 3), conditions_of(64), None, torch.Generator().manual_seed(0))


def test_mean_square_is_per_row_and_wide() -> None:
    residual = torch.tensor([[[1.0, 3.0]], [[0.0, 2.0]]])
    assert mean_square(residual).tolist() == [5.0, 2.0]
    assert mean_square(residual.bfloat16()).dtype == torch.float32


def test_the_weight_is_equation_11_and_carries_no_gradient() -> None:
    mse = torch.tensor([0.0, 0.99], requires_grad=True)
    weight = adaptive_weight(mse, 1.0, 0.01)
    assert torch.allclose(weight, torch.tensor([100.0, 1.0])) and not weight.requires_grad
    assert torch.equal(adaptive_weight(mse, 0.0, 0.01), torch.ones(2))
    assert torch.allclose(adaptive_weight(mse, 0.5, 0.01), torch.tensor([10.0, 1.0]))


def test_the_loss_is_the_mean_of_its_rows(rows) -> None:
    mse = torch.rand(64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    terms = loss_terms(RowsConfig(), rows, mse)
    assert torch.allclose(terms.loss, (mse / (mse.detach() + 0.01)).mean())
    assert torch.equal(terms.loss, terms.rows["loss"].mean())
    assert torch.equal(terms.rows["consistency"], rows.times.consistency)
    (gradient,) = torch.autograd.grad(terms.loss, mse)
    assert torch.allclose(gradient, adaptive_weight(mse, 1.0, 0.01) / 64)


def test_each_half_can_be_differentiated_alone(rows) -> None:
    mse = torch.rand(64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    terms = loss_terms(RowsConfig(), rows, mse)
    half = terms.rows["loss"][terms.rows["consistency"]].sum()
    (gradient,) = torch.autograd.grad(half, mse)
    assert bool((gradient[~rows.times.consistency] == 0).all()) and float(gradient.abs().sum()) > 0


def test_other_weights_and_other_numbers_to_show(rows) -> None:
    mse = torch.ones(64)
    terms = loss_terms(RowsConfig(), rows, mse, shown=3 * mse, weight=2 * mse, watch={"lambda": 0.1})
    assert float(terms.loss) == 2.0
    assert terms.watch["mse/velocity"] == 3.0 and terms.watch["lambda"] == 0.1
    assert torch.equal(terms.rows["mse"], 3 * mse)


def test_bins_of_time_are_fifths_and_empty_ones_are_left_out(rows) -> None:
    found = bin_means(rows.times, rows.t)
    for name, value in found.items():
        if "/t" in name:
            low = float(name.split("/t")[1])
            assert low <= value <= low + 0.2
    halves = rows.times.consistency
    assert found["mse/velocity"] == pytest.approx(float(rows.times.t[~halves].mean()), rel=1e-5)
    assert found["mse/consistency"] == pytest.approx(float(rows.times.t[halves].mean()), rel=1e-5)
    assert all(value == value for value in found.values())


def test_the_end_of_time_belongs_to_the_last_bin(conditions_of, draw) -> None:
    config = PairsConfig(ratio=0.0, endpoint_share=1.0)
    rows = draw_rows(config, draw(4, 2, 3), conditions_of(4), None, torch.Generator().manual_seed(0))
    assert set(bin_means(rows.times, torch.ones(4))) == {"mse/consistency", "mse/consistency/t0.8"}
