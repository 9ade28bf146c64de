"""Which times a row is trained at: the logit-normal law, pairs, pinned endpoints, and the look-ahead time l.

Section 3.2 of the paper, lines 2 and 6 of Algorithm 1. Everything here is [b] float64 on the CPU, so that
which rows need a pass is known without asking the device. Knows nothing of networks or data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Times:
    """Times of each row.

    Attributes:
        t: [b] float64 in [0, 1].
        s: [b] float64, 0 <= s <= t; equal to t on velocity rows.
        consistency: [b] bool; False marks a velocity row.
    """

    t: Tensor
    s: Tensor
    consistency: Tensor


def _logit_normal(count: int, mean: float, std: float, generator: torch.Generator) -> Tensor:
    """`count` draws of sigmoid(N(mean, std)), float64 on the CPU."""
    normal = torch.randn(count, generator=generator, device=generator.device, dtype=torch.float64)
    return torch.sigmoid(mean + std * normal).cpu()


def uniform(count: int, generator: torch.Generator) -> Tensor:
    """`count` uniform draws in [0, 1), float64 on the CPU."""
    return torch.rand(count, generator=generator, device=generator.device, dtype=torch.float64).cpu()


def draw_times(
    batch: int,
    *,
    ratio: float,
    mean: float,
    std: float,
    gap: float,
    endpoint_share: float,
    generator: torch.Generator,
) -> Times:
    """Step 1: roles and times of a batch.

    A share `ratio` of the rows (the remainder of ratio * batch is settled by a draw, so that small batches
    keep the share on average) is velocity rows; which ones is shuffled. The others get the larger and the
    smaller of two draws with s <= t - gap and s >= 0. Of those, a share `endpoint_share` is moved to t = 1
    and, independently, the same share to s = 0: without it the one-step query (1, 0) is practically never
    trained.
    """
    velocity_count = math.floor(ratio * batch + uniform(1, generator).item())
    order = torch.randperm(batch, generator=generator, device=generator.device).cpu()
    consistency = torch.ones(batch, dtype=torch.bool)
    consistency[order[:velocity_count]] = False
    first = _logit_normal(batch, mean, std, generator)
    second = _logit_normal(batch, mean, std, generator)
    pinned = uniform(2 * batch, generator).reshape(2, batch) < endpoint_share
    t = torch.where(consistency, torch.maximum(first, second), first)
    s = torch.minimum(first, second)
    t = torch.where(consistency & pinned[0], 1.0, t).clamp(min=gap)
    s = torch.where(pinned[1], 0.0, torch.minimum(s, t - gap)).clamp(min=0.0)
    return Times(t, torch.where(consistency, s, t), consistency)


def geometric(start: float, end: float, progress: float) -> float:
    """The scheduled lambda, start (end / start)^progress (Equation 12)."""
    return float(start * (end / start) ** progress)


def after_warm_start(progress: float, warm_start: float) -> float | None:
    """Progress of what follows the warm start, 0 to 1; None while the warm start lasts."""
    if progress < warm_start:
        return None
    return (progress - warm_start) / (1 - warm_start) if warm_start < 1 else 1.0


def look_ahead(times: Times, weight: float | Tensor, gap: float) -> tuple[Tensor, Tensor]:
    """Step 4: the look-ahead time l and the lambda that belongs to it, [b] each (Equation 13).

    l = t + (s - t) weight, clamped to s <= l <= t - gap; lambda = (l - t)/(s - t) is recomputed from the
    clamped l, so that target and jump agree. Velocity rows: l = t and lambda = 1.

    Args:
        times: of the rows.
        weight: the wanted lambda, one for all or [b] float64.
        gap: least t - l.
    """
    ahead = times.t + (times.s - times.t) * weight
    ahead = torch.maximum(torch.minimum(ahead, times.t - gap), times.s)
    ahead = torch.where(times.consistency, ahead, times.t)
    span = torch.where(times.consistency, times.t - times.s, 1.0)
    return ahead, torch.where(times.consistency, (times.t - ahead) / span, 1.0)
