"""Repeated pictures: a 10 fps source shown at 25/s moves in jumps; each jump is spread over the held ones.

Knows repeats of pictures only, exact and recompressed ones. A scene that truly rests (longer than the
source's own spacing) stays at rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

SLOW = 1.02  # mean spacing from which the source is taken to be slower than 25 pictures a second
NEAR = 3  # pictures within which movement must go on at both sides of a near repeat
REPEAT_SHARE = 0.15  # change, in shares of the change around, below which a picture is a near repeat
LONGEST_HOLD = 6  # pictures: sources down to 25 / 6 = 4.2 pictures a second


@dataclass(frozen=True)
class RepeatSpreader:
    """For each picture, the change to show there and its share.

    Attributes:
        source: [g] index of a difference (0 .. g-2, between picture i and i+1).
        share: [g] factor; 0 where the scene rests.
        spacing: pictures at 25/s that one picture of the source lasts; 1 for sources of 25 and more a second.
    """

    source: Tensor
    share: Tensor
    spacing: float

    def spread(self, differences: Tensor) -> Tensor:
        """Differences [g-1, ...] => changes [g, ...], row k belonging to picture k."""
        share = self.share.view(-1, *[1] * (differences.ndim - 1))
        return differences[self.source] * share


def repeat_spreader(frames: Tensor, small: Tensor) -> RepeatSpreader:
    """How to spread the differences of frames [g, h, w, 3], g >= 2; `small` [g, ...] is their luma, shrunk.

    A change seen at picture k after a run of repeats took place during the pictures before, at most as
    many as one picture of the source lasts (p, rounded up); each of them shows 1 / p of it, so that a
    steady movement is steady although repeats come in runs of unequal length. Row 0 repeats row 1.
    """
    changed = _changes(frames, small)
    count = len(changed)
    at = torch.arange(count)
    gap = _gaps(changed, at)
    spacing = _usual_spacing(gap[changed])
    coming = torch.where(changed, at, count)
    following = coming.flip(0).cummin(0).values.flip(0)
    source = following.clamp_max(count - 1)
    width = gap[source].clamp_max(ceil(spacing))
    reached = (following < count) & (source - at < width)
    share = reached.float() / spacing
    return RepeatSpreader(torch.cat([source[:1], source]), torch.cat([share[:1], share]), spacing)


def _changes(frames: Tensor, small: Tensor) -> Tensor:
    """[g-1] bool: False for exact repeats, and for near ones (recompressed) in the midst of movement."""
    different = (frames[1:] != frames[:-1]).flatten(1).any(1)
    amount = (small[1:] - small[:-1]).abs().flatten(1).mean(1)
    edge = torch.zeros(NEAR)
    windows = torch.cat([edge, amount, edge]).unfold(0, NEAR, 1).amax(1)
    around = torch.minimum(windows[: len(amount)], windows[NEAR + 1 :][: len(amount)])
    return different & ~(amount < REPEAT_SHARE * around)


def _gaps(changed: Tensor, at: Tensor) -> Tensor:
    """[g-1] pictures since the change before, counted at each difference (from the clip's start for the
    first).
    """
    last = torch.where(changed, at, -1).cummax(0).values
    before = torch.cat([torch.tensor([-1]), last[:-1]])
    return at - before


def _usual_spacing(gaps: Tensor) -> float:
    """Mean spacing of the changes that follow one another closely; a few pauses of a 25/s source do not
    count.
    """
    short = gaps[gaps <= LONGEST_HOLD].float()
    if len(short) < 3:
        return 1.0
    mean = float(short.mean())
    return mean if mean > SLOW else 1.0
