"""Rotary positions: angles for any length and their application to queries and keys.

Angles are cached per length as plain arrays; a call returns fresh tensors, so that threads, devices, number
formats and autograd modes never meet in a shared one. Knows nothing of networks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundvcm.runtime import sent

THETA = 10_000.0


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
