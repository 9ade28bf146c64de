"""The consistency residual against rounding: it shrinks with lambda until a bfloat16 pass drowns it.

The remedy is to measure it with float32 passes while its gradient flows through the fast pass. Knows nothing
of how predictions or targets come about.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from soundvcm.objectives.path import wide
from soundvcm.objectives.rows import Rows


@dataclass(frozen=True)
class Rounded:
    """Predictions measured in float32.

    Attributes:
        index: [k] rows, on the device.
        exact: [k, n, c] what the network says there in float32.
    """

    index: Tensor
    exact: Tensor


def straight_through(prediction: Tensor, rounded: Rounded | None) -> Tensor:
    """The measured values where there are any, with the gradient of the prediction, [b, n, c]."""
    if rounded is None:
        return prediction
    correction = (rounded.exact - prediction[rounded.index]).detach()
    return prediction.index_add(0, rounded.index, correction)


def precision_watch(
    rows: Rows, prediction: Tensor, target: Tensor, rounded: Rounded | None, fast: bool
) -> dict[str, float]:
    """Root mean square of the consistency residual ("signal") and of the rounding in it; {} without such
    rows.

    The rounding is that of the number format: half its eps, relative to the prediction. "rounding_fast" is
        the
    measured difference between the fast pass and float32, where both exist: what the residual is spared.

    Args:
        rows: the batch.
        prediction: [b, n, c] as the pass with gradient gave it.
        target: [b, n, c].
        rounded: float32 predictions, if measured.
        fast: whether the residual itself was computed under autocast.
    """
    index = rows.times.consistency.nonzero().flatten().to(rows.device)
    if len(index) == 0:
        return {}
    now = straight_through(prediction, rounded)[index]
    dtype = torch.get_autocast_dtype(rows.device.type) if fast else torch.float32
    found = {
        "residual/signal": rms(now - target[index]),
        "residual/rounding": torch.finfo(dtype).eps / 2 * rms(now),
    }
    if rounded is not None:
        found["residual/rounding_fast"] = rms(rounded.exact - prediction[rounded.index])
    return found


def rms(value: Tensor) -> float:
    """Root mean square of a tensor; 0 for an empty one."""
    return wide(value.detach()).square().mean().sqrt().item() if value.numel() else 0.0
