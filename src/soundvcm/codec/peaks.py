"""A limiter that looks both ways: moments beyond a ceiling are turned down, everything else stays as it is.

Knows waves only.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def hold_peaks(wave: Tensor, ceiling: float, reach: int) -> Tensor:
    """The wave [b, s] with no sample beyond +-ceiling; what is 2 x reach away from such a peak is untouched.

    The gain is the least one needed within `reach` samples, averaged over as many: the average at a sample is
    then never above what that sample needs.

    Args:
        wave: any level.
        ceiling: largest absolute sample of the result.
        reach: samples over which the gain falls and rises.
    """
    width = 2 * reach + 1
    loudest = F.max_pool1d(wave.abs()[:, None], width, stride=1, padding=reach)
    needed = (ceiling / loudest.clamp_min(1e-9)).clamp(max=1.0)
    padded = F.pad(needed, (reach, reach), mode="replicate")
    return wave * F.avg_pool1d(padded, width, stride=1)[:, 0]
