"""alpha-Flow: from trajectory flow matching (alpha = 1) over consistency to MeanFlow (alpha = 0) by a
curriculum.

Its target is velocity consistency's with lambda = alpha; only the schedule and the weight alpha/(mse +
epsilon) differ, and what happens below a smallest alpha. Knows the network only as a function.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from soundvcm.objectives.base import LossTerms, Velocity, call, check_progress
from soundvcm.objectives.guidance import mix_velocity
from soundvcm.objectives.meanflow import derivative_target
from soundvcm.objectives.path import wide
from soundvcm.objectives.rows import PairsConfig, draw_rows
from soundvcm.objectives.times import after_warm_start, look_ahead
from soundvcm.objectives.vcm import euler_target
from soundvcm.objectives.weighting import adaptive_weight, loss_terms, mean_square
from soundvcm.records import Conditions
from soundvcm.runtime import sent

#: slope of the sigmoid along which alpha falls; below SNAP it counts as 0 (MeanFlow), above 1 - SNAP as 1
STEEPNESS, SNAP = 25.0, 5e-3
#: e of the central difference
REACH = 5e-3


class AlphaFlowConfig(PairsConfig):
    """Settings of alpha-Flow.

    Attributes:
        kind: its name.
        derivative: how MeanFlow's derivative is taken at alpha = 0: "jvp" or "central".
    """

    kind: Literal["alpha_flow"] = "alpha_flow"
    derivative: Literal["jvp", "central"] = "jvp"
    retired: ClassVar[dict[str, Any]] = PairsConfig.retired | {
        "falls_from": 0.0,
        "falls_until": 1.0,
        "steepness": STEEPNESS,
        "snap": SNAP,
        "reach": REACH,
    }


class AlphaFlow:
    """alpha-Flow; see `soundvcm.objectives.base.Objective` for the call."""

    def __init__(self, config: AlphaFlowConfig) -> None:
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
        after = after_warm_start(progress, config.warm_start)
        rows = draw_rows(config, data, conditions, noise, generator, velocity_only=after is None)
        prediction = wide(call(u, rows.noisy, rows.t, rows.s, rows.conditions, rows.guidance))
        mixed = mix_velocity(config, frozen, rows, prediction).mixed

        alpha = 1.0 if after is None else alpha_at(after)
        always = config.equal_calls and alpha < 1
        weight = torch.ones_like(rows.times.t)
        if alpha > 0:
            ahead, weight = look_ahead(rows.times, alpha, config.gap)
            target, _ = euler_target(
                frozen,
                rows,
                mixed=mixed,
                velocity=mixed,
                ahead=ahead,
                weight=weight,
                exact=True,
                always=always,
            )
        else:
            reach = REACH if config.derivative == "central" else None
            target = derivative_target(frozen, rows, mixed, reach=reach, always=always)
        mse = mean_square(prediction - target)
        scaled = sent(weight, mse.device, mse.dtype) * adaptive_weight(mse, config.power, config.epsilon)
        return loss_terms(config, rows, mse, weight=scaled, watch={"alpha": alpha})


def alpha_at(progress: float) -> float:
    """The scheduled alpha: a sigmoid over the whole training, snapped to 1 at first and to 0 at last."""
    alpha = 1 / (1 + math.exp(STEEPNESS * (progress - 0.5)))
    if alpha < SNAP:
        return 0.0
    return 1.0 if alpha > 1 - SNAP else alpha
