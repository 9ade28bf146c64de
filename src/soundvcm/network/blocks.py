"""The parts of the transformer: convolutions over time, gated MLPs, projections; joint, fused, last blocks.

Everything is channel-last, [b n d]. Blocks take conditions that already went through SiLU (once per pass, not
once per block). They know nothing of modality names beyond their order, of times or of lengths.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soundvcm.network.config import NetworkConfig
from soundvcm.network.embeddings import Rotation, rotate
from soundvcm.runtime import attention

#: The reference's RMSNorm takes float32's machine epsilon whatever the number format.
HEAD_NORM_EPS = 2.0**-23
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


class _HeadNorm(nn.Module):
    """The learned scale of one RMSNorm over the channels of a head, weight [width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


class Attention(nn.Module):
    """Queries, keys and values of one stream; the softmax over several streams happens in the block.

    Rows of `qkv.weight` are ordered [q, k, v][head][channel], and channels of q and k are [even | odd] of the
    reference's pairs; `names` translates.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.q_norm = _HeadNorm(dim // heads)
        self.k_norm = _HeadNorm(dim // heads)

    def forward(self, x: Tensor, by: Rotation | None) -> tuple[Tensor, Tensor]:
        """Project x [b n d] -> (queries and keys [b n 2 h e], values [b n h e])."""
        batch, length, dim = x.shape
        both = self.qkv(x).view(batch, length, 3, self.heads, dim // self.heads)
        scale = torch.stack([self.q_norm.weight, self.k_norm.weight])[:, None]
        queries_keys, value = both.split([2, 1], dim=2)  # one backward copy; two slices would add two sums
        normed = F.rms_norm(queries_keys, (dim // self.heads,), eps=HEAD_NORM_EPS) * scale
        value = value.squeeze(2)
        if by is not None:
            normed = rotate(normed, by)
        return normed.to(value.dtype), value


def attend(queries_keys: Tensor, values: Tensor) -> Tensor:
    """Full softmax attention over all tokens, scale 1 / sqrt(e): [b n 2 h e], [b n h e] -> [b n d]."""
    query, key = queries_keys.permute(2, 0, 3, 1, 4)
    out = attention(query, key, values.transpose(1, 2))
    return out.transpose(1, 2).flatten(2)


class Opened(NamedTuple):
    """A stream between its projections and its residual updates; pre-only streams have no gates."""

    queries_keys: Tensor
    values: Tensor
    gates: tuple[Tensor, Tensor, Tensor, Tensor] | None


class Stream(nn.Module):
    """One modality's share of a block: adaLN, attention projections, output projection, MLP (as in MMAudio).

    Args:
        config: widths and kernels.
        conv: latents and pictures use convolutions, text does not.
        pre_only: the stream is only looked at (last joint block): no output, no MLP.
    """

    def __init__(self, config: NetworkConfig, *, conv: bool, pre_only: bool = False) -> None:
        super().__init__()
        dim = config.hidden
        self.pre_only = pre_only
        self.modulation = nn.Linear(dim, (2 if pre_only else 6) * dim)
        self.attention = Attention(dim, config.heads)
        if not pre_only:
            self.out = TimeConv(dim, dim, config.out_kernel) if conv else nn.Linear(dim, dim)
            inner = config.mlp_hidden
            self.ffn = ConvMLP(dim, inner, config.ffn_kernel) if conv else GatedMLP(dim, inner)

    def open(self, x: Tensor, condition: Tensor, by: Rotation | None) -> Opened:
        """Modulate x [b n d] by condition ([b n d] or [b 1 d], after SiLU) and project it for attention."""
        shift, scale, *gates = self.modulation(condition).chunk(2 if self.pre_only else 6, dim=-1)
        queries_keys, values = self.attention(modulated(x, shift, scale), by)
        return Opened(queries_keys, values, tuple(gates) if gates else None)

    def close(self, x: Tensor, attended: Tensor, opened: Opened) -> Tensor:
        """Add gate * out(attended), then gate * ffn(modulated x), [b n d]; pre-only streams return x."""
        if opened.gates is None:
            return x
        attention_gate, shift, scale, ffn_gate = opened.gates
        x = x + attention_gate * self.out(attended)
        updated: Tensor = x + ffn_gate * self.ffn(modulated(x, shift, scale))
        return updated


class JointBlock(nn.Module):
    """Latents, pictures and text attend to one another, each with its own weights (MM-DiT, as in MMAudio)."""

    def __init__(self, config: NetworkConfig, *, last: bool) -> None:
        super().__init__()
        self.latent = Stream(config, conv=True)
        self.semantic = Stream(config, conv=True, pre_only=last)
        self.text = Stream(config, conv=False, pre_only=last)

    def forward(
        self,
        latent: Tensor,
        semantic: Tensor,
        text: Tensor,
        frame_condition: Tensor,
        global_condition: Tensor,
        by_latent: Rotation,
        by_semantic: Rotation,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """[b n d], [b f d], [b l d] -> the same; the last joint block returns pictures and text unchanged."""
        opened = (
            self.latent.open(latent, frame_condition, by_latent),
            self.semantic.open(semantic, global_condition, by_semantic),
            self.text.open(text, global_condition, None),
        )
        attended = attend(
            torch.cat([part.queries_keys for part in opened], dim=1),
            torch.cat([part.values for part in opened], dim=1),
        )
        own = torch.split(attended, [latent.shape[1], semantic.shape[1], text.shape[1]], dim=1)
        return (
            self.latent.close(latent, own[0], opened[0]),
            self.semantic.close(semantic, own[1], opened[1]),
            self.text.close(text, own[2], opened[2]),
        )


class FusedBlock(Stream):
    """A latent-only block: self-attention and MLP (as in MMAudio)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config, conv=True)

    def forward(self, latent: Tensor, frame_condition: Tensor, by_latent: Rotation) -> Tensor:
        """[b n d] -> [b n d]."""
        opened = self.open(latent, frame_condition, by_latent)
        return self.close(latent, attend(opened.queries_keys, opened.values), opened)


class FinalLayer(nn.Module):
    """adaLN with shift and scale, then a convolution to the latents' channels (as in MMAudio)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.modulation = nn.Linear(config.hidden, 2 * config.hidden)
        self.conv = TimeConv(config.hidden, config.shown_channels * config.patch, config.final_kernel)

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        """[b m d] with a condition [b 1 d] or [b m d] after SiLU -> [b m patch * c], twice c with a gate."""
        shift, scale = self.modulation(condition).chunk(2, dim=-1)
        out: Tensor = self.conv(modulated(latent, shift, scale))
        return out


def run_once(block: nn.Module, *given: Any) -> Any:
    """A block as it is."""
    return block(*given)


def run_again(block: nn.Module, *given: Any) -> Any:
    """A block that keeps only what it was given, and runs again when the gradient comes back."""
    from torch.utils.checkpoint import checkpoint

    # There is no dropout, so no random state to keep.
    return checkpoint(block, *given, use_reentrant=False, preserve_rng_state=False)
