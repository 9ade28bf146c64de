"""The numbers of the field as pure float64 functions of features: no files, no networks, no seeds hidden
anywhere.

FD (Heusel 2017), IS (Salimans 2016), KID (Binkowski 2018), KL of class posteriors, cosine (IB, CLAP), DeSync
(Synchformer), as the protocol of av-benchmark defines them. Units and counts are the caller's to print.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.errors import InputError
from soundvcm.shapes import check_shape

PROTOCOL_SEED = 2020
SPLITS = 10
OFFSETS = torch.linspace(-2, 2, 21, dtype=torch.float64)  # seconds of the 21 classes of Synchformer


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
        InputError: fewer than 2 rows, or a row that is not finite (its number is named).
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
    return max(0.0, float(means + spreads - 2 * shared))


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
    return float((truth.exp() * (truth - made)).sum(1).mean())


def inception_score(logits: Tensor, splits: int = SPLITS, seed: int | None = PROTOCOL_SEED) -> Spread:
    """Inception score of logits [n, classes], over `splits` parts after shuffling (None: as they lie).

    Print n, splits and seed beside it: ten items of ten classes score 10 in one part and 1 in ten (case 41).

    Raises:
        InputError: fewer items than splits.
    """
    count = check_shape("logits", logits, "n k")["n"]
    if splits < 1 or count < splits:
        raise InputError(
            f"{count} items cannot be split into {splits} parts: use splits={max(1, count)} or fewer"
        )
    chances = _finite(logits, "made").softmax(1)
    if seed is not None:
        chances = chances[torch.from_numpy(np.random.RandomState(seed).permutation(count))]
    scores = []
    for part in range(splits):
        rows = chances[part * count // splits : (part + 1) * count // splits]
        centre = rows.mean(0, keepdim=True)
        scores.append(torch.xlogy(rows, rows).sub(torch.xlogy(rows, centre)).sum(1).mean().exp())
    return _spread(torch.stack(scores))


def kernel_distance(
    truth: Tensor, made: Tensor, subsets: int = 100, subset_size: int = 1000, seed: int = PROTOCOL_SEED
) -> Spread:
    """KID: unbiased squared MMD of features [n, d] and [m, d] under the kernel (x . y / d + 1)^3.

    Mean over random subsets, which are as large as the smaller set allows; a slightly negative value means
    "no difference seen".

    Raises:
        InputError: fewer than 2 rows or a row that is not finite.
    """
    check_shape("made", made, "m d", d=check_shape("truth", truth, "n d")["d"])
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
    return _spread(torch.stack(found))


def cosine(truth: Tensor, made: Tensor) -> float:
    """Mean cosine of paired rows [n, d], -1 .. 1 (papers print IB times 100)."""
    sizes = check_shape("truth", truth, "n d")
    check_shape("made", made, "n d", **sizes)
    if not sizes["n"]:
        raise InputError("the cosine score needs at least one pair")
    return float(F.cosine_similarity(_finite(truth, "truth"), _finite(made, "made"), dim=1).mean())


def desync(*windows: Tensor) -> float:
    """Mean absolute offset in seconds: over windows of logits [n, 21] (or of class numbers [n]).

    A guesser at random scores 1.048 s (case 43).

    Raises:
        InputError: without windows or items, or a class outside 0 .. 20.
    """
    if not windows or not all(len(window) for window in windows):
        raise InputError("DeSync needs at least one item")
    found = []
    for window in windows:
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


def _spread(values: Tensor) -> Spread:
    return Spread(float(values.mean()), float(values.std(correction=0)))
