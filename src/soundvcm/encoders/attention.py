"""Multi-head self-attention with one packed input projection, as PyTorch files name it (in_proj, out_proj).

Shared by CLIP's towers and Synchformer's pooling layer. Knows no encoder in particular.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PackedAttention(nn.Module):
    """Softmax attention over [b, l, d]; query, key, value are the three thirds of `in_proj`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, causal: bool = False, first_only: bool = False) -> Tensor:
        """Attention of every token, or of the first alone.

        Args:
            x: [b, l, d].
            causal: a token sees itself and what came before.
            first_only: compute the query of the first token only; its output is all that is returned.

        Returns:
            [b, l, d], or [b, 1, d] with `first_only`.
        """
        width = x.shape[-1]
        if first_only:
            query = F.linear(x[:, :1], self.in_proj_weight[:width], self.in_proj_bias[:width])
            pair = F.linear(x, self.in_proj_weight[width:], self.in_proj_bias[width:])
            key, value = pair.chunk(2, dim=-1)
        else:
            query, key, value = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        mixed = F.scaled_dot_product_attention(
            self._split(query), self._split(key), self._split(value), is_causal=causal
        )
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        """[b, l, d] => [b, heads, l, d / heads]."""
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)
