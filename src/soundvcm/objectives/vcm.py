"""Velocity consistency: the paper's objective, top to bottom as Algorithm 1 (comments name its lines).

u(x_t, t, s) is drawn to lambda v_mix + (1 - lambda) u(x_l, l, s), a short Euler step to x_l followed by the
network's own mean velocity from there. Defaults are the paper's text. Knows the network only as a function.
"""

from __future__ import annotations

from typing import Literal

import pydantic
import torch
from torch import Tensor

from soundvcm.objectives.base import LossTerms, Question, Velocity, answer, call, check_progress
from soundvcm.objectives.guidance import mix_velocity
from soundvcm.objectives.path import column, jump, wide
from soundvcm.objectives.precision import Rounded, precision_watch, straight_through
from soundvcm.objectives.rows import PairsConfig, Rows, draw_rows
from soundvcm.objectives.times import after_warm_start, geometric, look_ahead
from soundvcm.objectives.weighting import loss_terms, mean_square
from soundvcm.records import Conditions


class VelocityConsistencyConfig(PairsConfig):
    """Settings of the velocity consistency objective; the defaults are the paper's.

    Where its text and its Table 2 disagree (m), the table's; `precision` has no counterpart there.

    Attributes:
        kind: its name.
        lambda_start: lambda at the beginning (Equation 12); 1 is a curriculum that begins without look-ahead.
        lambda_end: lambda at the end.
        residual: weigh the residual itself ("raw", the paper) or divided by lambda ("quotient"): the raw one
            fades with lambda against the velocity rows.
        look_ahead: x_l along v_mix (the paper) or along the network's "own" velocity; with mix = 1 the latter
            leaves the sample's velocity in the target alone.
        precision: under autocast, where the consistency residual would drown in rounding: "residual" measures
            it with float32 passes but sends the gradient through the fast one; "float32" makes the pass with
            gradient float32 too; "autocast" leaves all as it is.
    """

    kind: Literal["vcm"] = "vcm"
    lambda_start: float = pydantic.Field(default=0.1, gt=0, le=1)
    lambda_end: float = pydantic.Field(default=1 / 500, gt=0, le=1)
    residual: Literal["raw", "quotient"] = "raw"
    look_ahead: Literal["mixed", "own"] = "mixed"
    precision: Literal["residual", "float32", "autocast"] = "residual"


class VelocityConsistency:
    """Algorithm 1; see `soundvcm.objectives.base.Objective` for the call."""

    def __init__(self, config: VelocityConsistencyConfig) -> None:
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
        """The loss of one batch (Equation 10)."""
        check_progress(progress)
        config = self.config
        after = after_warm_start(progress, config.warm_start)

        # Lines 2, 3: roles and times; null rows and dropped parts; x_t and v.
        rows = draw_rows(config, data, conditions, noise, generator, velocity_only=after is None)

        # The one pass with gradient comes first: on velocity rows it also is v_guided.
        fast = torch.is_autocast_enabled(data.device.type)
        with torch.autocast(data.device.type, enabled=fast and config.precision != "float32"):
            prediction = wide(call(u, rows.noisy, rows.t, rows.s, rows.conditions, rows.guidance))

        # Lines 4, 5: the guided velocity, mixed from the sample's and the network's own.
        guided = mix_velocity(config, frozen, rows, prediction, want_own=config.look_ahead == "own")

        # Line 6: lambda, and the time l it leads to; velocity rows have lambda = 1.
        scheduled = 1.0 if after is None else geometric(config.lambda_start, config.lambda_end, after)
        ahead, weight = look_ahead(rows.times, scheduled, config.gap)

        # Lines 6 to 8: Euler step to x_l, the mean velocity from there, and the target of both together.
        velocity = guided.own if config.look_ahead == "own" else guided.mixed
        target, exact = euler_target(
            frozen,
            rows,
            mixed=guided.mixed,
            velocity=velocity,
            ahead=ahead,
            weight=weight,
            exact=config.precision != "autocast",
            measure=fast and config.precision == "residual",
            always=config.equal_calls and after is not None,
        )

        # Lines 8 to 10: adaptively weighted mean square.
        watch = precision_watch(rows, prediction, target, exact, fast and config.precision == "autocast")
        mse = mean_square(straight_through(prediction, exact) - target)
        quotient = mse / column(weight, mse).square() if config.residual == "quotient" else mse
        return loss_terms(config, rows, quotient, shown=mse, watch={"lambda": scheduled, **watch})


def euler_target(
    frozen: Velocity,
    rows: Rows,
    *,
    mixed: Tensor,
    velocity: Tensor,
    ahead: Tensor,
    weight: Tensor,
    exact: bool = False,
    measure: bool = False,
    always: bool = False,
) -> tuple[Tensor, Rounded | None]:
    """Lines 6 to 8: x_l = x_t + (l - t) velocity; target = sg[lambda v_mix + (1 - lambda) u(x_l, l, s, c)].

    Args:
        frozen: the network without gradient, asked only on rows with lambda < 1.
        rows: the batch.
        mixed: [b, n, c] v_mix.
        velocity: [b, n, c] what the Euler step follows.
        ahead: [b] float64, the times l.
        weight: [b] float64, lambda of each row.
        exact: leave autocast for these passes.
        measure: also ask u(x_t, t, s, c) on the same rows, as exactly.
        always: call the network even if no row asks.

    Returns:
        The target [b, n, c], and the measured predictions (None if not asked for).
    """
    index = (weight < 1).nonzero().flatten()
    there = index.to(rows.device)
    noisy, t, s = wide(rows.noisy)[there], rows.times.t[index], rows.s[there]
    x_l = jump(noisy, velocity[there], t, ahead[index])
    questions = [Question(index, x_l, ahead[index].to(rows.t), s)]
    if measure:
        questions.append(Question(index, noisy, rows.t[there], s))
    answers = answer(frozen, rows.conditions, rows.guidance, questions, exact=exact, always=always)
    share = column(weight[index], noisy)
    target = mixed.index_copy(0, there, share * mixed[there] + (1 - share) * answers[0])
    return target, Rounded(there, answers[1]) if measure else None
