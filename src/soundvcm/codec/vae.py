"""The paper's mel VAE: one-dimensional, magnitude preserving (as in MMAudio; Karras et al. 2024, arXiv
2312.02696).

    mel [b, bins, 2n] => encode_mel => Moments [b, n, c];   latents [b, n, c] => decode_mel => mel [b, bins,
    2n]

Module names are those of the public checkpoints. Their raw weights are normalised once, when they are loaded
(`fold`), never in a call. Knows no waves, no files and no training.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm import weights
from soundvcm.codec.base import in_chunks
from soundvcm.config import Config
from soundvcm.records import Moments, check_shape

EPSILON = 1e-4  # added to every root mean square, in activations and in weights
BALANCE = 0.3  # share of the branch in a residual sum (EDM2 Equation 88)
CLAMP = 256.0
MULTIPLES = (1, 2, 4)  # channels of the three levels, in widths
LOG_VARIANCE = (-30.0, 20.0)
# Latents on either side that a mel frame depends on after the attention: 6 convolutions at each of the levels
# 2 and 1,
# the one after the change of rate, 6 at level 0 and the last (half a latent each).
DECODER_REACH = 6 + 6 + 1 + 3 + 1


class VaeConfig(Config):
    """Sizes of one VAE.

    Attributes:
        bins: mel bands.
        dim: latent channels c.
        width: channels of the first level.
    """

    bins: int
    dim: int
    width: int


VAE_16K = VaeConfig(bins=80, dim=20, width=384)
VAE_44K = VaeConfig(bins=128, dim=40, width=512)


def pixel_norm(x: Tensor) -> Tensor:
    """Each position divided by the root mean square of its channels (dim 1), any [b, c, ...]."""
    mean_square = x.square().mean(dim=1, keepdim=True)
    return x / (mean_square.sqrt() + EPSILON)


def mp_silu(x: Tensor) -> Tensor:
    """SiLU that keeps the magnitude of normal input (EDM2 Equation 81)."""
    return F.silu(x) / 0.596


def mp_sum(skip: Tensor, branch: Tensor) -> Tensor:
    """Residual sum that keeps the magnitude (EDM2 Equation 88), t = 0.3."""
    return torch.lerp(skip, branch, BALANCE) / sqrt((1 - BALANCE) ** 2 + BALANCE**2)


def fold(weight: Tensor) -> Tensor:
    """The convolution that a stored weight [out, in, k] stands for: unit rows, then 1 / sqrt(fan-in)."""
    fan_in = weight[0].numel()
    rms = weight.square().mean(dim=(1, 2), keepdim=True).sqrt()
    return weight / (rms + EPSILON) / sqrt(fan_in)


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2, bias=False)


class _ResBlock(nn.Module):
    """Pixel norm, two convolutions, balanced sum; [b, inputs, n] => [b, outputs, n]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = _conv(inputs, outputs, 3)
        self.conv2 = _conv(outputs, outputs, 3)
        self.nin_shortcut = _conv(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        """[b, inputs, n] => [b, outputs, n]."""
        x = pixel_norm(x)
        branch = self.conv2(mp_silu(self.conv1(mp_silu(x))))
        return mp_sum(x if self.nin_shortcut is None else self.nin_shortcut(x), branch)


class Attention(nn.Module):
    """One head over all positions; query, key and value each pixel-normed; [b, c, n] => [b, c, n]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = _conv(channels, 3 * channels, 1)
        self.proj_out = _conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, n] => [b, c, n]. Output channel c * 3 + j of `qkv` is channel c of query, key, value (j)."""
        batch, channels, length = x.shape
        three = self.qkv(x).reshape(batch, channels, 3, length)
        query, key, value = (pixel_norm(three[:, :, j]).transpose(1, 2)[:, None] for j in range(3))
        mixed = F.scaled_dot_product_attention(query, key, value)[:, 0].transpose(1, 2)
        return mp_sum(x, self.proj_out(mixed))


class Middle(nn.Module):
    """Block, attention, block at the lowest rate; [b, c, n] => [b, c, n]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = _ResBlock(channels, channels)
        self.attn_1 = Attention(channels)
        self.block_2 = _ResBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, n] => [b, c, n]."""
        for part in (self.block_1, self.attn_1, self.block_2):
            x = part(x).clamp(-CLAMP, CLAMP)
        return x


class Downsample(nn.Module):
    """1x1 convolution, mean of pairs, 1x1 convolution; an odd last position is dropped."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, channels, 1)
        self.conv2 = _conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, n] => [b, c, n // 2]."""
        out: Tensor = self.conv2(F.avg_pool1d(self.conv1(x), 2))
        return out


class _Upsample(nn.Module):
    """Each position twice, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = _conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, n] => [b, c, 2n]."""
        out: Tensor = self.conv(x.repeat_interleave(2, dim=2))
        return out


class Level(nn.Module):
    """Blocks of one width, then an optional change of rate."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        self.block = nn.ModuleList(_ResBlock(outputs if i else inputs, outputs) for i in range(blocks))
        self.downsample: Downsample | None = None
        self.upsample: _Upsample | None = None

    def forward(self, x: Tensor) -> Tensor:
        """[b, inputs, n] => [b, outputs, n or n // 2 or 2n]."""
        for block in self.block:
            x = block(x).clamp(-CLAMP, CLAMP)
        for change in (self.downsample, self.upsample):
            if change is not None:
                x = change(x).clamp(-CLAMP, CLAMP)
        return x


class Encoder(nn.Module):
    """Standardised mel [b, bins, 2n] => mean and log variance [b, 2c, n]."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.width * multiple for multiple in MULTIPLES]
        self.learnable_gain = nn.Parameter(torch.zeros(()))
        self.conv_in = _conv(config.bins, widths[0], 3)
        self.down = nn.ModuleList(
            Level(widths[max(0, level - 1)], widths[level], 2) for level in range(len(widths))
        )
        self.down[0].downsample = Downsample(widths[0])
        self.mid = Middle(widths[-1])
        self.conv_out = _conv(widths[-1], 2 * config.dim, 3)

    def forward(self, mel: Tensor) -> Tensor:
        """[b, bins, m] => [b, 2c, m // 2]."""
        x = self.conv_in(mel)
        for level in self.down:
            x = level(x)
        out: Tensor = self.conv_out(mp_silu(self.mid(x))) * (1 + self.learnable_gain)
        return out


class Decoder(nn.Module):
    """Latents [b, c, n] => standardised mel [b, bins, 2n]."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.width * multiple for multiple in MULTIPLES]
        top = len(widths) - 1
        self.learnable_gain = nn.Parameter(torch.zeros(()))
        self.conv_in = _conv(config.dim, widths[-1], 3)
        self.mid = Middle(widths[-1])
        self.up = nn.ModuleList(
            Level(widths[min(top, level + 1)], widths[level], 3) for level in range(len(widths))
        )
        self.up[1].upsample = _Upsample(widths[1])
        self.conv_out = _conv(widths[0], config.bins, 3)

    def forward(self, latents: Tensor, chunk: int | None = None) -> Tensor:
        """[b, c, n] => [b, bins, 2n]; `chunk` bounds the memory of all that follows the attention."""
        x = self.mid(self.conv_in(latents))
        return self.spread(x) if chunk is None else in_chunks(self.spread, x, chunk, DECODER_REACH, 2)

    def spread(self, x: Tensor) -> Tensor:
        """Levels and last convolution, all local; [b, 4 width, n] => [b, bins, 2n]."""
        for level in reversed(self.up):
            x = level(x)
        out: Tensor = self.conv_out(mp_silu(x)) * (1 + self.learnable_gain)
        return out


class MelVae(nn.Module):
    """Both halves and the statistics of the mel bands, under the names of the public files."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.data_mean: Tensor
        self.data_std: Tensor
        self.register_buffer("data_mean", torch.zeros(1, config.bins, 1))
        self.register_buffer("data_std", torch.ones(1, config.bins, 1))
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def load(self, tensors: Mapping[str, Tensor], what: str) -> None:
        """Take raw weights of a public file, folded on the way.

        Raises:
            WeightsError: if a name or a shape does not fit.
        """
        folded = {
            name: fold(value) if value.ndim == 3 and name.endswith(".weight") else value
            for name, value in tensors.items()
        }
        weights.fit(self, folded, what)

    def encode_mel(self, mel: Tensor) -> Moments:
        """Log-mel [b, bins, m] => posterior [b, m // 2, c]; an odd last frame is dropped."""
        check_shape("mel", mel, "b m f", m=self.config.bins)
        mean, log_variance = self.encoder((mel - self.data_mean) / self.data_std).transpose(1, 2).chunk(2, -1)
        return Moments(mean, (0.5 * log_variance.clamp(*LOG_VARIANCE)).exp())

    def decode_mel(self, latents: Tensor, chunk: int | None = None) -> Tensor:
        """Latents [b, n, c] => log-mel [b, bins, 2n]; the same result whatever the chunk (in latents)."""
        check_shape("latents", latents, "b n c", c=self.config.dim)
        form = next(self.decoder.parameters()).dtype  # bfloat16 in a codec that was narrowed
        mel = self.decoder(latents.transpose(1, 2).to(form), chunk).to(latents.dtype)
        out: Tensor = mel * self.data_std + self.data_mean
        return out
