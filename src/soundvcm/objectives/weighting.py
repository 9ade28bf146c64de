"""From squared residuals to a loss: the adaptive weight (Equation 11) and the numbers worth watching.

Step 6 of Algorithm 1. With p = 1 the weighted loss hardly moves while a network learns, so the unweighted
mean squares are reported too. Knows nothing of networks.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from soundvcm.objectives.base import LossTerms
from soundvcm.objectives.path import wide
from soundvcm.objectives.rows import Rows, RowsConfig
from soundvcm.objectives.times import Times
from soundvcm.runtime import sent

TIME_BINS = 5


def mean_square(residual: Tensor) -> Tensor:
    """Mean over all axes but the first, [b], in float32 or wider."""
    return wide(residual).square().flatten(1).mean(1)


def adaptive_weight(mse: Tensor, power: float, epsilon: float) -> Tensor:
    """The weight w = sg 1/(mse + epsilon)^p, [b] (Equation 11)."""
    return (mse.detach() + epsilon).pow(-power)


def loss_terms(
    config: RowsConfig,
    rows: Rows,
    mse: Tensor,
    *,
    shown: Tensor | None = None,
    weight: Tensor | None = None,
    of_batch: bool = True,
    watch: Mapping[str, float | Tensor] | None = None,
) -> LossTerms:
    """Step 6: loss = mean over rows of weight * mse.

    Args:
        config: power and epsilon of the weight.
        rows: the batch.
        mse: [b] with gradient.
        shown: [b] mean squares to report, if not `mse` itself.
        weight: [b] in place of Equation 11.
        of_batch: the rows are the clips of the batch, in its order.
        watch: more numbers to report; scalars on the device are read when the report is asked for.
    """
    if weight is None:
        weight = adaptive_weight(mse, config.power, config.epsilon)
    per_row = weight * mse
    seen = (mse if shown is None else shown).detach()
    times = rows.times

    def measure() -> dict[str, float]:
        return bin_means(times, seen) | {name: float(value) for name, value in (watch or {}).items()}

    return LossTerms(
        per_row.mean(),
        {
            "loss": per_row,
            "mse": seen,
            "t": rows.t,
            "s": rows.s,
            "consistency": sent(times.consistency, rows.device),
            "null": sent(rows.null, rows.device),
        },
        measure,
        of_batch,
    )


def bin_means(times: Times, mse: Tensor) -> dict[str, float]:
    """Unweighted mse of both halves, whole and by fifths of t; bins without rows are left out."""
    values = mse.cpu().double()
    which = (times.t * TIME_BINS).long().clamp(max=TIME_BINS - 1)
    found: dict[str, float] = {}
    for name, half in (("velocity", ~times.consistency), ("consistency", times.consistency)):
        if half.any():
            found[f"mse/{name}"] = values[half].mean().item()
        for number in range(TIME_BINS):
            chosen = half & (which == number)
            if chosen.any():
                found[f"mse/{name}/t{number / TIME_BINS:.1f}"] = values[chosen].mean().item()
    return found
