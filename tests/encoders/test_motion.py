"""The motion features measure what happens: impacts, cuts, flashes, shake, repeats; and nothing is random."""

from __future__ import annotations

import pytest
import torch
from moving_pictures import clip
from torch import Tensor

from soundvcm.encoders import MOTION_COLUMNS, MotionEncoder, VideoEncoder, motion_level
from soundvcm.errors import InputError

ENCODER = MotionEncoder()
COLUMN = {name: number for number, name in enumerate(MOTION_COLUMNS)}


def column(features: Tensor, name: str) -> Tensor:
    return features[:, COLUMN[name]]


def tops(curve: Tensor, count: int, apart: int = 8) -> list[int]:
    """Places of the `count` largest values that lie at least `apart` from one another, in order."""
    left, found = curve.clone(), []
    for _ in range(count):
        at = int(left.argmax())
        found.append(at)
        left[max(0, at - apart) : at + apart + 1] = -1
    return sorted(found)


@pytest.fixture(scope="module")
def bounce() -> Tensor:
    return ENCODER.encode(clip())


def test_it_is_a_video_encoder_with_named_columns(bounce: Tensor) -> None:
    assert isinstance(ENCODER, VideoEncoder)
    assert bounce.shape == (100, 48) and bounce.dtype == torch.float32
    assert ENCODER.dim == len(MOTION_COLUMNS) == len(set(MOTION_COLUMNS)) == 48
    assert (ENCODER.frame_spec.rate, ENCODER.frame_spec.height, ENCODER.frame_spec.width) == (25, 64, 64)
    assert torch.isfinite(bounce).all() and bounce.abs().max() < 2.5


def test_the_same_pictures_give_the_same_numbers(bounce: Tensor) -> None:
    assert torch.equal(ENCODER.encode(clip()), bounce)


def test_threads_do_not_change_the_numbers(bounce: Tensor) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2 if before == 1 else 1)
        assert torch.allclose(ENCODER.encode(clip()), bounce, atol=1e-4)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("plain", [True, False])
def test_impacts_fall_where_the_ball_meets_the_floor(plain: bool) -> None:
    features = ENCODER.encode(clip(plain=plain))
    found = tops(column(features, "impact"), 4)
    assert all(abs(at - true) <= 1 for at, true in zip(found, (20, 40, 60, 80), strict=True)), found


def test_where_and_which_way(bounce: Tensor) -> None:
    falling, rising = slice(36, 40), slice(42, 46)
    velocity = column(bounce, "velocity_y")
    assert velocity[falling].mean() > 0.2 > -0.2 > velocity[rising].mean()
    assert column(bounce, "speed_down")[falling].mean() > 4 * column(bounce, "speed_up")[falling].mean()
    assert column(bounce, "centre_y")[39] > 0.2 > 0.05 > column(bounce, "centre_y")[30]
    low_left, top_right = (
        bounce[20, COLUMN["moved_30"] : COLUMN["moved_31"] + 1],
        column(bounce, "moved_03")[20],
    )
    assert low_left.sum() > 0.2 > top_right


def test_nothing_moves_in_a_still_picture() -> None:
    features = ENCODER.encode(clip(ball=False))
    moving = [name for name in MOTION_COLUMNS if name != "brightness"]
    assert all(column(features, name).abs().max() < 1e-3 for name in moving)
    assert motion_level(features).max() == 0


@pytest.mark.parametrize("shake", [0.5, 1.0])
def test_a_shaken_still_picture_moves_far_less_than_a_ball(bounce: Tensor, shake: float) -> None:
    shaken = ENCODER.encode(clip(ball=False, shake=shake))
    assert column(shaken, "level").mean() < 0.5 * column(bounce, "level").mean()
    assert column(shaken, "level").mean() < 0.2 * column(shaken, "fine_level").mean(), (
        "the camera was taken out"
    )
    assert column(shaken, "camera").mean() > 0.3, "and is told apart"
    assert column(shaken, "cut").sum() == 0


