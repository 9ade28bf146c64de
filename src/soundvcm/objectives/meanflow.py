"""MeanFlow: the mean velocity from its derivative along the path, u = v - (t - s) du/dt.

The derivative is a forward-mode product (JVP) or a central difference, both on consistency rows only.
Guidance, rows and weight are shared with the velocity consistency objective. Knows the network only as a
function.
"""

from __future__ import annotations

from typing import Literal

import pydantic
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from soundvcm.objectives.base import FrozenQuery, LossTerms, Velocity, call, check_progress, evaluate_frozen
from soundvcm.objectives.guidance import mix_velocity
from soundvcm.objectives.path import column, wide
from soundvcm.objectives.rows import PairsConfig, Rows, draw_rows
from soundvcm.objectives.times import after_warm_start
from soundvcm.objectives.weighting import loss_terms, mean_square
from soundvcm.records import Conditions
from soundvcm.runtime import sent


class MeanFlowConfig(PairsConfig):
    """Settings of MeanFlow; the shared defaults are also its published ones.

    Attributes:
        kind: its name.
        derivative: "jvp" (needs a network that forward-mode differentiation can pass) or "central".
        reach: e of the central difference over t - e .. t + e; its error is O(e^2).
    """

    kind: Literal["meanflow"] = "meanflow"
    derivative: Literal["jvp", "central"] = "jvp"
    reach: float = pydantic.Field(default=5e-3, gt=0, lt=0.5)


class MeanFlow:
    """MeanFlow; see `soundvcm.objectives.base.Objective` for the call."""

    def __init__(self, config: MeanFlowConfig) -> None:
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
        prediction = wide(call(u, rows.noisy, rows.t, rows.s, rows.conditions, rows.guidance))
        mixed = mix_velocity(config, frozen, rows, prediction).mixed
        reach = config.reach if config.derivative == "central" else None
        always = config.equal_calls and not warming
        target = derivative_target(frozen, rows, mixed, reach=reach, always=always)
        return loss_terms(config, rows, mean_square(prediction - target))


def derivative_target(
    frozen: Velocity, rows: Rows, velocity: Tensor, *, reach: float | None = None, always: bool = False
) -> Tensor:
    """MeanFlow's target: v - (t - s) du/dt on consistency rows, v on velocity rows, [b, n, c], without
    gradient.

    Args:
        frozen: the network without gradient.
        rows: the batch.
        velocity: [b, n, c] v_mix.
        reach: e of a central difference; None takes a JVP.
        always: call the network even if no row asks.
    """
    index = rows.times.consistency.nonzero().flatten()
    if len(index) == 0 and not always:
        return velocity
    if len(index) == 0:
        path_derivative(frozen, rows, velocity, torch.zeros(1, dtype=torch.long), reach)
        return velocity
    there = sent(index, rows.device)
    slope = path_derivative(frozen, rows, velocity, index, reach)
    span = column((rows.times.t - rows.times.s)[index], velocity)
    return velocity.index_copy(0, there, velocity[there] - span * slope)


def path_derivative(
    frozen: Velocity, rows: Rows, velocity: Tensor, index: Tensor, reach: float | None = None
) -> Tensor:
    """du/dt = v . grad u + partial u / partial t with s held, on the rows `index`, [k, n, c]; leaves
    autocast.

    A central difference stays within [s, 1], so it turns one-sided at t = 1 and near s.
    """
    there = sent(index, rows.device)
    noisy, along = wide(rows.noisy)[there], velocity[there]
    t, s = rows.t[there], rows.s[there]
    if reach is None:
        conditions = rows.conditions.rows(there)
        guidance = rows.guidance[there] if rows.guidance is not None else None

        def at(x: Tensor, time: Tensor) -> Tensor:
            return wide(call(frozen, x, time, s, conditions, guidance))

        # The fused attention kernels know no forward-mode derivative.
        with torch.no_grad(), torch.autocast(rows.device.type, enabled=False), sdpa_kernel(SDPBackend.MATH):
            slope: Tensor = torch.func.jvp(at, (noisy, t), (along, torch.ones_like(t)))[1]
        return slope.detach()
    exact_t, exact_s = rows.times.t[index], rows.times.s[index]
    late, early = (exact_t + reach).clamp(max=1.0), torch.maximum(exact_t - reach, exact_s)
    queries = [
        FrozenQuery(index, noisy + column(time - exact_t, noisy) * along, sent(time, rows.device, t.dtype), s)
        for time in (late, early)
    ]
    after, before = evaluate_frozen(frozen, rows.conditions, rows.guidance, queries, exact=True)
    return (after - before) / column(late - early, noisy)
