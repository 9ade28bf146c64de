"""Velocity consistency: the paper's objective, top to bottom as Algorithm 1 (comments name its lines).

u(x_t, t, s) is drawn to lambda v_mix + (1 - lambda) u(x_l, l, s), a short Euler step to x_l followed by the
network's own mean velocity from there. Defaults are the paper's text. Knows the network only as a function.
"""

from __future__ import annotations

from typing import Literal

import pydantic
import torch
from torch import Tensor

from soundvcm.objectives.base import FrozenQuery, LossTerms, Velocity, call, check_progress, evaluate_frozen
from soundvcm.objectives.guidance import mix_velocity
from soundvcm.objectives.path import column, jump, wide, within
from soundvcm.objectives.precision import Rounded, drowned, precision_watch, straight_through
from soundvcm.objectives.rows import PairsConfig, Rows, draw_rows
from soundvcm.objectives.times import after_warm_start, geometric, look_ahead, uniform
from soundvcm.objectives.weighting import loss_terms, mean_square
from soundvcm.records import Conditions
from soundvcm.runtime import sent


class VelocityConsistencyConfig(PairsConfig):
    """Settings of the velocity consistency objective; the defaults are the paper's.

    Where its text and its Table 2 disagree (m), the table's; `precision` has no counterpart there.

    Attributes:
        kind: its name.
        lambda_start: lambda at the beginning (Equation 12); 1 is a curriculum that begins without look-ahead.
        lambda_end: lambda at the end.
        residual: weigh the residual itself ("raw", the paper) or divided by lambda ("quotient"): the raw one
            fades with lambda against the velocity rows.
        lambda_law: every row has the scheduled lambda (the paper), or each its own, "uniform" between that
            and 1: long steps carry the end's truth to t = 1 in few hops, short ones are exact.
        look_ahead: x_l along v_mix (the paper), along the network's "own" velocity, or along that of the
            "midpoint" of the step, which is exact to second order and so allows long steps. With the latter
            two the sample's velocity, share m, is in the target alone: its noise moves no x_l.
        bound: largest distance of velocities and targets from the sample's own velocity, as a multiple of its
            size (root mean squares of the row); None for none (the paper). Guidance is steep where conditions
            part, so a step along it may leave the data, where the network says anything: unbounded, that
            becomes a target, and the next answer is larger.
        precision: under autocast, where the consistency residual would drown in rounding: "residual" measures
            it with float32 passes but sends the gradient through the fast one; "needed" does so on the rows
            where rounding would be felt; "float32" makes the pass with gradient float32 too; "autocast"
            leaves all as it is.
    """

    kind: Literal["vcm"] = "vcm"
    lambda_start: float = pydantic.Field(default=0.1, gt=0, le=1)
    lambda_end: float = pydantic.Field(default=1 / 500, gt=0, le=1)
    lambda_law: Literal["scheduled", "uniform"] = "scheduled"
    residual: Literal["raw", "quotient"] = "raw"
    look_ahead: Literal["mixed", "own", "midpoint"] = "mixed"
    bound: float | None = pydantic.Field(default=None, gt=0)
    precision: Literal["residual", "needed", "float32", "autocast"] = "residual"


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
        guided = mix_velocity(config, frozen, rows, prediction, want_own=config.look_ahead != "mixed")
        mixed, own = self.bounded(guided.mixed, rows), self.bounded(guided.own, rows)

        # Line 6: lambda, and the time l it leads to; velocity rows have lambda = 1.
        scheduled = 1.0 if after is None else geometric(config.lambda_start, config.lambda_end, after)
        wanted: float | Tensor = scheduled
        if config.lambda_law == "uniform" and after is not None:
            wanted = scheduled + (1 - scheduled) * uniform(len(rows.t), generator)
        ahead, weight = look_ahead(rows.times, wanted, config.gap)

        # Lines 6 to 8: Euler step to x_l, the mean velocity from there, and the target of both together.
        always = config.equal_calls and after is not None
        velocity = mixed if config.look_ahead == "mixed" else own
        if config.look_ahead == "midpoint":
            velocity = self.bounded(middle_velocity(frozen, rows, own, ahead, always=always), rows)
            mixed = mixed + velocity - own
        measured, left = fast and config.precision == "residual", weight
        if fast and config.precision == "needed":
            unclear = drowned(u, rows, prediction, mixed, weight, always=always)
            mixed, _ = euler_target(
                frozen,
                rows,
                mixed=mixed,
                velocity=velocity,
                ahead=ahead,
                weight=torch.where(unclear, 1.0, weight),
                always=always,
            )
            measured, left = True, torch.where(unclear, weight, 1.0)
        target, exact = euler_target(
            frozen,
            rows,
            mixed=mixed,
            velocity=velocity,
            ahead=ahead,
            weight=left,
            exact=config.precision != "autocast",
            live=u if measured else None,
            always=always,
        )
        target = self.bounded(target, rows)

        # Lines 8 to 10: adaptively weighted mean square.
        rounded = fast and (config.precision == "autocast" or not torch.equal(left, weight))
        watch = precision_watch(rows, prediction, target, exact, rounded)
        mse = mean_square(straight_through(prediction, exact) - target)
        quotient = mse / column(weight, mse).square() if config.residual == "quotient" else mse
        return loss_terms(config, rows, quotient, shown=mse, watch={"lambda": scheduled, **watch})

    def bounded(self, value: Tensor, rows: Rows) -> Tensor:
        """A velocity or target [b, n, c], no further from the sample's velocity than the settings allow."""
        if self.config.bound is None:
            return value
        return within(value, wide(rows.velocity), self.config.bound)


