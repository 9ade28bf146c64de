"""Case 08: odd and extreme picture sizes."""

from __future__ import annotations

import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import LOSSLESS, moving, packet_md5, write_video

from soundvcm.media import mux, read_frames
from soundvcm.records import FrameSpec

SPECS = {"semantic": FrameSpec(Fraction(8), 64, 64), "sync": FrameSpec(Fraction(25), 224, 224, "cover")}
FILES = {
    "odd444.mp4": (321, 241, {"pix_fmt": "yuv444p", "options": LOSSLESS}),
    "odd.mkv": (321, 241, {"codec": "ffv1", "pix_fmt": "bgr0"}),
    "tiny2x2.mkv": (2, 2, {"codec": "ffv1", "pix_fmt": "yuv420p"}),
    "wide.mp4": (3840, 64, {}),
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    for name, (width, height, how) in FILES.items():
        write_video(folder / name, lambda k, w=width, h=height: moving(k, w, h), 5, 25, **how)  # type: ignore[misc]
    return folder


@pytest.mark.parametrize("name", FILES)
def test_all_sizes_are_read_and_written(odd: Path, tmp_path: Path, name: str) -> None:
    footage = read_frames(odd / name, SPECS)
    assert footage.frames["sync"].shape == (5, 224, 224, 3)
    assert (footage.info.width, footage.info.height) == FILES[name][:2]
    report = mux(odd / name, np.zeros(3200, np.float32), 16_000, tmp_path / "out.mp4")
    assert report.path.suffix == Path(name).suffix  # FFV1 finds its home in Matroska
    assert report.copied and packet_md5(report.path) == packet_md5(odd / name)
    again = read_frames(report.path, {})
    assert (again.info.width, again.info.height) == FILES[name][:2]


def test_encoding_pads_odd_sizes_and_says_so(odd: Path, tmp_path: Path) -> None:
    report = mux(odd / "odd.mkv", np.zeros(3200, np.float32), 16_000, tmp_path / "out.mp4", may_rename=False)
    again = read_frames(report.path, {"any": FrameSpec(Fraction(5), None, None)})
    assert (again.info.width, again.info.height) == (322, 242)
    assert any("padded to 322x242" in line for line in report.messages)
    source = read_frames(odd / "odd.mkv", {"any": FrameSpec(Fraction(5), None, None)})
    difference = again.frames["any"][0, :241, :321].int() - source.frames["any"][0].int()
    assert difference.abs().float().mean() < 20  # nothing was cropped or moved, only compressed


def test_wide_pictures_need_little_memory(odd: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for exact in (False, True):
        read_frames(odd / "wide.mp4", {"sync": FrameSpec(Fraction(25), 224, 224, "cover", exact)})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # kB


def test_cover_keeps_the_centre(odd: Path) -> None:
    picture = np.zeros((64, 3840, 3), np.uint8)
    picture[:, 1888:1952] = 255
    frames = np.repeat(picture[None], 2, axis=0)
    for exact in (False, True):
        spec = {"sync": FrameSpec(Fraction(1), 32, 32, "cover", exact)}
        assert read_frames(frames, spec, fps=1).frames["sync"].float().mean() > 245
    path = write_video(odd / "centre.mkv", lambda k: picture, 2, 1, codec="ffv1", pix_fmt="bgr0")
    for exact in (False, True):
        spec = {"sync": FrameSpec(Fraction(1), 32, 32, "cover", exact)}
        assert read_frames(path, spec).frames["sync"].float().mean() > 245


def test_no_empty_file_is_left_when_writing_fails(
    odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundvcm.errors import MediaError
    from soundvcm.media.write import encode_sound

    def fail(*_: object) -> None:
        raise av.error.InvalidDataError(1, "broken")

    monkeypatch.setattr(encode_sound.SoundEncoder, "finish", fail)
    with pytest.raises(MediaError, match="cannot be written"):
        mux(odd / "odd444.mp4", np.zeros(3200, np.float32), 16_000, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []
