"""Repeated pictures: a 10 fps source shown at 25/s moves in jumps; here each jump is spread over the held pictures.

Knows exact repeats of pictures only. A scene that truly rests (longer than the source's own spacing) stays at rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LONGEST_HOLD = 6  # pictures: sources down to 25 / 6 = 4.2 pictures a second


@dataclass(frozen=True)
class Bridge:
    """For each picture, the change to show there and its share.

    Attributes:
        source: [g] index of a difference (0 .. g-2, between picture i and i+1).
        share: [g] factor; 0 where the scene rests.
    """

    source: Tensor
    share: Tensor

    def spread(self, differences: Tensor) -> Tensor:
        """Differences [g-1, ...] => changes [g, ...], row k belonging to picture k."""
        share = self.share.view(-1, *[1] * (differences.ndim - 1))
        return differences[self.source] * share


def plan(frames: Tensor) -> Bridge:
    """How to spread the differences of frames [g, h, w, 3], g >= 2.

    A change seen at picture k after a run of m repeats took place during the last min(m, p) pictures, where p is the
    usual spacing of changes in the clip; it is shared among them equally. Row 0 repeats row 1.
    """
    changed = (frames[1:] != frames[:-1]).flatten(1).any(1)
    count = len(changed)
    at = torch.arange(count)
    gap = _gaps(changed, at)
    spacing = _usual_spacing(gap[changed])
    coming = torch.where(changed, at, count)
    following = coming.flip(0).cummin(0).values.flip(0)
    source = following.clamp_max(count - 1)
    width = gap[source].clamp_max(spacing)
    reached = (following < count) & (source - at < width)
    share = torch.where(reached, 1.0 / width, torch.zeros(count))
    return Bridge(torch.cat([source[:1], source]), torch.cat([share[:1], share]))


def _gaps(changed: Tensor, at: Tensor) -> Tensor:
    """[g-1] pictures since the change before, counted at each difference (from the clip's start for the first)."""
    last = torch.where(changed, at, -1).cummax(0).values
    before = torch.cat([torch.tensor([-1]), last[:-1]])
    return at - before


def _usual_spacing(gaps: Tensor) -> int:
    """The source's spacing of pictures, rounded up; 1 for sources of 25 and more a second."""
    short = gaps[gaps <= LONGEST_HOLD].float()
    if len(short) < 3:
        return 1
    return int(torch.ceil(short.mean() - 0.02))