def middle_velocity(
    frozen: Velocity, rows: Rows, own: Tensor, ahead: Tensor, *, always: bool = False
) -> Tensor:
    """The own velocity half way to x_l on consistency rows, u(x_h, h, h) with h = (t + l)/2; else `own`.

    [b, n, c]. A step along it is exact to second order in t - l.
    """
    index = rows.times.consistency.nonzero().flatten()
    there, t = sent(index, rows.device), rows.times.t[index]
    half = (t + ahead[index]) / 2
    x_half = jump(wide(rows.noisy)[there], own[there], t, half)
    time = sent(half, rows.device, rows.t.dtype)
    (found,) = evaluate_frozen(
        frozen, rows.conditions, rows.guidance, [FrozenQuery(index, x_half, time, time)], always=always
    )
    return own.index_copy(0, there, found)


def euler_target(
    frozen: Velocity,
    rows: Rows,
    *,
    mixed: Tensor,
    velocity: Tensor,
    ahead: Tensor,
    weight: Tensor,
    exact: bool = False,
    live: Velocity | None = None,
    always: bool = False,
) -> tuple[Tensor, Rounded | None]:
    """Lines 6 to 8: x_l = x_t + (l - t) velocity; target = sg[lambda v_mix + (1 - lambda) u(x_l, l, s, c)].

    Args:
        frozen: the network without gradient, asked only on rows with lambda < 1.
        rows: the batch.
        mixed: [b, n, c] v_mix, the mean velocity from t to l as the target has it.
        velocity: [b, n, c] what the Euler step follows.
        ahead: [b] float64, the times l.
        weight: [b] float64, lambda of each row.
        exact: leave autocast for these passes.
        live: the network in training, to ask u(x_t, t, s, c) on the same rows as exactly; None: not asked.
        always: call the network even if no row asks.

    Returns:
        The target [b, n, c], and the measured predictions (None if not asked for).
    """
    index = (weight < 1).nonzero().flatten()
    there = sent(index, rows.device)
    noisy, t, s = wide(rows.noisy)[there], rows.times.t[index], rows.s[there]
    x_l = jump(noisy, velocity[there], t, ahead[index])

    def ask(network: Velocity, question: FrozenQuery) -> Tensor:
        return evaluate_frozen(
            network, rows.conditions, rows.guidance, [question], exact=exact, always=always
        )[0]

    beyond = ask(frozen, FrozenQuery(index, x_l, sent(ahead[index], rows.device, rows.t.dtype), s))
    share = column(weight[index], noisy)
    target = mixed.index_copy(0, there, share * mixed[there] + (1 - share) * beyond)
    if live is None:
        return target, None
    return target, Rounded(there, ask(live, FrozenQuery(index, noisy, rows.t[there], s)))