def test_a_ball_is_seen_through_the_shake() -> None:
    features = ENCODER.encode(clip(shake=1.0))
    found = tops(column(features, "impact"), 4)
    assert sum(abs(at - true) <= 1 for at, true in zip(found, (20, 40, 60, 80), strict=True)) >= 3, found


def test_one_ball_on_a_plain_ground_is_no_camera_movement() -> None:
    assert column(ENCODER.encode(clip(plain=True)), "camera").max() < 0.05


def test_a_cut_gives_one_flag_and_no_event() -> None:
    still = ENCODER.encode(clip(ball=False, cut_at=2.0))
    assert column(still, "cut").nonzero()[:, 0].tolist() == [50]
    for name in ("level", "rise", "impact", "is_peak", "light_up", "turn"):
        assert column(still, name).abs().max() < 0.05, name
    moving = ENCODER.encode(clip(cut_at=2.0))
    assert column(moving, "cut").nonzero()[:, 0].tolist() == [50]
    assert column(moving, "rise")[49:52].max() < 0.1 and column(moving, "is_peak")[48:53].sum() == 0


def test_a_flash_is_light_and_not_a_cut() -> None:
    features = ENCODER.encode(clip(ball=False, flash_at=2.0))
    assert int(column(features, "light_up").argmax()) == 50 and column(features, "light_up").max() > 1
    assert int(column(features, "light_down").argmax()) == 51
    assert column(features, "cut").sum() == 0 and column(features, "impact").max() < 0.1


@pytest.mark.parametrize("rate", [10.0, 12.0, 24.0])
def test_slow_sources_move_steadily(bounce: Tensor, rate: float) -> None:
    features = ENCODER.encode(clip(source_rate=rate))
    level = column(features, "level")[5:95]
    assert (level == 0).sum() == 0, "held pictures must not read as rests"
    steps = (level[1:] - level[:-1]).abs().mean()
    usual = column(bounce, "level")[5:95]
    assert steps < 2 * (usual[1:] - usual[:-1]).abs().mean()
    assert 0.6 < level.mean() / usual.mean() < 1.4


def test_recompressed_repeats_are_bridged() -> None:
    frames = clip(source_rate=24.0).clone()
    repeats = [k for k in range(1, 100) if torch.equal(frames[k], frames[k - 1])]
    frames[repeats, ::9, ::9] ^= 1
    level = column(ENCODER.encode(frames), "level")
    assert len(repeats) >= 3
    for k in [k for k in repeats if k > 3]:
        assert level[k] > 0.3 * torch.minimum(level[k - 1], level[k + 1])


def test_a_rest_stays_a_rest() -> None:
    moving = clip()
    frames = torch.cat([moving[:40], moving[39:40].expand(20, -1, -1, -1), moving[40:80]])
    level = column(ENCODER.encode(frames), "level")
    assert level[41:59].max() == 0 and level[60] > 0.02


def test_short_clips_and_wrong_input() -> None:
    frames = clip(pictures=3)
    assert ENCODER.encode(frames[:1]).shape == (1, 48) and ENCODER.encode(frames[:1])[0, COLUMN["level"]] == 0
    assert ENCODER.encode(frames[:2]).shape == (2, 48)
    assert ENCODER.encode(frames).shape == (3, 48)
    with pytest.raises(InputError, match="uint8"):
        ENCODER.encode(frames.float())
    with pytest.raises(InputError, match="h=64"):
        ENCODER.encode(frames[:, :32])
    with pytest.raises(InputError, match="no picture"):
        ENCODER.encode(frames[:0])


def test_noise_of_a_sensor_is_not_motion() -> None:
    frames = clip(ball=False).int()
    noise = torch.randn(frames.shape, generator=torch.Generator().manual_seed(0)) * 2
    features = ENCODER.encode((frames + noise).clamp(0, 255).byte())
    assert column(features, "level").mean() < 0.03 and column(features, "is_peak").sum() == 0
