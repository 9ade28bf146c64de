"""What times and places look like to the network: sinusoids of a number in [0, 1], rotary positions.

Also the resampling of sync tokens to latents. Angles are cached per length as plain arrays; a call returns
fresh tensors, so that threads, devices, number formats and autograd modes never meet in a shared one. Knows
scalars and lengths; nothing of blocks or modalities.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soundvcm.network.config import NetworkConfig
from soundvcm.runtime import sent

THETA = 10_000.0


def time_features(t: Tensor, width: int, period: float) -> Tensor:
    """Sinusoids [cos(t f_i) | sin(t f_i)], f_i = (1e4 / period) 1e4^(-2i / width) (eq. 30).

    Args:
        t: [b] times, unscaled.
        width: number of features, even.
        period: longest period in units of 2 pi t.

    Returns:
        [b, width] in float32, or float64 for float64 times.
    """
    wide = t.dtype if t.dtype == torch.float64 else torch.float32
    steps = torch.arange(0, width, 2, dtype=wide, device=t.device) / width
    frequencies = torch.exp(-math.log(10_000.0) * steps) * (10_000.0 / period)
    angles = t.to(wide)[:, None] * frequencies[None]
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class ScalarEmbedder(nn.Module):
    """Sinusoid of one or more numbers -> Linear -> SiLU -> Linear, [b] -> [b d] (as in MMAudio)."""

    def __init__(self, width: int, period: float, dim: int, numbers: int = 1) -> None:
        super().__init__()
        self.width = width
        self.period = period
        self.inner = nn.Linear(width * numbers, dim)
        self.outer = nn.Linear(dim, dim)

    def forward(self, *values: Tensor) -> Tensor:
        """Embed values [b]; several are concatenated as sinusoids."""
        weight = self.inner.weight
        wide = torch.float64 if weight.dtype == torch.float64 else torch.float32
        features = [time_features(value.to(wide), self.width, self.period) for value in values]
        out: Tensor = self.outer(F.silu(self.inner(torch.cat(features, dim=-1).to(weight.dtype))))
        return out


class TimeEmbedding(nn.Module):
    """Where the step begins, and for two-time networks where it ends, as one vector [b d].

    The second number is t - s >= 0 (`offset`) or s (`absolute`); they meet as `time_embed` says.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.second_time = config.second_time
        self.time_embed = config.time_embed
        self.mirrored = config.mirrored
        width, period, dim = config.time_width, config.longest_period, config.hidden
        both = config.two_time and config.time_embed == "concat"
        self.first = ScalarEmbedder(width, period, dim, numbers=2 if both else 1)
        apart = config.two_time and config.time_embed == "sum"
        self.second = ScalarEmbedder(width, config.second_period, dim) if apart else None

    def forward(self, t: Tensor, s: Tensor) -> Tensor:
        """Embed t [b] and s [b], data at 0 and noise at 1; single-time networks do not look at s."""
        start = 1 - t if self.mirrored else t
        if self.second_time == "none":
            first: Tensor = self.first(start)
            return first
        if self.second_time == "offset":
            second = t - s
        else:
            second = 1 - s if self.mirrored else s
        if self.time_embed == "concat":
            joined: Tensor = self.first(start, second)
            return joined
        other = self.first if self.second is None else self.second
        summed: Tensor = self.first(start) + other(second)
        return summed


def nearest_index(tokens: int, latents: int, ratio: float | None = None) -> Tensor:
    """For each of `latents` the sync token that is nearest in time, [latents] int64 on the CPU.

    Without a ratio this is torch's nearest-exact interpolation in float32, rounding of ties included: public
    weights were trained with it, also where exact arithmetic says otherwise (192 -> 345). With a ratio
    (tokens per latent) the clocks of both streams are kept whatever their lengths.
    """
    if ratio is not None:
        centres = (torch.arange(latents, dtype=torch.float64) + 0.5) * ratio
        return centres.floor().long().clamp(0, tokens - 1)
    numbers = torch.arange(tokens, dtype=torch.float32)[None, None]
    return F.interpolate(numbers, size=latents, mode="nearest-exact")[0, 0].long()


def resample_linear(x: Tensor, latents: int, ratio: float | None = None) -> Tensor:
    """Linear interpolation between token centres, [b g e] -> [b latents e]; the ends are held.

    Args:
        x: one vector per sync token.
        latents: wanted length.
        ratio: sync tokens per latent; None: g / latents.
    """
    tokens = x.shape[1]
    step = tokens / latents if ratio is None else ratio
    centres = ((torch.arange(latents, dtype=torch.float64) + 0.5) * step - 0.5).clamp(0, tokens - 1)
    low = centres.floor()
    share = sent((centres - low)[None, :, None], x.device, x.dtype)
    first = sent(low.long(), x.device)
    return torch.lerp(x[:, first], x[:, (first + 1).clamp(max=tokens - 1)], share)


class Rotation(NamedTuple):
    """Cosines and sines of one sequence, each [n, width / 2]."""

    cos: Tensor
    sin: Tensor


@lru_cache(maxsize=128)
def _table(length: int, width: int, stretch: float) -> npt.NDArray[np.float64]:
    """[2, length, width / 2] cosines and sines of position x stretch x theta^(-2k / width)."""
    frequencies = THETA ** (-np.arange(0, width, 2, dtype=np.float64) / width)
    angles = np.arange(length, dtype=np.float64)[:, None] * (frequencies * stretch)[None]
    return np.stack([np.cos(angles), np.sin(angles)])


def rotation(
    length: int,
    width: int,
    stretch: float = 1.0,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Rotation:
    """Rotation of positions 0, stretch, 2 stretch ... for heads of `width` channels (as in MMAudio).

    Args:
        length: tokens n.
        width: channels of a head.
        stretch: distance of neighbours in latent positions; n / f puts picture i of f where it is shown.
        device: where the tables go.
        dtype: float32 or float64; narrower formats are served in float32.
    """
    wide = dtype if dtype == torch.float64 else torch.float32
    both = torch.tensor(_table(length, width, stretch), dtype=wide)
    both = both if device is None else sent(both, device)
    return Rotation(both[0], both[1])


def rotate(x: Tensor, by: Rotation) -> Tensor:
    """Rotate pairs (k, k + width/2) of x [b n ... width] by angle k of position n.

    The reference pairs neighbours (2k, 2k + 1); `names` reorders the rows of its weights once, so that
    here both halves are contiguous. Computed in float32 or wider; the result has that format.
    """
    shape = (by.cos.shape[0],) + (1,) * (x.dim() - 3) + (by.cos.shape[1],)
    cos, sin = by.cos.view(shape), by.sin.view(shape)
    even, odd = x.chunk(2, dim=-1)
    return torch.cat([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
