"""The mean velocity along the network's own flow: flow matching first, then the paths of its own snapshot.

In the warm start the network learns the instantaneous velocity, unguided (Equation 4). What it knows then is
kept as a snapshot, and the rest of the training follows that snapshot, with guidance, from noise
to data in a few midpoint steps; between any two points of such a path the mean velocity is known (Equation
5), without the sample's variance and without asking the network in training. There is no second training, no
recorded set of pairs, no derivative. Knows the network only as a function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pydantic
import torch
from torch import Tensor

from soundvcm.errors import OptionError
from soundvcm.objectives.base import FrozenQuery, LossTerms, Velocity, call, check_progress, evaluate_frozen
from soundvcm.objectives.path import column, draw_noise, jump, wide
from soundvcm.objectives.rows import Rows, RowsConfig, check_rows, conditions_of, draw_rows
from soundvcm.objectives.times import Times, after_warm_start, uniform
from soundvcm.objectives.weighting import adaptive_weight, loss_terms, mean_square
from soundvcm.records import Conditions
from soundvcm.runtime import sent

#: share of the paths whose inner times are moved at random, so that steps of every length are learned
SCATTERED = 0.3


class OwnFlowConfig(RowsConfig):
    """Settings of the own-flow objective.

    Attributes:
        kind: its name.
        time_mean: mean of the normal law under the sigmoid that the times of the warm start follow.
        time_std: its standard deviation; wide, since paths run through all times alike.
        power: p of the adaptive weight after the warm start; in it every row weighs the same, since a weight
            by the size of noisy residuals moves the mean that is learned.
        guidance: w, the scale along the paths; 1 means none.
        guidance_until: guidance acts at times up to this.
        warm_start: share of the training that is flow matching; 0 for weights that know the velocity already.
        hops: midpoint steps of a path.
        uses: batches that are drawn from the paths of one batch before new ones are made.
        whole: share of the rows that span the whole path, from t = 1 to s = 0: what one call is asked.
        ratio: share of the rows that learn the (guided) velocity itself, s = t.
    """

    kind: Literal["own_flow"] = "own_flow"
    time_mean: float = 0.0
    time_std: float = pydantic.Field(default=1.4, gt=0)
    power: float = pydantic.Field(default=0.5, ge=0)
    guidance: float = pydantic.Field(default=4.0, ge=0)
    guidance_until: float = pydantic.Field(default=1.0, ge=0, le=1)
    warm_start: float = pydantic.Field(default=0.7, ge=0, lt=1)
    hops: int = pydantic.Field(default=4, ge=1)
    uses: int = pydantic.Field(default=12, ge=1)
    whole: float = pydantic.Field(default=0.7, ge=0, le=1)
    ratio: float = pydantic.Field(default=0.05, ge=0, le=1)


@dataclass(frozen=True)
class Paths:
    """Paths of a batch of b rows in k steps, float32 or wider.

    Attributes:
        points: [k+1, b, n, c] from noise to data.
        velocities: [k, b, n, c] guided, at all points but the last.
        times: [k+1, b] float64 on the CPU, 1 to 0.
        conditions: of the rows, after dropping.
        null: [b] bool on the CPU: rows without any condition.
    """

    points: Tensor
    velocities: Tensor
    times: Tensor
    conditions: Conditions
    null: Tensor


class OwnFlow:
    """The own flow; see `soundvcm.objectives.base.Objective` for the call.

    After the warm start `frozen` must be weights that stay as they are, and of a batch only the conditions
    and the shape are used. Keeps the paths of the last batch; `state` and `load`
    carry them over an interruption.
    """

    def __init__(self, config: OwnFlowConfig) -> None:
        self.config = config
        self.snapshot_from = config.warm_start
        self.paths: Paths | None = None
        self.used = 0

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
        learning = after_warm_start(progress, config.warm_start) is None
        if learning:
            rows = draw_rows(config, data, conditions, noise, generator)
        else:
            if self.paths is None or self.used >= config.uses:
                self.paths = follow(config, frozen, data, conditions, noise, generator)
                self.used = 0
            self.used += 1
            rows = rows_of(config, self.paths, len(data), generator)
        prediction = wide(call(u, rows.noisy, rows.t, rows.s, rows.conditions, rows.guidance))
        mse = mean_square(prediction - wide(rows.velocity))
        weight = adaptive_weight(mse, 0.0 if learning else config.power, config.epsilon)
        return loss_terms(config, rows, mse, weight=weight, of_batch=learning)

    def state(self) -> dict[str, Tensor]:
        """The paths in use, for a checkpoint; empty while there are none."""
        if self.paths is None:
            return {}
        paths = self.paths
        found = {name: getattr(paths, name) for name in ("points", "velocities", "times")}
        told = {f"conditions/{name}": value for name, value in vars(paths.conditions).items()}
        return found | told | {"null": paths.null, "used": torch.tensor(self.used)}

    def load(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Take up a saved state; an empty one has no paths.

        Raises:
            OptionError: if parts of it are missing.
        """
        if not state:
            self.paths, self.used = None, 0
            return
        try:
            names = Conditions.__dataclass_fields__
            told = Conditions(*(state[f"conditions/{name}"] for name in names)).to(device)
            points, velocities = state["points"].to(device), state["velocities"].to(device)
            self.paths = Paths(points, velocities, state["times"], told, state["null"])
            self.used = int(state["used"])
        except KeyError as error:
            raise OptionError(f"the saved paths of own_flow lack {error}") from None


