"""Reflow and one-step distillation on recorded (noise, sample) pairs: the Frieren way to few steps.

A teacher has sampled `data` from `noise`, with guidance, once for each training clip. Reflow is flow matching
on those pairs, which straightens the paths; distillation then trains the step from pure noise alone. Without
null rows the student needs no guidance, one pass a step. Knows the network only as a function.
"""

from __future__ import annotations

from typing import Literal

import pydantic
import torch
from torch import Tensor

from soundvcm.errors import OptionError
from soundvcm.objectives.base import LossTerms, Velocity, call, check_progress
from soundvcm.objectives.flow_matching import FlowMatching
from soundvcm.objectives.path import jump, wide
from soundvcm.objectives.rows import RowsConfig, rows_at
from soundvcm.objectives.weighting import loss_terms, mean_square
from soundvcm.records import Conditions


class ReflowConfig(RowsConfig):
    """Settings of reflow: flow matching on recorded pairs, plain mean square.

    Attributes:
        kind: its name.
        power: 0, every row weighs the same.
        null_share: share of rows without condition; 0 for a student that is sampled without guidance, 0.1 for
            one that keeps guidance (and two passes a step) as Frieren does.
    """

    kind: Literal["reflow"] = "reflow"
    power: float = pydantic.Field(default=0.0, ge=0)
    null_share: float = pydantic.Field(default=0.0, ge=0, le=1)


class DistillConfig(RowsConfig):
    """Settings of one-step distillation after reflow.

    Attributes:
        kind: its name.
        power: 0, every row weighs the same.
        null_share: as for reflow.
        asks: the velocity that one step takes from t = 1: "instant" is u(x, 1, 1), an Euler step of a
            one-time network (Frieren); "mean" is u(x, 1, 0), what `sampler.sample_mean` asks.
    """

    kind: Literal["distill"] = "distill"
    power: float = pydantic.Field(default=0.0, ge=0)
    null_share: float = pydantic.Field(default=0.0, ge=0, le=1)
    asks: Literal["instant", "mean"] = "instant"


class Reflow:
    """Flow matching on recorded pairs; see `soundvcm.objectives.base.Objective` for the call."""

    def __init__(self, config: ReflowConfig) -> None:
        self.matching = FlowMatching(config)

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
        """The loss of one batch of pairs (noise, data)."""
        pairs = recorded(noise, "reflow")
        return self.matching(u, frozen, data, conditions, noise=pairs, progress=progress, generator=generator)


class Distill:
    """|| data - (noise - u(noise, 1, .)) ||^2; see `soundvcm.objectives.base.Objective` for the call."""

    def __init__(self, config: DistillConfig) -> None:
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
        """The loss of one batch of pairs (noise, data)."""
        check_progress(progress)
        pairs = recorded(noise, "distill")
        down_to = 1.0 if self.config.asks == "instant" else 0.0
        rows = rows_at(self.config, data, conditions, pairs, generator, t=1.0, s=down_to)
        prediction = wide(call(u, rows.noisy, rows.t, rows.s, rows.conditions, rows.guidance))
        one, zero = torch.ones_like(rows.t), torch.zeros_like(rows.t)
        reached = jump(wide(rows.noisy), prediction, one, zero)
        return loss_terms(self.config, rows, mean_square(reached - wide(data)))


def recorded(noise: Tensor | None, kind: str) -> Tensor:
    """The recorded noise.

    Raises:
        OptionError: if there is none.
    """
    if noise is None:
        raise OptionError(
            f"objective {kind!r} trains on recorded (noise, sample) pairs: give the noise of each sample"
        )
    return noise
