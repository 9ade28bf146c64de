"""From noise to data along a velocity field: functions without state.

A field is (noisy [b n c], t [b], s [b]) -> velocity [b n c]; data at t = 0, noise at t = 1.
Knows nothing of networks beyond that; guidance, time grids and the count of passes live here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from soundvcm.errors import OptionError

#: (noisy [b n c], t [b], s [b]) -> [b n c]
Field = Callable[[Tensor, Tensor, Tensor], Tensor]
#: (noisy [b n c], t [b], s [b], conditions) -> [b n c]
ConditionedField = Callable[[Tensor, Tensor, Tensor, Any], Tensor]
Times = Sequence[float] | Tensor

#: field evaluations in one step of each method
CALLS_PER_STEP = {"euler": 1, "heun": 2, "midpoint": 2}


class _Joinable(Protocol):
    """Conditions that can be put one batch behind another."""

    @staticmethod
    def cat(parts: Sequence[Any]) -> Any:
        """One batch after another."""
        ...


def uniform_times(steps: int) -> list[float]:
    """The grid 1 = t_N > ... > t_0 = 0 of N equal steps (Algorithm 2), steps + 1 numbers.

    Raises:
        OptionError: for fewer than one step.
    """
    if steps < 1:
        raise OptionError(f"steps must be at least 1, not {steps}")
    return [(steps - i) / steps for i in range(steps + 1)]


def check_times(times: Times) -> list[float]:
    """The grid as plain numbers.

    Raises:
        OptionError: unless there are at least two, all finite, within [0, 1] and strictly falling.
    """
    grid = [float(value) for value in times]
    if len(grid) < 2:
        raise OptionError(f"a time grid has at least two times, for example 1 and 0, not {len(grid)}")
    for value in grid:
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise OptionError(f"times lie between 0 (data) and 1 (noise), not {value:g}")
    for before, after in zip(grid, grid[1:], strict=False):
        if after >= before:
            raise OptionError(f"times fall from noise to data: {after:g} comes after {before:g}")
    return grid


def _rows(value: float, like: Tensor) -> Tensor:
    """One time for each row; in float32 at least, since narrower formats cannot hold times."""
    wide = torch.promote_types(like.dtype, torch.float32)
    return torch.full((like.shape[0],), value, dtype=wide, device=like.device)


def sample_mean(u: Field, noise: Tensor, times: Times) -> Tensor:
    """Follow the mean velocity: x <- x - (t - s) u(x, t, s) for each pair of neighbouring times (Alg. 2).

    Args:
        u: mean velocity field; called exactly once per step.
        noise: [b n c] x at times[0].
        times: falling grid, usually `uniform_times(steps)`; may end above 0 to stop early.

    Returns:
        [b n c] x at times[-1], a new tensor.

    Raises:
        OptionError: if the grid does not fall within [0, 1].
    """
    grid = check_times(times)
    x = noise
    for t, s in zip(grid, grid[1:], strict=False):
        x = x - (t - s) * u(x, _rows(t, x), _rows(s, x))
    return x


def integrate(v: Field, noise: Tensor, times: Times, method: str = "euler") -> Tensor:
    """Integrate the instantaneous velocity dx/dt = v(x, t, t) down the grid.

    Args:
        v: field, asked with s = t only.
        noise: [b n c] x at times[0].
        times: falling grid.
        method: "euler" (one call a step), "heun" or "midpoint" (two calls a step, second order).

    Returns:
        [b n c] x at times[-1], a new tensor.

    Raises:
        OptionError: for an unknown method or a bad grid.
    """
    if method not in CALLS_PER_STEP:
        raise OptionError(f"unknown method {method!r}: use one of {', '.join(CALLS_PER_STEP)}")
    grid = check_times(times)
    x = noise
    for t, s in zip(grid, grid[1:], strict=False):
        step = t - s
        slope = v(x, _rows(t, x), _rows(t, x))
        if method == "heun":
            end = _rows(s, x)
            slope = 0.5 * (slope + v(x - step * slope, end, end))
        elif method == "midpoint":
            middle = _rows(0.5 * (t + s), x)
            slope = v(x - 0.5 * step * slope, middle, middle)
        x = x - step * slope
    return x


@dataclass(frozen=True)
class Guided:
    """A guided field; `passes` is what one call costs in network passes per clip (1 or 2)."""

    field: Field
    passes: int

    def __call__(self, noisy: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """Velocity [b n c]."""
        return self.field(noisy, t, s)


def guided(v: ConditionedField, conditions: _Joinable, absent: _Joinable, scale: float) -> Guided:
    """Classifier-free guidance at sampling: w v(x | c) + (1 - w) v(x | absent), both in one batched call.

    Args:
        v: conditioned field.
        conditions: what is wanted, `Conditions` or already `Encoded`.
        absent: the same kind and batch, with what is not wanted: nothing, or a negative text.
        scale: w; 0 to 1 follows the conditions alone in one pass, as in MMAudio.

    Returns:
        The field, with its cost in passes.

    Raises:
        OptionError: for a negative or non-finite scale.
    """
    if not math.isfinite(scale) or scale < 0:
        raise OptionError(f"the guidance scale is a number from 0 upwards, not {scale:g}")
    if scale <= 1:
        return Guided(lambda noisy, t, s: v(noisy, t, s, conditions), passes=1)
    both = conditions.cat([conditions, absent])

    def field(noisy: Tensor, t: Tensor, s: Tensor) -> Tensor:
        doubled = v(torch.cat([noisy, noisy]), torch.cat([t, t]), torch.cat([s, s]), both)
        wanted, other = doubled.chunk(2)
        return scale * wanted + (1 - scale) * other

    return Guided(field, passes=2)


def network_passes(steps: int, method: str = "mean", guided_by: float = 1.0) -> int:
    """Network passes per clip that a run costs, for reports and logs.

    Args:
        steps: steps of the grid.
        method: "mean" for `sample_mean`, else a method of `integrate`.
        guided_by: scale given to `guided`; 1 where guidance is not used.
    """
    calls = 1 if method == "mean" else CALLS_PER_STEP[method]
    return steps * calls * (2 if guided_by > 1 else 1)
