"""The small parts all blocks are made of: convolution over time, gated MLPs, input projections, modulation.

Everything is channel-last, [b n d]. Knows nothing of attention, times or conditions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYER_NORM_EPS = 1e-5


class TimeConv(nn.Module):
    """Convolution over the length of channel-last tensors, [b n in] -> [b n out], zero-padded.

    Computed as one matrix product over windows of `kernel` neighbours: 1.5 to 2 times faster in bfloat16 on a
    CPU than Conv1d, and no slower in float32; `names` reorders the reference's weights once.

    Attributes:
        weight: [out, kernel, in].
        bias: [out] or None.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        self.kernel = kernel
        self.weight = nn.Parameter(torch.empty(outputs, kernel, inputs))
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None
        bound = (kernel * inputs) ** -0.5  # PyTorch's default for convolutions, which the reference keeps
        for value in (self.weight, self.bias):
            if value is not None:
                nn.init.uniform_(value, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve each row."""
        return self.product(windows(x, self.kernel))

    def product(self, windowed: Tensor) -> Tensor:
        """The convolution of windows made before, [b n kernel * in] -> [b n out]."""
        return F.linear(windowed, self.weight.flatten(1), self.bias)


def windows(x: Tensor, kernel: int) -> Tensor:
    """Each position with its neighbours, zeros beyond the ends: [b n d] -> [b n kernel * d]."""
    if kernel == 1:
        return x
    autocast = not x.is_meta and torch.is_autocast_enabled(x.device.type)
    if autocast and x.dtype == torch.float32:
        x = x.to(torch.get_autocast_dtype(x.device.type))  # as the product would, but before the copies
    length = x.shape[1]
    padded = F.pad(x, (0, 0, kernel // 2, kernel // 2))
    return torch.cat([padded[:, i : i + length] for i in range(kernel)], dim=-1)


class GatedMLP(nn.Module):
    """SwiGLU without biases: w2(silu(w1 x) * (w3 x)) (as in MMAudio), each a product per position."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)
        self.w3 = nn.Linear(dim, hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[b n d] -> [b n d]."""
        out: Tensor = self.w2(F.silu(self.w1(x)) * self.w3(x))
        return out


class ConvMLP(nn.Module):
    """The same with three convolutions over time (as in MMAudio)."""

    def __init__(self, dim: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.w1 = TimeConv(dim, hidden, kernel, bias=False)
        self.w2 = TimeConv(hidden, dim, kernel, bias=False)
        self.w3 = TimeConv(dim, hidden, kernel, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[b n d] -> [b n d]; both inner convolutions share their windows."""
        windowed = windows(x, self.w1.kernel)
        out: Tensor = self.w2(F.silu(self.w1.product(windowed)) * self.w3.product(windowed))
        return out


class InputProjection(nn.Module):
    """Features of one kind -> hidden: first layer, activation, gated MLP (as in MMAudio).

    Args:
        inputs: width of the features.
        dim: hidden width.
        hidden: inner width of the MLP.
        first_kernel: taps of the first layer; None: per position.
        mlp_kernel: taps of the MLP; None: per position.
        activation: "selu", "silu" or "none".
    """

    def __init__(
        self,
        inputs: int,
        dim: int,
        hidden: int,
        *,
        first_kernel: int | None,
        mlp_kernel: int | None,
        activation: str,
    ) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, dim) if first_kernel is None else TimeConv(inputs, dim, first_kernel)
        self.mlp = GatedMLP(dim, hidden) if mlp_kernel is None else ConvMLP(dim, hidden, mlp_kernel)
        self.activation = activation

    def forward(self, x: Tensor, extra: Tensor | None = None) -> Tensor:
        """[b n inputs] -> [b n d]; `extra` [b n d] joins before the activation."""
        x = self.first(x)
        if extra is not None:
            x = x + extra
        if self.activation == "selu":
            x = F.selu(x)
        elif self.activation == "silu":
            x = F.silu(x)
        out: Tensor = self.mlp(x)
        return out


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """LayerNorm without learned scale, then x (1 + scale) + shift; [b n d] with [b n d] or [b 1 d]."""
    return F.layer_norm(x, (x.shape[-1],), eps=LAYER_NORM_EPS) * (1 + scale) + shift
