"""Case 11: still pictures and GIFs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import Clips, decoded_sound, moving, shown_times, write_picture

from soundvcm.errors import InputError, MediaError
from soundvcm.media import mux, probe, read_frames
from soundvcm.records import FrameSpec

SPECS = {"semantic": FrameSpec(Fraction(8), 16, 16), "sync": FrameSpec(Fraction(25), 16, 16)}
PICTURES = {"still.png": "rgb24", "grey.png": "gray", "rgba.png": "rgba", "still.jpg": "yuvj444p"}


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stills")
    for name, form in PICTURES.items():
        write_picture(folder / name, moving(3, 48, 32), form)
    return folder


@pytest.mark.parametrize("name", PICTURES)
def test_one_picture_repeated(stills: Path, name: str) -> None:
    footage = read_frames(stills / name, SPECS, seconds=4)
    assert footage.is_still and footage.seconds == 4 and footage.warnings == []
    semantic = footage.frames["semantic"]
    assert semantic.shape == (32, 16, 16, 3) and (semantic == semantic[:1]).all()
    assert semantic.untyped_storage().nbytes() == 16 * 16 * 3  # repeated without memory
    assert probe(stills / name, seconds=4)["samples"] == 64_000


@pytest.mark.parametrize("name", PICTURES)
def test_a_video_of_a_still_lasts_as_asked(stills: Path, tmp_path: Path, name: str) -> None:
    report = mux(stills / name, np.zeros(72_000, np.float32), 16_000, tmp_path / "out.mp4")
    assert report.seconds == report.picture_seconds == Fraction(9, 2)
    assert shown_times(report.path) == [0, 1, 2, 3, 4]
    assert probe(report.path)["seconds"] == "9/2"
    assert decoded_sound(report.path)[0].shape[1] - 72_000 in range(1024)


def test_a_still_without_duration_is_refused_in_words(stills: Path) -> None:
    with pytest.raises(InputError, match="give a duration"):
        read_frames(stills / "still.png", SPECS)
    found = probe(stills / "still.png")
    assert found["still"] and found["seconds"] is None and "give a duration" in found["warnings"][0]


def test_gif(clips: Clips, tmp_path: Path) -> None:
    path = clips("anim.gif")
    found = probe(path)
    names = ("seconds", "semantic_frames", "sync_frames", "sync_segments", "samples", "still")
    assert [found[name] for name in names] == ["2", 16, 50, 5, 32_000, False]
    report = mux(path, np.zeros(32_000, np.float32), 16_000, tmp_path / "out.mp4")
    assert probe(report.path)["seconds"] == "2" and len(shown_times(report.path)) == 20


def test_more_than_the_gif_is_refused_or_looped_on_request(clips: Clips) -> None:
    path = clips("anim.gif")
    with pytest.raises(MediaError, match=r"2\.000 s.* 4 s"):
        read_frames(path, SPECS, seconds=4)
    looped = read_frames(path, SPECS, seconds=4, beyond="loop")
    once = read_frames(path, SPECS)
    assert looped.seconds == 4 and looped.frames["sync"].shape[0] == 100
    assert (looped.frames["semantic"][16:] == once.frames["semantic"]).all()
