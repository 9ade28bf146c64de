"""Case 62: a photograph in AVIF is a still picture, though the demuxer of MP4 reads it; a sequence moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from soundvcm.errors import OptionError
from soundvcm.media import inspect, mux, probe, read_frames
from soundvcm.records import FrameSpec

SPEC = {"any": FrameSpec(8, 16, 16)}  # type: ignore[arg-type]


def pictures(count: int) -> list[Image.Image]:
    made = []
    for k in range(count):
        picture = np.zeros((64, 96, 3), np.uint8)
        picture[:, 8 * k : 8 * k + 8] = 255
        made.append(Image.fromarray(picture))
    return made


def test_a_still(tmp_path: Path) -> None:
    path = tmp_path / "still.avif"
    pictures(1)[0].save(path)
    assert probe(path)["still"] is True and inspect(path).is_still
    with pytest.raises(OptionError):
        read_frames(path, SPEC)
    decoded = read_frames(path, SPEC, seconds=4)
    assert (
        decoded.is_still
        and decoded.seconds == 4
        and len(decoded.frames["any"]) == 32
        and not decoded.warnings
    )
    report = mux(path, np.zeros(64_000, np.float32), 16_000, tmp_path / "o.mp4", seconds=4)
    assert report.seconds == report.picture_seconds == 4


def test_a_sequence_moves(tmp_path: Path) -> None:
    first, *rest = pictures(8)
    path = tmp_path / "moving.avif"
    first.save(path, save_all=True, append_images=rest, duration=125)
    decoded = read_frames(path, SPEC)
    assert not decoded.is_still and decoded.seconds == 1 and decoded.info.is_encoded
