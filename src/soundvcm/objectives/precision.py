"""The consistency residual against rounding: it shrinks with lambda until a bfloat16 pass drowns it.

The remedy is to measure it with float32 passes while its gradient flows through the fast pass. Knows nothing
of how predictions or targets come about.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from soundvcm.objectives.base import FrozenQuery, Velocity, evaluate_frozen
from soundvcm.objectives.path import wide
from soundvcm.objectives.rows import Rows
from soundvcm.runtime import sent

#: A residual this many times the rounding of a pass is left to the fast ones (two: its square is 1 / 8 off).
CLEAR = 4.0


@dataclass(frozen=True)
class Rounded:
    """Predictions measured in float32.

    Attributes:
        index: [k] rows, on the device.
        exact: [k, n, c] what the network says there in float32.
    """

    index: Tensor
    exact: Tensor


def drowned(
    u: Velocity, rows: Rows, prediction: Tensor, mixed: Tensor, weight: Tensor, *, always: bool = False
) -> Tensor:
    """Which consistency rows have a residual that a pass under autocast would drown, [b] bool on the CPU.

    The residual is about lambda times the distance of v_mix from the prediction; the rounding of this network
    is measured on the first such row by one pass in float32, and taken in proportion to each prediction.

    Args:
        u: the network in training; asked without gradient.
        rows: the batch.
        prediction: [b, n, c] of the fast pass.
        mixed: [b, n, c] v_mix.
        weight: [b] float64, lambda of each row; rows with 1 have no residual to measure.
        always: call the network even if no row asks.
    """
    asks = weight < 1
    index = asks.nonzero().flatten()[:1]
    there = sent(index, rows.device)
    query = FrozenQuery(index, rows.noisy[there], rows.t[there], rows.s[there])
    (exact,) = evaluate_frozen(u, rows.conditions, rows.guidance, [query], exact=True, always=always)
    if not len(index):
        return asks
    size = wide(prediction.detach())
    share = rms(exact - size[there]).item() / max(rms(exact).item(), 1e-12)
    distance = (mixed - size).square().flatten(1).mean(1).sqrt().cpu()
    return asks & (weight * distance < CLEAR * share * size.square().flatten(1).mean(1).sqrt().cpu())


def straight_through(prediction: Tensor, rounded: Rounded | None) -> Tensor:
    """The measured values where there are any, with the gradient of the prediction, [b, n, c]."""
    if rounded is None:
        return prediction
    correction = (rounded.exact - prediction[rounded.index]).detach()
    return prediction.index_add(0, rounded.index, correction)


def precision_watch(
    rows: Rows, prediction: Tensor, target: Tensor, rounded: Rounded | None, fast: bool
) -> dict[str, float | Tensor]:
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
    index = sent(rows.times.consistency.nonzero().flatten(), rows.device)
    if len(index) == 0:
        return {}
    now = straight_through(prediction, rounded)[index]
    dtype = torch.get_autocast_dtype(rows.device.type) if fast else torch.float32
    found: dict[str, float | Tensor] = {
        "residual/signal": rms(now - target[index]),
        "residual/rounding": torch.finfo(dtype).eps / 2 * rms(now),
    }
    if rounded is not None:
        found["residual/measured"] = len(rounded.index) / len(index)
        if len(rounded.index):
            found["residual/rounding_fast"] = rms(rounded.exact - prediction[rounded.index])
    return found


def rms(value: Tensor) -> Tensor:
    """Root mean square of a tensor, a scalar on its device; 0 for an empty one."""
    return wide(value.detach()).square().mean().sqrt() if value.numel() else wide(value.new_zeros(()))
