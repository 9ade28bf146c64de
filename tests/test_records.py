"""Conditions keep features and flip flags only; shapes are checked in one line."""

from __future__ import annotations

import pytest
import torch

from soundvcm.errors import InputError, ShapeError
from soundvcm.records import Conditions, Moments, check_shape


def conditions(batch: int = 3) -> Conditions:
    return Conditions.of(
        semantic=torch.randn(batch, 4, 5), sync=torch.randn(batch, 6, 7), text=torch.randn(batch, 2, 5)
    )


def test_dropping_flips_flags_and_keeps_features() -> None:
    before = conditions()
    after = before.without(video=torch.tensor([True, False, False]), text=True)
    assert after.has_video.tolist() == [False, True, True] and not after.has_text.any()
    assert after.semantic is before.semantic and before.has_text.all()


def test_a_still_picture_has_meaning_but_no_movement() -> None:
    still = conditions().without(sync=True)
    assert still.has_video.all() and not still.has_sync.any() and not still.is_empty.any()
    assert still.empty().is_empty.all()


def test_semantic_alone_can_be_dropped() -> None:
    moving = conditions().without(semantic=True)
    assert not moving.has_semantic.any() and moving.has_sync.all()


def test_rows_and_cat_are_inverse() -> None:
    whole = conditions(4).without(text=torch.tensor([True, False, True, False]))
    again = Conditions.cat([whole.rows(slice(0, 1)), whole.rows(torch.tensor([1, 2, 3]))])
    assert torch.equal(again.sync, whole.sync) and torch.equal(again.has_text, whole.has_text)
    assert whole.rows(whole.has_text).batch == 2


def test_cat_of_nothing() -> None:
    with pytest.raises(InputError, match="nothing to concatenate"):
        Conditions.cat([])


def test_to_changes_features_not_flags() -> None:
    half = conditions().to("cpu", torch.bfloat16)
    assert half.text.dtype == torch.bfloat16 and half.has_text.dtype == torch.bool


def test_flags_are_bool_and_rows_agree() -> None:
    good = conditions()
    with pytest.raises(InputError, match="has_text"):
        Conditions(good.semantic, good.sync, good.text, good.has_sync, good.has_sync, torch.ones(3))
    with pytest.raises(ShapeError, match="sync has shape"):
        Conditions(good.semantic, good.sync[:2], good.text, good.has_sync, good.has_sync, good.has_text)


def test_moments_draw_fresh_and_repeat_by_generator() -> None:
    moments = Moments(torch.full((2, 3, 4), 5.0), torch.full((2, 3, 4), 0.5))
    one = moments.sample(torch.Generator().manual_seed(1))
    assert torch.equal(one, moments.sample(torch.Generator().manual_seed(1)))
    assert not torch.equal(one, moments.sample(torch.Generator().manual_seed(2)))
    assert abs(float(one.mean()) - 5) < 0.5


def test_check_shape_names_what_is_wrong() -> None:
    assert check_shape("x", torch.zeros(2, 3), "b n") == {"b": 2, "n": 3}
    with pytest.raises(ShapeError, match=r"noisy has shape \(2, 3\), expected \[b n\] with b=4"):
        check_shape("noisy", torch.zeros(2, 3), "b n", b=4)
    with pytest.raises(ShapeError, match="expected"):
        check_shape("x", torch.zeros(2, 3), "b 4")
    with pytest.raises(ShapeError, match="expected"):
        check_shape("x", torch.zeros(2), "b n")
    with pytest.raises(ShapeError):
        check_shape("square", torch.zeros(2, 3), "n n")
