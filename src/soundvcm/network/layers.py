"""The small parts all blocks are made of: convolution over time, gated MLPs, input projections, modulation.

Everything is channel-last, [b n d]. Knows nothing of attention, times or conditions.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

LAYER_NORM_EPS = 1e-5


class TimeConv(nn.Conv1d):
    """Conv1d over the length of channel-last tensors, [b n in] -> [b n out], zero-padded."""

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve each channel-last row; a kernel of one tap is a matrix product."""
        if self.kernel_size[0] == 1:
            return F.linear(x, self.weight.squeeze(-1), self.bias)
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class GatedMLP(nn.Module):
    """SwiGLU without biases: w2(silu(w1 x) * (w3 x)) (reference A3); with a kernel: ConvMLP."""

    def __init__(self, dim: int, hidden: int, kernel: int | None = None) -> None:
        super().__init__()

        def layer(inputs: int, outputs: int) -> nn.Module:
            if kernel is None:
                return nn.Linear(inputs, outputs, bias=False)
            return TimeConv(inputs, outputs, kernel, bias=False)

        self.w1 = layer(dim, hidden)
        self.w2 = layer(hidden, dim)
        self.w3 = layer(dim, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """[b n d] -> [b n d]."""
        out: Tensor = self.w2(F.silu(self.w1(x)) * self.w3(x))
        return out


class InputProjection(nn.Module):
    """Features of one kind -> hidden: first layer, activation, gated MLP (reference A3).

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
        self.mlp = GatedMLP(dim, hidden, mlp_kernel)
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
