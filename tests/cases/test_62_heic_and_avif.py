"""Case 62: a photograph in AVIF is a still picture, though the demuxer of MP4 reads it; a sequence moves."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from soundvcm.errors import MediaError, OptionError
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


def tiled(path: Path, turn: int | None = None) -> Path:
    """A photograph in 4 x 3 tiles of 64 pixels, as phones write them: red at the left, blue at the right."""
    heif = pytest.importorskip("pillow_heif")
    picture = np.zeros((150, 220, 3), np.uint8)
    picture[:, :110, 0] = picture[:, 110:, 2] = 230
    exif = Image.Exif()
    if turn is not None:
        exif[0x0112] = turn
    image = heif.from_pillow(Image.fromarray(picture))
    image.save(path, tile_size=64, exif=exif.tobytes(), quality=90)
    return path


@pytest.mark.parametrize("way", ["path", "bytes", "file"])
def test_a_photograph_in_tiles_is_whole(tmp_path: Path, way: str) -> None:
    path = tiled(tmp_path / "phone.heic")
    with path.open("rb") as file:
        source = {"path": path, "bytes": path.read_bytes(), "file": file}[way]
        found = probe(source)
        assert found["still"] is True and (found["width"], found["height"]) == (220, 150)
        assert inspect(source).is_still
        decoded = read_frames(source, SPEC, seconds=4)
    red, blue = decoded.frames["any"][0, 8, 2].tolist(), decoded.frames["any"][0, 8, 13].tolist()
    assert red[0] > 200 > 60 > red[2] and blue[2] > 200 > 60 > blue[0]
    with pytest.raises(OptionError, match="still picture"):
        read_frames(path, SPEC)
    report = mux(path, np.zeros(16_000, np.float32), 16_000, tmp_path / "o.mp4")
    assert report.picture_seconds == 1 and inspect(report.path).width == 220


def test_tiles_without_the_package_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiled(tmp_path / "phone.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MediaError, match=r"phone\.heic.*soundvcm\[heic\]"):
        inspect(path)


def test_damaged_tiles_are_one_line(tmp_path: Path) -> None:
    path = tiled(tmp_path / "phone.heic")
    data = path.read_bytes()
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(MediaError, match="phone"):
            read_frames(path, SPEC, seconds=1)
