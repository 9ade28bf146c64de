"""Long films: sound made window by window and joined, in pure functions.

Windows overlap by `OVERLAP_SECONDS`; neighbours are independent draws, so they are joined by an equal-power
cross-fade, or, where the picture is cut inside the overlap, by a short fade at the cut. Knows waves only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import pi

import numpy as np

from soundvcm.generate.audio import Wave
from soundvcm.generate.options import MAX_SEED

OVERLAP_SECONDS = Fraction(1)
CUT_FADE_SECONDS = Fraction(1, 20)
_STRIDE = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: spreads neighbouring windows over all seeds


def window_seed(seed: int, window: int) -> int:
    """Seed of the k-th window of a film: the given seed for the first, spread out for the others."""
    return (seed + window * _STRIDE) % (MAX_SEED + 1)


def joined(
    windows: Iterable[Wave], overlap: int, cuts: Iterable[int | None] = (), fade: int | None = None
) -> Iterator[Wave]:
    """Join windows [c, s] whose last `overlap` samples are the next one's first; yields what is ready.

    Args:
        windows: waves in order, each longer than `overlap` except perhaps the last.
        overlap: samples that two neighbours share.
        cuts: for the join before window 1, 2, ...: sample of a shot change inside the overlap, or None.
        fade: samples of the fade at a shot change; default 1/50 of the overlap.
    """
    at_cut = iter(cuts)
    tail: Wave | None = None
    for wave in windows:
        if tail is None:
            body = wave
        else:
            head = wave[:, : tail.shape[1]]
            shared = head.shape[1]
            into = fade_in(tail.shape[1], next(at_cut, None), fade or max(1, overlap // 50))
            mixed = tail.copy()
            mixed[:, :shared] = tail[:, :shared] * np.sqrt(1 - into[:shared] ** 2) + head * into[:shared]
            body = np.concatenate([mixed, wave[:, shared:]], axis=1)
        keep = max(0, body.shape[1] - overlap)
        if keep:
            yield body[:, :keep]
        tail = body[:, keep:]
    if tail is not None and tail.shape[1]:
        yield tail


def fade_in(samples: int, cut: int | None, fade: int) -> Wave:
    """Gain [samples] of the later window; sqrt(1 - gain^2) is the earlier one's, so that the power stays.

    Without a cut it rises over the whole overlap; with one, over `fade` samples around it.
    """
    if cut is None:
        place = (np.arange(samples) + 0.5) / samples
    else:
        place = (np.arange(samples) + 0.5 - cut) / fade + 0.5
    rise: Wave = np.sin(np.clip(place, 0.0, 1.0) * (pi / 2)).astype(np.float32)
    return rise
