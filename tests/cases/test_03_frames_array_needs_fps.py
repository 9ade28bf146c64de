"""Case 03: an array of frames without a frame rate."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from soundvcm.errors import MediaError
from soundvcm.media import read_frames
from soundvcm.records import FrameSpec

SPECS = {"semantic": FrameSpec(Fraction(8), None, None, exact=True)}
FRAMES = np.repeat(np.arange(80, dtype=np.uint8), 12 * 16 * 3).reshape(80, 12, 16, 3)


def test_a_rate_16() -> None:
    footage = read_frames(FRAMES, SPECS, fps=16)
    assert footage.seconds == 5
    assert footage.frames["semantic"][:, 0, 0, 0].tolist() == list(range(0, 80, 2))


def test_b_rate_10() -> None:
    footage = read_frames(torch.from_numpy(FRAMES), SPECS, fps=10)
    assert footage.seconds == 8
    assert footage.frames["semantic"][:, 0, 0, 0].tolist() == [k * 10 // 8 for k in range(64)]


def test_c_neither_rate_nor_duration_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="fps"):
        read_frames(FRAMES, SPECS)


def test_d_duration_alone_gives_the_rate() -> None:
    footage = read_frames(FRAMES, SPECS, seconds=5)
    assert footage.info.frame_rate == 16
    assert footage.frames["semantic"][:, 0, 0, 0].tolist() == list(range(0, 80, 2))


def test_a_duration_longer_than_the_array_says_so() -> None:
    with pytest.raises(MediaError, match=r"5\.000 s.* 8 s"):
        read_frames(FRAMES, SPECS, fps=16, seconds=8)
    shortened = read_frames(FRAMES, SPECS, fps=16, seconds=8, beyond="shorten")
    assert shortened.seconds == 5 and "8 s asked" in shortened.warnings[0]
    looped = read_frames(FRAMES, SPECS, fps=16, seconds=8, beyond="loop")
    assert looped.frames["semantic"][:, 0, 0, 0].tolist() == [*range(0, 80, 2), *range(0, 48, 2)]


@pytest.mark.parametrize("fps", [0, -5, "nan", "fast"])
def test_a_rate_that_makes_no_sense(fps: object) -> None:
    with pytest.raises(ValueError):
        read_frames(FRAMES, SPECS, fps=fps)  # type: ignore[arg-type]
