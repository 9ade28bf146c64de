"""Agreement of onset times within 50 ms, and of a sound's loudness with a motion curve.

Matching as mir_eval defines onset F1: one to one, as many pairs as possible. Knows times and curves;
how onsets are found stands in `soundvcm.reference.onsets`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from soundvcm.errors import InputError
from soundvcm.reference import curve_correlation, energy

TOLERANCE_SECONDS = 0.05


@dataclass(frozen=True)
class OnsetMatch:
    """Agreement of found onsets with true ones.

    Attributes:
        precision: share of the found ones that match; 0 if either list is empty, as in mir_eval.
        recall: share of the true ones that match; likewise.
        f1: harmonic mean.
        offsets: found minus true (s) of each matched pair.
        pairs: (index of a true onset, index of a found onset).
    """

    precision: float
    recall: float
    f1: float
    offsets: tuple[float, ...]
    pairs: tuple[tuple[int, int], ...]

    @property
    def offset_seconds(self) -> float:
        """Mean of `offsets`: positive if the sound comes late; nan without pairs."""
        return float(np.mean(self.offsets)) if self.offsets else float("nan")


def match_onsets(truth: ArrayLike, found: ArrayLike, tolerance: float = TOLERANCE_SECONDS) -> OnsetMatch:
    """Precision, recall and F1 of found onset times (s) against true ones: the largest one-to-one matching.

    On a line the greedy walk in order of time is optimal: both lists increase, and every window is equally
    wide.

    Raises:
        InputError: for times that are not finite.
    """
    a, b = (np.asarray(times, dtype=np.float64).reshape(-1) for times in (truth, found))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("onset times are finite seconds")
    first, second = np.argsort(a, kind="stable"), np.argsort(b, kind="stable")
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        gap = b[second[j]] - a[first[i]]
        if abs(gap) <= tolerance + 1e-9:
            pairs.append((int(first[i]), int(second[j])))
            i, j = i + 1, j + 1
        elif gap < 0:
            j += 1
        else:
            i += 1
    precision = len(pairs) / len(b) if len(b) else 0.0
    recall = len(pairs) / len(a) if len(a) else 0.0
    f1 = 2 * precision * recall / (precision + recall) if pairs else 0.0
    offsets = tuple(float(b[found_at] - a[true_at]) for true_at, found_at in pairs)
    return OnsetMatch(precision, recall, f1, offsets, tuple(pairs))


def motion_correlation(wave: ArrayLike, sample_rate: int, motion: ArrayLike, rate: float = 25.0) -> float:
    """Correlation of the sound's energy with a motion curve [g] (at `rate` a second), -1 .. 1.

    Nan if one of them is constant. Both are smoothed over 0.12 s and compressed by a square root, so that
    one loud moment does not decide alone.
    """
    return curve_correlation(energy(wave, sample_rate, rate), motion)
