"""The numbers of the field as pure float64 functions of features: no files, no networks, no hidden seeds.

FD (Heusel 2017), IS (Salimans 2016), KID (Binkowski 2018), KL of class posteriors, cosine (IB, CLAP), DeSync
(Synchformer), as the protocol of av-benchmark defines them; a divergence of labels for classifiers that name
several classes at once; and their 95 % intervals by resampling the items (Efron 1979). What would overflow
is refused. Units and counts are the caller's to print.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from soundvcm.errors import InputError, NonFiniteError
from soundvcm.records import check_shape

PROTOCOL_SEED = 2020
SPLITS = 10
OFFSETS = torch.linspace(-2, 2, 21, dtype=torch.float64)  # seconds of the 21 classes of Synchformer
SHARE = 0.95
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Spread:
    """A score with its spread over splits or subsets (population standard deviation)."""

    mean: float
    std: float


def frechet_distance(truth: Tensor, made: Tensor) -> float:
    """Squared Frechet (2-Wasserstein) distance of the Gaussians fitted to two sets [n, d] and [m, d], n
    and m >= 2.

    |mean difference|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2). With S = A^T A of the centred rows the last
    trace is the nuclear norm of A1 A2^T: no matrix root, never complex or negative, exact for fewer rows
    than columns.

    Raises:
        InputError: fewer than 2 rows, a row that is not finite (its number is named), or rows so large that
            their squares are not.
    """
    check_shape("made", made, "m d", d=check_shape("truth", truth, "n d")["d"])
    first, second = _finite(truth, "truth"), _finite(made, "made")
    for name, rows in (("truth", first), ("made", second)):
        if len(rows) < 2:
            raise InputError(f"the Frechet distance needs at least 2 samples, {name} has {len(rows)}")
    means = (first.mean(0) - second.mean(0)).square().sum()
    parts = [(rows - rows.mean(0)) / (len(rows) - 1) ** 0.5 for rows in (first, second)]
    spreads = sum(part.square().sum() for part in parts)
    small = [torch.linalg.qr(part, mode="r").R for part in parts]
    shared = torch.linalg.svdvals(small[0] @ small[1].T).sum()
    return max(0.0, _bounded(means + spreads - 2 * shared, "the Frechet distance"))


def few_samples(truth: Tensor, made: Tensor) -> str | None:
    """What to say beside a Frechet distance whose sets are no larger than the features are wide, else
    None.
    """
    count = min(len(truth), len(made))
    if count > truth.shape[1]:
        return None
    return f"{count} samples for {truth.shape[1]} dimensions: the distance is exact but large by chance"


def kl_divergence(truth_logits: Tensor, made_logits: Tensor) -> float:
    """Mean over items of KL(truth || made), softmax of logits [n, classes], in nats; the direction is part
    of it.

    Raises:
        InputError: if nothing is given or an item is not finite.
    """
    sizes = check_shape("truth_logits", truth_logits, "n k")
    check_shape("made_logits", made_logits, "n k", **sizes)
    if not sizes["n"]:
        raise InputError("KL needs at least one pair")
    truth = _finite(truth_logits, "truth").log_softmax(1)
    made = _finite(made_logits, "made").log_softmax(1)
    return _bounded((truth.exp() * (truth - made)).sum(1).mean(), "KL")


def label_divergence(truth_scores: Tensor, made_scores: Tensor) -> float:
    """Mean over items of how many labels differ: Jensen-Shannon divergence (Lin 1991) of each class, summed.

    Scores [n, classes] in 0 .. 1 are independent chances, as a sigmoid gives them, so that several classes
    may be present at once. In bits: a class that is certain on one side and ruled out on the other counts 1,
    equal scores count 0, and no pair exceeds the number of classes. A softmax over the same logits (as
    `kl_divergence` takes it) would be decided by the differences among classes that are all absent.

    Raises:
        InputError: if nothing is given or a score lies outside 0 .. 1.
    """
    sizes = check_shape("truth_scores", truth_scores, "n k")
    check_shape("made_scores", made_scores, "n k", **sizes)
    if not sizes["n"]:
        raise InputError("the divergence of labels needs at least one pair")
    truth, made = _finite(truth_scores, "truth"), _finite(made_scores, "made")
    for name, scores in (("truth", truth), ("made", made)):
        if float(scores.min()) < 0 or float(scores.max()) > 1:
            raise InputError(f"{name}: scores of classes lie in 0 .. 1: give chances, not logits")
    mixed = _entropy((truth + made) / 2) - (_entropy(truth) + _entropy(made)) / 2
    return float(mixed.clamp_min(0).sum(1).mean()) / log(2)


def inception_score(logits: Tensor, splits: int = SPLITS, seed: int | None = PROTOCOL_SEED) -> Spread:
    """Inception score of logits [n, classes], over `splits` parts after shuffling (None: as they lie).

    Print n, splits and seed beside it: ten items of ten classes score 10 in one part and 1 in ten (case 41).

    Raises:
        InputError: fewer items than splits, or logits so far apart that the score is not finite.
    """
    count = check_shape("logits", logits, "n k")["n"]
    if splits < 1 or count < splits:
        raise InputError(
            f"{count} items cannot be split into {splits} parts: use splits={max(1, count)} or fewer"
        )
    # By logarithms: chances below the smallest number would have a mean of 0 and an infinite ratio to it.
    logs = _finite(logits, "made").log_softmax(1)
    if seed is not None:
        logs = logs[torch.from_numpy(np.random.RandomState(seed).permutation(count))]
    scores = []
    for part in range(splits):
        rows = logs[part * count // splits : (part + 1) * count // splits]
        centre = rows.logsumexp(0, keepdim=True) - log(len(rows))
        scores.append((rows.exp() * (rows - centre)).sum(1).mean().exp())
    return _spread(torch.stack(scores), "IS")


def kernel_distance(
    truth: Tensor, made: Tensor, subsets: int = 100, subset_size: int = 1000, seed: int = PROTOCOL_SEED
) -> Spread:
    """KID: unbiased squared MMD of features [n, d] and [m, d] under the kernel (x . y / d + 1)^3.

    Mean over random subsets, which are as large as the smaller set allows; a slightly negative value means
    "no difference seen".

    Raises:
        InputError: fewer than 2 rows, no subsets, a row that is not finite, or rows so large that their third
            powers are not.
    """
    check_shape("made", made, "m d", d=check_shape("truth", truth, "n d")["d"])
    if subsets < 1:
        raise InputError(f"KID is a mean over subsets: give 1 or more, not {subsets}")
    first, second = _finite(made, "made"), _finite(truth, "truth")
    size = min(subset_size, len(first), len(second))
    if size < 2:
        raise InputError("KID needs at least 2 samples in each set")
    rng = np.random.RandomState(seed)
    found = []
    for _ in range(subsets):
        left = first[torch.from_numpy(rng.choice(len(first), size, replace=False))]
        right = second[torch.from_numpy(rng.choice(len(second), size, replace=False))]
        found.append(_squared_mmd(left, right))
    return _spread(torch.stack(found), "KID")


def cosine(truth: Tensor, made: Tensor) -> float:
    """Mean cosine of paired rows [n, d], -1 .. 1 (papers print IB times 100)."""
    sizes = check_shape("truth", truth, "n d")
    check_shape("made", made, "n d", **sizes)
    if not sizes["n"]:
        raise InputError("the cosine score needs at least one pair")
    first, second = (_direction(_finite(rows, name)) for rows, name in ((truth, "truth"), (made, "made")))
    return float((first * second).sum(1).mean())


def desync(*windows: Tensor) -> float:
    """Mean absolute offset in seconds: over windows of logits [n, 21] (or of class numbers [n]).

    A guesser at random scores 1.048 s (case 43).

    Raises:
        InputError: without windows or items, a class outside 0 .. 20, or logits of another number of classes.
    """
    if not windows or not all(len(window) for window in windows):
        raise InputError("DeSync needs at least one item")
    found = []
    for window in windows:
        if window.ndim != 1 and window.shape[-1] != len(OFFSETS):
            raise InputError(f"DeSync has {len(OFFSETS)} classes of offsets, not {window.shape[-1]}")
        classes = window if window.ndim == 1 else _finite(window, "logits").argmax(1)
        if int(classes.min()) < 0 or int(classes.max()) >= len(OFFSETS):
            raise InputError(f"offset classes are 0 .. {len(OFFSETS) - 1}")
        found.append(OFFSETS[classes.long().cpu()].abs().mean())
    return float(torch.stack(found).mean())


def _squared_mmd(left: Tensor, right: Tensor) -> Tensor:
    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    count = len(left)
    own = [kernel(part, part) for part in (left, right)]
    within = sum((matrix.sum() - matrix.trace()) / (count * (count - 1)) for matrix in own)
    mmd: Tensor = within - 2 * kernel(left, right).mean()
    return mmd


def _finite(rows: Tensor, name: str) -> Tensor:
    """Rows in float64 on the CPU, or an error naming the first that is not finite."""
    wide = rows.detach().cpu().double()
    bad = (~torch.isfinite(wide).all(1)).nonzero()[:, 0]
    if len(bad):
        raise InputError(
            f"{name}: item {int(bad[0])} is not finite ({len(bad)} of {len(wide)}); encode it again"
        )
    return wide


def _entropy(chances: Tensor) -> Tensor:
    """Of a class that is present with these chances, nats."""
    return -(torch.xlogy(chances, chances) + torch.xlogy(1 - chances, 1 - chances))


def _direction(rows: Tensor) -> Tensor:
    """Rows of length 1 (rows of zeros stay); scaled first, so that no square overflows or vanishes."""
    scaled = rows / rows.abs().amax(1, keepdim=True).clamp_min(torch.finfo(rows.dtype).tiny)
    return F.normalize(scaled, dim=1, eps=1e-300)


def _bounded(value: Tensor, name: str) -> float:
    if not bool(torch.isfinite(value)):
        raise InputError(f"{name} overflows: the numbers are too large to be features, encode them again")
    return float(value)


def _spread(values: Tensor, name: str) -> Spread:
    return Spread(_bounded(values.mean(), name), _bounded(values.std(correction=0), name))


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
