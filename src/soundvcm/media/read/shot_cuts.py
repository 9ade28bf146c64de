"""Where the shot changes, from the small pictures an encoder gets anyway. Knows tensors only.

A cut is a change far above those around it that stays: a flash returns to the picture before, a pan changes
evenly.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from soundvcm.records import check_shape

_GRID = 12
_FLOOR = 0.06
_TIMES = 2.5
_AROUND = 6


def shot_cuts(frames: Tensor, rate: Fraction) -> list[Fraction]:
    """Times (s) of the first pictures of new shots.

    Args:
        frames: uint8 [f, h, w, 3].
        rate: pictures a second.
    """
    check_shape("frames", frames, "f h w 3")
    count = frames.shape[0]
    if count < 3:
        return []
    small = torch.cat([_coarse(part) for part in torch.split(frames, 64)])
    step = (small[1:] - small[:-1]).abs().mean(dim=(1, 2, 3))  # step[i]: from picture i to i + 1
    cuts: list[int] = []
    for i in range(count - 1):
        low, high = max(0, i - _AROUND), min(count - 1, i + _AROUND + 1)
        around = torch.cat([step[low:i], step[i + 1 : high]])
        usual = float(around.median()) if around.numel() else 0.0
        if step[i] < _FLOOR + _TIMES * usual or (cuts and i + 1 - cuts[-1] < 3):
            continue
        returns = i + 2 < count and (small[i + 2] - small[i]).abs().mean() < step[i] / 2
        leaves_flash = i > 0 and (small[i + 1] - small[i - 1]).abs().mean() < step[i] / 2
        if not returns and not leaves_flash:
            cuts.append(i + 1)
    return [k / rate for k in cuts]


def _coarse(frames: Tensor) -> Tensor:
    planes = frames.permute(0, 3, 1, 2).float() / 255
    return torch.nn.functional.adaptive_avg_pool2d(planes, _GRID)
