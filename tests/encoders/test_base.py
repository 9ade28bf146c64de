"""Tensor transforms of pictures: right values."""

from __future__ import annotations

import pytest
import torch

from soundvcm.encoders.base import channels_first, check_frames, distinct, luma, shrink
from soundvcm.errors import InputError, ShapeError


def test_luma_is_rec_601() -> None:
    colours = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], dtype=torch.uint8)
    assert torch.allclose(
        luma(colours[:, None, None])[:, 0, 0], torch.tensor([0.299, 0.587, 0.114, 1.0]), atol=1e-6
    )


def test_shrink_is_the_mean_of_squares() -> None:
    assert torch.equal(
        shrink(torch.arange(16.0).view(1, 4, 4), 2)[0], torch.tensor([[2.5, 4.5], [10.5, 12.5]])
    )


def test_channels_first_runs_from_minus_one_to_one() -> None:
    frames = torch.tensor([0, 51, 255], dtype=torch.uint8).expand(1, 2, 4, 3).contiguous()
    pictures = channels_first(frames)
    assert pictures.shape == (1, 3, 2, 4) and pictures.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(pictures[0, :, 0, 0], torch.tensor([-1.0, -0.6, 1.0]), atol=1e-6)


def test_distinct_finds_repeats() -> None:
    values = torch.tensor([1, 1, 2, 2, 2, 1, 3], dtype=torch.uint8)
    frames = values.view(-1, 1, 1, 1).expand(-1, 2, 2, 3)
    first, where = distinct(frames)
    assert first.tolist() == [0, 2, 5, 6] and where.tolist() == [0, 0, 1, 1, 1, 2, 3]
    assert torch.equal(frames[first][where], frames)
    assert [part.tolist() for part in distinct(frames[:1])] == [[0], [0]]


def test_what_is_no_picture_is_refused() -> None:
    assert check_frames(torch.zeros(5, 4, 6, 3, dtype=torch.uint8), 4, 6) == 5
    with pytest.raises(ShapeError, match="w=6"):
        check_frames(torch.zeros(5, 4, 5, 3, dtype=torch.uint8), 4, 6)
    with pytest.raises(ShapeError):
        check_frames(torch.zeros(5, 3, 4, 6, dtype=torch.uint8))
    with pytest.raises(InputError, match="uint8"):
        check_frames(torch.zeros(5, 4, 6, 3))
