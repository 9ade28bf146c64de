"""Case 07: phone clips: rotation kept only in metadata."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from clips import Clips, packet_md5

from soundvcm.media import mux, read_frames
from soundvcm.records import FrameSpec

WHERE = {"rot90": ("left", "right"), "rot180": ("bottom", "top"), "rot270": ("right", "left")}


def colour(picture: torch.Tensor, side: str) -> str:
    height, width = picture.shape[:2]
    y = {"top": height // 5, "bottom": -height // 5}.get(side, height // 2)
    x = {"left": width // 5, "right": -width // 5}.get(side, width // 2)
    red, _, blue = picture[y, x].tolist()
    return "red" if red > 150 and blue < 100 else "blue" if blue > 150 and red < 100 else "?"


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", WHERE)
def test_pictures_are_seen_upright(clips: Clips, name: str, exact: bool) -> None:
    specs = {
        "whole": FrameSpec(Fraction(5), None, None, exact=exact),
        "small": FrameSpec(Fraction(5), 30, 20, exact=exact),
        "crop": FrameSpec(Fraction(5), 20, 20, "cover", exact=exact),
    }
    footage = read_frames(clips(f"{name}.mp4"), specs)
    size = (64, 36) if name == "rot180" else (36, 64)
    assert (footage.info.width, footage.info.height) == size
    assert footage.frames["whole"].shape[1:3] == (size[1], size[0])
    assert footage.frames["small"].shape[1:3] == (30, 20)
    for role in specs:
        assert colour(footage.frames[role][0], WHERE[name][0]) == "red"
        assert colour(footage.frames[role][0], WHERE[name][1]) == "blue"


@pytest.mark.parametrize("name", WHERE)
@pytest.mark.parametrize("cut", ["packets", "exact"])
def test_the_result_plays_upright(clips: Clips, tmp_path: Path, name: str, cut: str) -> None:
    source = clips(f"{name}.mp4")
    seconds = None if cut == "packets" else Fraction(1, 5)
    report = mux(source, np.zeros(6400, np.float32), 16_000, tmp_path / "out.mp4", cut=cut, seconds=seconds)
    assert report.copied == (cut == "packets")
    if report.copied:
        assert packet_md5(report.path) == packet_md5(source)
    footage = read_frames(report.path, {"any": FrameSpec(Fraction(5), None, None)})
    assert footage.info.rotation == (read_frames(source, {}).info.rotation if report.copied else 0)
    assert colour(footage.frames["any"][0], WHERE[name][0]) == "red"
    assert colour(footage.frames["any"][0], WHERE[name][1]) == "blue"