@torch.no_grad()
def follow(
    config: OwnFlowConfig,
    frozen: Velocity,
    data: Tensor,
    conditions: Conditions,
    noise: Tensor | None,
    generator: torch.Generator,
) -> Paths:
    """Paths of the guided flow of `frozen`, by midpoint steps from fresh (or the recorded) noise.

    Rows without any condition, and times above `guidance_until`, are not guided.
    """
    batch = check_rows(data, conditions, noise)
    conditions, null = conditions_of(config, conditions, data.device, generator)
    times = draw_grid(config.hops, batch, generator)
    everyone, told = torch.arange(batch), (~null).nonzero().flatten()

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        guided = told[t[told] <= config.guidance_until] if config.guidance != 1 else told[:0]
        there, at = sent(guided, x.device), sent(t, x.device, x.dtype)
        queries = [
            FrozenQuery(everyone, x, at, at),
            FrozenQuery(guided, x[there], at[there], at[there], empty=True),
        ]
        known, empty = evaluate_frozen(frozen, conditions, None, queries)
        steered = config.guidance * known[there] + (1 - config.guidance) * empty
        return known.index_copy(0, there, steered)

    x = wide(draw_noise(data, generator) if noise is None else noise)
    points, velocities = [x], []
    for t, s in zip(times, times[1:], strict=False):
        velocities.append(velocity(x, t))
        half = (t + s) / 2
        x = jump(x, velocity(jump(x, velocities[-1], t, half), half), t, s)
        points.append(x)
    return Paths(torch.stack(points), torch.stack(velocities), times, conditions, null)


def draw_grid(hops: int, batch: int, generator: torch.Generator) -> Tensor:
    """Times of paths, [hops + 1, b] float64: uniform from 1 to 0.

    In a share `SCATTERED` of them each inner time is moved by up to half a step.
    """
    grid = torch.linspace(1, 0, hops + 1, dtype=torch.float64)[:, None].repeat(1, batch)
    moved = uniform(batch, generator) < SCATTERED
    away = (uniform((hops - 1) * batch, generator).reshape(hops - 1, batch) - 0.5) / hops
    grid[1:-1] += torch.where(moved, away, 0.0)
    return grid


def rows_of(config: OwnFlowConfig, paths: Paths, count: int, generator: torch.Generator) -> Rows:
    """`count` rows between two points of random paths; `velocity` is the mean velocity between them."""
    hops, batch = len(paths.velocities), paths.times.shape[1]
    draws = uniform(5 * count, generator).reshape(5, count)
    which = (draws[0] * batch).long()
    first = (draws[1] * hops).long()
    last = first + 1 + (draws[2] * (hops - first)).long()
    is_whole = draws[3] < config.whole
    first, last = torch.where(is_whole, 0, first), torch.where(is_whole, hops, last)
    consistency = draws[4] >= config.ratio
    last = torch.where(consistency, last, first)
    t, s = paths.times[first, which], paths.times[last, which]
    device = paths.points.device
    here, begin, end = (sent(index, device) for index in (which, first, last))
    noisy = paths.points[begin, here]
    between = (noisy - paths.points[end, here]) / column(torch.where(consistency, t - s, 1.0), noisy)
    velocity = torch.where(column(consistency, noisy) > 0, between, paths.velocities[begin, here])
    return Rows(
        noisy=noisy,
        velocity=velocity,
        t=sent(t, device, noisy.dtype),
        s=sent(s, device, noisy.dtype),
        conditions=paths.conditions.rows(here),
        guidance=None,
        times=Times(t, s, consistency),
        null=paths.null[which],
        scale=torch.full((count,), config.guidance, dtype=torch.float64),
    )
