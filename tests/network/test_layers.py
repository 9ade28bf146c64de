"""The small parts against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from soundvcm.network.layers import GatedMLP, InputProjection, TimeConv, modulated


@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_convolution_over_time_on_channel_last_rows(kernel: int) -> None:
    torch.manual_seed(0)
    layer, x = TimeConv(3, 5, kernel), torch.randn(2, 9, 3)
    assert layer.weight.shape == (5, 3, kernel)
    padded = F.pad(x, (0, 0, kernel // 2, kernel // 2))
    expected = torch.stack(
        [torch.einsum("bkc,ock->bo", padded[:, i : i + kernel], layer.weight) + layer.bias for i in range(9)],
        dim=1,
    )
    torch.testing.assert_close(layer(x), expected)


def test_gated_mlp_is_swiglu_without_biases() -> None:
    torch.manual_seed(0)
    mlp, x = GatedMLP(4, 8), torch.randn(2, 3, 4)
    gate = x @ mlp.w1.weight.T
    expected = (gate * torch.sigmoid(gate) * (x @ mlp.w3.weight.T)) @ mlp.w2.weight.T
    torch.testing.assert_close(mlp(x), expected)
    assert not [name for name, _ in mlp.named_parameters() if "bias" in name]
    assert GatedMLP(4, 8, kernel=3).w2.weight.shape == (4, 8, 3)


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
