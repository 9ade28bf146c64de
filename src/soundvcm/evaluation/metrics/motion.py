"""How a clip moves, measured plainly: the change of small grey pictures, 25 times a second.

For the question whether sound follows movement, so deliberately not the motion features that a network was
told. Knows files and pictures, no sound.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundvcm import media
from soundvcm.records import FrameSpec

MOVEMENT_RATE = 25
SIDE = 64
CUT = 0.2  # a mean change above this share of full scale is a cut, not movement


def movement(video: Path, seconds: float | Fraction, start: float | Fraction = 0) -> NDArray[np.float64]:
    """Mean absolute change of 64 x 64 grey pictures against the picture before, 0 .. 1, [25 x seconds].

    The first value and cuts are 0; a clip that is shorter gives fewer values.

    Raises:
        MediaError: if the file cannot be read or holds no pictures in that range.
    """
    spec = {"grey": FrameSpec(Fraction(MOVEMENT_RATE), SIDE, SIDE)}
    part = media.read_frames(video, spec, start=Fraction(start), seconds=Fraction(seconds), beyond="shorten")
    grey = part.frames["grey"].numpy().astype(np.float64).mean(axis=3) / 255
    change = np.concatenate([[0.0], np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2))])
    return np.where(change > CUT, 0.0, change)


def has_pictures(path: Path) -> bool:
    """Whether a file is named as a video."""
    return path.suffix.lower() in media.VIDEO_SUFFIXES
