"""Intervals of scores by resampling the items (Efron 1979), with numpy and a seed; 95 %.

Knows numbers and a function of item indices; nothing of sounds or of what the score means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from soundvcm.errors import NonFiniteError

SHARE = 0.95
Indices = NDArray[np.int64]


def mean_interval(values: Sequence[float], resamples: int, seed: int) -> tuple[float, float] | None:
    """Percentile interval of the mean of `values`; None with fewer than 2 values or no resamples."""
    numbers = np.asarray(values, dtype=np.float64)
    if len(numbers) < 2 or resamples < 2:
        return None
    rng = np.random.default_rng(seed)
    means = [numbers[rng.integers(0, len(numbers), len(numbers))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, _edges())
    return float(low), float(high)


def set_interval(
    measure: Callable[[Indices, Indices], float],
    paired: int,
    alone: tuple[int, int],
    value: float,
    resamples: int,
    seed: int,
) -> tuple[float, float] | None:
    """Interval of a score of two whole sets; pairs are drawn as pairs, items without a partner by themselves.

    Repeated items make sets look narrower than they are, so resampled distances lie above the true one by a
    bias; the spread around their own mean is therefore laid around `value` and cut at 0.

    Args:
        measure: score of the items with the given indices (truth, made).
        paired: so many first items of both sets belong together, in the same order.
        alone: items after these on each side.
        value: the score of all items.
        resamples: how many draws; with fewer than 2 there is no interval (None).
        seed: of the draws.

    Raises:
        NonFiniteError: if a draw has no finite score.
    """
    if paired + min(alone) < 2 or resamples < 2:
        return None
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        pairs = rng.integers(0, paired, paired) if paired else np.zeros(0, dtype=np.int64)
        rest = [paired + rng.integers(0, count, count) if count else pairs[:0] for count in alone]
        found.append(measure(*(np.concatenate([pairs, more]) for more in rest)))
    if not np.isfinite(found).all():
        raise NonFiniteError("a resampled score is not finite: look for damaged features")
    low, high = np.quantile(np.asarray(found) - np.mean(found), _edges()) + value
    return max(0.0, float(low)), float(high)


def _edges() -> tuple[float, float]:
    return (1 - SHARE) / 2, (1 + SHARE) / 2
