"""SplitMeanFlow: the mean velocity over an interval is that over its two parts, exactly (Equation 6).

The split is drawn anew for each row, or put in the middle, which is the shortcut target. No derivative, and
no error from a finite step. Knows the network only as a function.
"""

from __future__ import annotations

from typing import Literal

import pydantic
import torch
from torch import Tensor

from soundvcm.objectives.base import FrozenQuery, LossTerms, Velocity, call, check_progress, evaluate_frozen
from soundvcm.objectives.guidance import mix_velocity
from soundvcm.objectives.path import column, jump, wide
from soundvcm.objectives.rows import PairsConfig, Rows, draw_rows
from soundvcm.objectives.times import after_warm_start, uniform
from soundvcm.objectives.weighting import loss_terms, mean_square
from soundvcm.records import Conditions
from soundvcm.runtime import sent


class SplitMeanFlowConfig(PairsConfig):
    """Settings of SplitMeanFlow.

    Attributes:
        kind: its name.
        power: 0, the plain mean square: with p = 1 nothing holds u back once it has run away.
        split: where the interval is parted: "uniform" draws it, "half" is the middle (shortcut).
    """

    kind: Literal["split_meanflow"] = "split_meanflow"
    power: float = pydantic.Field(default=0.0, ge=0)
    split: Literal["uniform", "half"] = "uniform"


class SplitMeanFlow:
    """SplitMeanFlow; see `soundvcm.objectives.base.Objective` for the call."""

    def __init__(self, config: SplitMeanFlowConfig) -> None:
        self.config = config

    def __call__(
        self,
        u: Velocity,
        frozen: Velocity,
        data: Tensor,
        conditions: Conditions,
        *,
        noise: Tensor | None = None,
        progress: float,
        generator: torch.Generator,
    ) -> LossTerms:
        """The loss of one batch."""
        check_progress(progress)
        config = self.config
        warming = after_warm_start(progress, config.warm_start) is None
        rows = draw_rows(config, data, conditions, noise, generator, velocity_only=warming)
        share = uniform(rows.times.t.shape[0], generator) if config.split == "uniform" else 0.5
        prediction = wide(call(u, rows.noisy, rows.t, rows.s, rows.conditions, rows.guidance))
        mixed = mix_velocity(config, frozen, rows, prediction).mixed
        target = split_target(frozen, rows, mixed, share, always=config.equal_calls and not warming)
        return loss_terms(config, rows, mean_square(prediction - target))


def split_target(
    frozen: Velocity, rows: Rows, velocity: Tensor, share: Tensor | float, *, always: bool = False
) -> Tensor:
    """Share u(x_t, t, l) + (1 - share) u(x_l, l, s) with l = t + (s - t) share and x_l reached by u(x_t, t,
    l).

    Args:
        frozen: the network without gradient.
        rows: the batch.
        velocity: [b, n, c] v_mix, the target of velocity rows.
        share: [b] float64 in [0, 1], or one number, of the interval that the first part takes.
        always: call the network even if no row asks.

    Returns:
        The target [b, n, c], without gradient.
    """
    index = rows.times.consistency.nonzero().flatten()
    there = sent(index, rows.device)
    t, s = rows.times.t[index], rows.times.s[index]
    part = (torch.ones_like(rows.times.t) * share)[index]
    middle = t + (s - t) * part
    noisy = wide(rows.noisy)[there]
    ask = [
        FrozenQuery(index, noisy, sent(t, rows.device, rows.t.dtype), sent(middle, rows.device, rows.t.dtype))
    ]
    (first,) = evaluate_frozen(frozen, rows.conditions, rows.guidance, ask, exact=True, always=always)
    ask = [
        FrozenQuery(
            index, jump(noisy, first, t, middle), sent(middle, rows.device, rows.t.dtype), s.to(rows.t)
        )
    ]
    (second,) = evaluate_frozen(frozen, rows.conditions, rows.guidance, ask, exact=True, always=always)
    first_share = column(part, noisy)
    return velocity.index_copy(0, there, first_share * first + (1 - first_share) * second)
