"""Case 14: truncated, empty and mislabelled files."""

from __future__ import annotations

import os
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import Clips, decoded_sound

from soundvcm.errors import MediaError
from soundvcm.media import mux, probe, read_frames
from soundvcm.records import FrameSpec

SPECS = {"sync": FrameSpec(Fraction(25), 8, 8)}


@pytest.fixture(scope="module")
def broken(clips: Clips) -> dict[str, Path]:
    folder = clips.folder / "broken"
    folder.mkdir()
    contents = {
        "empty.mp4": b"",
        "noise.mp4": np.random.default_rng(0).bytes(4096),
        "html.mp4": b"<html>403 Forbidden</html>",
        "list.m3u8": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n",
        "concat.txt": b"ffconcat version 1.0\nfile 'fast.mp4'\n",
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    found = {name: folder / name for name in contents}
    return {**found, "trunc_nomoov.mp4": clips("trunc_nomoov.mp4")}


@pytest.mark.parametrize(
    "name", ["empty.mp4", "noise.mp4", "html.mp4", "trunc_nomoov.mp4", "list.m3u8", "concat.txt"]
)
def test_hopeless_files_are_refused_in_one_line(broken: dict[str, Path], name: str) -> None:
    began = time.monotonic()
    with pytest.raises(MediaError) as caught:
        read_frames(broken[name], SPECS)
    assert time.monotonic() - began < 5
    assert name in str(caught.value) and "\n" not in str(caught.value) and caught.value.exit_code == 2


def test_missing_folder_and_address(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file"):
        read_frames(tmp_path / "none.mp4", SPECS)
    with pytest.raises(MediaError, match="is a folder"):
        read_frames(tmp_path, SPECS)
    with pytest.raises(MediaError, match="not fetched"):
        read_frames("https://example.org/clip.mp4", SPECS)
    with pytest.raises(MediaError, match="cannot read a dict"):
        read_frames({}, SPECS)


def test_a_cut_file_is_used_as_far_as_it_goes(clips: Clips, tmp_path: Path) -> None:
    path = clips("trunc_fast.mp4")
    footage = read_frames(path, SPECS)
    assert Fraction(3, 2) < footage.seconds < Fraction(3)
    assert footage.frames["sync"].shape[0] == footage.seconds * 25
    assert len(footage.warnings) == 1
    assert (
        "claims 4.000 s" in footage.warnings[0] and f"{float(footage.seconds):.3f} s" in footage.warnings[0]
    )
    samples = round(footage.seconds * 16_000)
    wave = np.zeros(samples, np.float32)
    report = mux(path, wave, 16_000, tmp_path / "out.mkv", seconds=footage.seconds)
    assert report.seconds == report.picture_seconds == footage.seconds
    assert probe(report.path)["seconds"] == str(footage.seconds)
    assert decoded_sound(report.path)[0].shape[1] == samples


def test_a_range_before_the_damage_needs_no_warning(clips: Clips) -> None:
    footage = read_frames(clips("trunc_fast.mp4"), SPECS, seconds=1)
    assert footage.seconds == 1 and footage.warnings == []


def test_ffmpeg_says_nothing_on_the_terminal(
    broken: dict[str, Path], clips: Clips, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in (broken["noise.mp4"], clips("trunc_fast.mp4"), broken["trunc_nomoov.mp4"]):
        try:
            read_frames(path, SPECS)
        except MediaError:
            continue
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_no_files_stay_open(broken: dict[str, Path], clips: Clips) -> None:
    here = Path("/proc/self/fd")
    if not here.exists():
        pytest.skip("no /proc here")
    before = len(list(here.iterdir()))
    for path in (*broken.values(), clips("trunc_fast.mp4"), clips("fps24.mp4")):
        try:
            read_frames(path, SPECS, seconds=1)
        except MediaError:
            continue
    assert len(list(here.iterdir())) == before
