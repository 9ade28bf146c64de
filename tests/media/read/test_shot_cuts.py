"""Shot changes: hard cuts are found; pans, flashes and noise are not."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from soundvcm.errors import ShapeError
from soundvcm.media import shot_cuts

RATE = Fraction(25)


def scene(seed: int, count: int) -> torch.Tensor:
    """A pan over a smooth random picture, with a little noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 6, 16), generator=generator)
    wide = torch.nn.functional.interpolate(coarse, (48, 64 + 2 * count), mode="bicubic").clamp(0, 1)[0]
    pictures = torch.stack([wide[:, :, 2 * k : 2 * k + 64] for k in range(count)])
    noise = 0.02 * torch.randn(pictures.shape, generator=generator)
    return ((pictures + noise).clamp(0, 1) * 255).byte().permute(0, 2, 3, 1)


def test_cuts_are_found() -> None:
    parts = [scene(1, 40), scene(2, 30), scene(3, 50)]
    assert shot_cuts(torch.cat(parts), RATE) == [Fraction(40, 25), Fraction(70, 25)]


def test_a_pan_is_no_cut() -> None:
    assert shot_cuts(scene(4, 100), RATE) == []


def test_a_flash_is_no_cut() -> None:
    frames = scene(5, 60)
    frames[30] = 255
    assert shot_cuts(frames, RATE) == []


def test_stillness_darkness_and_few_pictures() -> None:
    assert shot_cuts(torch.zeros((50, 8, 8, 3), dtype=torch.uint8), RATE) == []
    assert shot_cuts(scene(6, 2), RATE) == []
    with pytest.raises(ShapeError):
        shot_cuts(torch.zeros((5, 8, 8)), RATE)
