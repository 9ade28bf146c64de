"""Flow matching: the instantaneous velocity only (Equation 4), the many-step baseline; guided at sampling.

Knows the network only as a function; asks it at s = t.
"""

from __future__ import annotations

from typing import Literal

import pydantic
import torch
from torch import Tensor

from soundvcm.objectives.base import LossTerms, Velocity, call, check_progress
from soundvcm.objectives.path import wide
from soundvcm.objectives.rows import RowsConfig, draw_rows
from soundvcm.objectives.weighting import loss_terms, mean_square
from soundvcm.records import Conditions


class FlowMatchingConfig(RowsConfig):
    """Settings of flow matching: the shared ones, with the plain mean square.

    Attributes:
        kind: its name.
        power: 0 here: every row weighs the same.
    """

    kind: Literal["flow_matching"] = "flow_matching"
    power: float = pydantic.Field(default=0.0, ge=0)


class FlowMatching:
    """Equation 4; see `soundvcm.objectives.base.Objective` for the call. Needs no gradient-free pass."""

    def __init__(self, config: RowsConfig) -> None:
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
        """The loss of one batch; recorded `noise` makes it reflow."""
        check_progress(progress)
        rows = draw_rows(self.config, data, conditions, noise, generator)
        prediction = call(u, rows.noisy, rows.t, rows.s, rows.conditions, rows.guidance)
        return loss_terms(self.config, rows, mean_square(wide(prediction) - rows.velocity))
