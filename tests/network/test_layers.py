"""The small parts against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from soundvcm.network.blocks import ConvMLP, GatedMLP, InputProjection, TimeConv, modulated, windows


@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_convolution_over_time_on_channel_last_rows(kernel: int) -> None:
    torch.manual_seed(0)
    layer, x = TimeConv(3, 5, kernel), torch.randn(2, 9, 3)
    assert layer.weight.shape == (5, kernel, 3)
    plain = F.conv1d(x.transpose(1, 2), layer.weight.transpose(1, 2), layer.bias, padding=kernel // 2)
    torch.testing.assert_close(layer(x), plain.transpose(1, 2))
    bound = (3 * kernel) ** -0.5
    assert 0.5 * bound < float(layer.weight.detach().abs().max()) <= bound


def test_gated_mlp_is_swiglu_without_biases() -> None:
    torch.manual_seed(0)
    mlp, x = GatedMLP(4, 8), torch.randn(2, 3, 4)
    gate = x @ mlp.w1.weight.T
    expected = (gate * torch.sigmoid(gate) * (x @ mlp.w3.weight.T)) @ mlp.w2.weight.T
    torch.testing.assert_close(mlp(x), expected)
    assert not [name for name, _ in mlp.named_parameters() if "bias" in name]


def test_conv_mlp_is_the_same_with_convolutions() -> None:
    torch.manual_seed(0)
    mlp, x = ConvMLP(4, 8, 3), torch.randn(2, 6, 4)
    torch.testing.assert_close(mlp(x), mlp.w2(F.silu(mlp.w1(x)) * mlp.w3(x)))
    assert mlp.w2.weight.shape == (4, 3, 8) and mlp.w2.bias is None


def test_windows_hold_the_neighbours() -> None:
    x = torch.arange(1.0, 5).view(1, 4, 1)
    assert windows(x, 3)[0].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 0]]
    assert windows(x, 1) is x


@pytest.mark.parametrize(("name", "function"), [("selu", F.selu), ("silu", F.silu), ("none", lambda x: x)])
def test_input_projection_order(name: str, function: object) -> None:
    torch.manual_seed(0)
    layer = InputProjection(3, 4, 8, first_kernel=None, mlp_kernel=None, activation=name)
    x, extra = torch.randn(2, 5, 3), torch.randn(2, 5, 4)
    assert callable(function)
    torch.testing.assert_close(layer(x), layer.mlp(function(layer.first(x))))
    torch.testing.assert_close(layer(x, extra), layer.mlp(function(layer.first(x) + extra)))


def test_modulation_of_a_layer_norm() -> None:
    torch.manual_seed(0)
    x, shift, scale = torch.randn(2, 3, 8), torch.randn(2, 1, 8), torch.randn(2, 3, 8)
    normed = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(modulated(x, shift, scale), normed * (1 + scale) + shift)


def test_windows_under_autocast_hold_the_numbers_that_the_product_would_round_to() -> None:
    x = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(0))
    plain = windows(x, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(windows(x, 3), plain.bfloat16())
        assert windows(x.double(), 3).dtype == torch.float64
