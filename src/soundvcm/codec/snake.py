"""The snake activation without aliasing: twice the rate, snake, half the rate (BigVGAN, arXiv 2206.04658,
3.2).

Both changes of rate are one low-pass of 12 taps, applied to each channel by itself; ends are continued by
their last value. Knows nothing of the networks that use it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

TAPS = 12
CUTOFF = 0.25  # of the doubled rate
HALF_WIDTH = 0.3  # of the transition band
TINY = 1e-9
BLOCK = 16  # samples that one product filters on a CPU
CACHED = 65_536  # samples worked on at a time there: what they become stays in a core's cache


@lru_cache(maxsize=1)
def _filter() -> np.ndarray[tuple[int], np.dtype[np.floating]]:
    half = TAPS // 2
    attenuation = 2.285 * (half - 1) * np.pi * 4 * HALF_WIDTH + 7.95
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    else:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    time = np.arange(-half, half) + 0.5
    taps = 2 * CUTOFF * np.kaiser(TAPS, beta) * np.sinc(2 * CUTOFF * time)
    normed: np.ndarray[tuple[int], np.dtype[np.floating]] = taps / taps.sum()
    return normed


def kaiser_sinc_filter() -> Tensor:
    """The low-pass of 12 taps [12], sum 1, in double precision."""
    return torch.from_numpy(_filter().copy())


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # kept for calls that may be tracked
def _taps(dtype: torch.dtype, device: torch.device) -> Tensor:
    """The filter [1, 1, 12] in the format and on the device of the signal (cast before the move: MPS)."""
    return kaiser_sinc_filter().to(dtype).to(device)[None, None]


def continued(x: Tensor, before: int, after: int) -> Tensor:
    """[b, c, s] with its first and last sample repeated, [b, c, before + s + after].

    What F.pad calls "replicate", in a third of its time on a CPU.
    """
    return torch.cat([x[..., :1].expand(-1, -1, before), x, x[..., -1:].expand(-1, -1, after)], dim=-1)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _products(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The changes of rate of a block as products: [BLOCK + 6, 2 BLOCK] and [2 BLOCK + 10, BLOCK]."""
    taps = kaiser_sinc_filter()
    up = torch.zeros(BLOCK + 6, 2 * BLOCK, dtype=torch.float64)
    down = torch.zeros(2 * BLOCK + 10, BLOCK, dtype=torch.float64)
    for tap in range(TAPS):
        for at in range(2 * BLOCK):
            source, odd = divmod(at + 11 - tap, 2)
            if not odd:
                up[source, at] = 2 * taps[tap]
        for at in range(BLOCK):
            down[2 * at + tap, at] = taps[tap]
    return up.to(dtype), down.to(dtype)


class AliasFreeSnake(nn.Module):
    """x + sin^2(e^alpha x) / e^beta for each channel, computed at twice the rate; [b, c, s] => [b, c, s]."""

    REACH = 6  # samples on either side that a sample depends on

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = nn.ParameterDict({"alpha": torch.zeros(channels), "beta": torch.zeros(channels)})

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, s] => [b, c, s]."""
        alpha, beta = self.act["alpha"].exp()[:, None], self.act["beta"].exp()[:, None]
        if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):
            some = max(1, CACHED // (x.shape[0] * x.shape[2]))
            parts = zip(*(torch.split(part, some, -2) for part in (x, alpha, beta + TINY)), strict=True)
            return torch.cat([_in_blocks(*part) for part in parts], dim=1)
        channels = x.shape[1]
        # A copy, so that none is a view of a tensor from outside inference mode.
        taps = _taps(x.dtype, x.device).clone().expand(channels, -1, -1)
        side = TAPS // 2 - 1
        edge = 3 * side  # samples of the doubled signal that belong to the continuation
        ends = continued(x, side, side)
        doubled = F.conv_transpose1d(ends, 2 * taps, stride=2, groups=channels)[..., edge:-edge]
        wave = torch.sin(doubled * alpha)
        doubled = torch.addcmul(doubled, wave, wave / (beta + TINY))
        return F.conv1d(continued(doubled, side, side + 1), taps, stride=2, groups=channels)


def _in_blocks(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """The same in products of blocks: half the time of convolutions that see one channel at a time."""
    up, down = _products(x.dtype)
    batch, channels, samples = x.shape
    fill = -samples % BLOCK
    blocks = continued(x, 3, 3 + fill).unfold(-1, BLOCK + 6, BLOCK).reshape(-1, BLOCK + 6)
    doubled = (blocks @ up).view(batch, channels, -1)[..., : 2 * samples]
    wave = torch.sin(doubled * alpha)
    doubled = torch.addcmul(doubled, wave, wave / beta)
    blocks = continued(doubled, 5, 5 + 2 * fill).unfold(-1, 2 * BLOCK + 10, 2 * BLOCK)
    return (blocks.reshape(-1, 2 * BLOCK + 10) @ down).view(batch, channels, -1)[..., :samples]
