"""Small pictures: torchvision's own arithmetic where exact, cover and stretch, colours."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from av import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from clips import LOSSLESS, write_video

from soundvcm.media import read_frames
from soundvcm.media.read.resize import FrameResizer, Orientation, cover_box
from soundvcm.records import FrameSpec

RNG = np.random.default_rng(3)
NOISE = RNG.integers(0, 256, (90, 160, 3), dtype=np.uint8)


def planes(picture: np.ndarray) -> torch.Tensor:  # type: ignore[type-arg]
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def test_exact_stretch_is_torch_bicubic_antialias() -> None:
    small = FrameResizer(FrameSpec(Fraction(8), 38, 38, exact=True))(NOISE)
    right = torch.nn.functional.interpolate(
        planes(NOISE).contiguous(), (38, 38), mode="bicubic", antialias=True, align_corners=False
    )
    assert small.dtype == np.uint8 and (small == right[0].permute(1, 2, 0).numpy()).all()


def test_exact_cover_is_resize_then_centre_crop() -> None:
    small = FrameResizer(FrameSpec(Fraction(25), 22, 22, "cover", True))(NOISE)
    right = torch.nn.functional.interpolate(
        planes(NOISE).contiguous(),
        (22, int(22 * 160 / 90)),
        mode="bicubic",
        antialias=True,
        align_corners=False,
    )
    left = round((right.shape[3] - 22) / 2)
    assert (small == right[0, :, :, left : left + 22].permute(1, 2, 0).numpy()).all()


def test_the_same_size_changes_nothing() -> None:
    for fit in ("stretch", "cover"):
        assert (FrameResizer(FrameSpec(Fraction(1), 90, 160, fit, True))(NOISE) == NOISE).all()  # type: ignore[arg-type]
        assert (FrameResizer(FrameSpec(Fraction(1), None, None, fit, True))(NOISE) == NOISE).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("fit", ["stretch", "cover"])
def test_the_decoders_scaler_is_near_torchs(tmp_path: Path, fit: str) -> None:
    smooth = np.zeros((96, 160, 3), np.uint8)
    smooth[..., 0] = np.linspace(0, 255, 160).astype(np.uint8)
    smooth[..., 1] = np.linspace(0, 255, 96).astype(np.uint8)[:, None]
    path = write_video(tmp_path / "a.mkv", lambda k: smooth, 2, 25, codec="ffv1", pix_fmt="bgr0")
    for size in ((24, 24), (48, 24), (200, 240)):
        pair = [
            read_frames(path, {"a": FrameSpec(Fraction(1), *size, fit, exact)}).frames["a"][0].int()  # type: ignore[arg-type]
            for exact in (False, True)
        ]
        assert (pair[0] - pair[1]).abs().float().mean() < 2.0


def test_colours_are_right_after_scaling(tmp_path: Path) -> None:
    for value in (0, 5, 11, 128, 250, 255):
        path = write_video(
            tmp_path / f"{value}.mp4", lambda k, v=value: np.full((48, 64, 3), v, np.uint8),  # type: ignore[misc]
            2, 25, options=LOSSLESS, pix_fmt="yuv444p",
        )  # fmt: skip
        found = read_frames(path, {"a": FrameSpec(Fraction(1), 24, 24)}).frames["a"]
        assert (found.int() - value).abs().max() <= 1


@pytest.mark.parametrize(
    "layout", ["yuv420p", "yuvj422p", "yuv444p10le", "nv12", "yuva420p", "rgb24", "gray"]
)
@pytest.mark.parametrize("size", [(24, 24), (37, 53), (45, 80), (90, 160), (100, 33), (200, 301)])
def test_planes_hold_the_bytes_of_packed_rgb(layout: str, size: tuple[int, int]) -> None:
    """What FFmpeg's scaler writes as planes (fast) is what it writes as packed RGB (the rule)."""
    frame = VideoFrame.from_ndarray(NOISE, format="rgb24").reformat(format=layout)
    if layout == "yuv420p":
        for plane in frame.planes:  # colours that lie outside RGB, too
            values = RNG.integers(0, 256, plane.buffer_size, dtype=np.uint8)
            plane.update(values.tobytes())
    flags = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    packed = VideoReformatter().reformat(frame, size[1], size[0], "rgb24", interpolation=flags).to_ndarray()
    assert (FrameResizer(FrameSpec(Fraction(8), *size))(frame) == packed).all()


@pytest.mark.parametrize(
    ("size", "out", "aspect", "box"),
    [
        ((3840, 64), (224, 224), 1, (1888, 0, 64, 64)),
        ((64, 3840), (224, 224), 1, (0, 1888, 64, 64)),
        ((160, 90), (160, 90), 1, (0, 0, 160, 90)),
        ((720, 576), (16, 9), Fraction(64, 45), (0, 0, 720, 576)),
        ((2, 2), (224, 10), 1, (0, 0, 2, 1)),
        ((1, 1), (3, 5), 1, (0, 0, 1, 1)),
    ],
)
def test_what_cover_keeps(
    size: tuple[int, int], out: tuple[int, int], aspect: Fraction, box: tuple[int, int, int, int]
) -> None:
    assert cover_box(*size, *out, Fraction(aspect)) == box


def test_turns() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert (Orientation().apply(picture) == picture).all() and not Orientation().mirrors
    turned = Orientation(True, False, True)  # a quarter turn counter-clockwise
    assert (turned.apply(picture) == np.rot90(picture)).all() and not turned.mirrors
    assert (Orientation(False, True, True).apply(picture) == np.rot90(picture, 2)).all()
    assert Orientation(False, True, False).mirrors
