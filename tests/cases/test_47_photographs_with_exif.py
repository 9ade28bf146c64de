"""Case 47: photographs as cameras and phones write them; no EXIF value ends a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from soundvcm.errors import OptionError
from soundvcm.media import mux, probe, read_frames
from soundvcm.records import FrameSpec

WAVE = np.zeros(32_000, np.float32)
SPEC = {"any": FrameSpec(1, None, None)}  # type: ignore[arg-type]


def photo(path: Path, orientation: int | None, **more: object) -> Path:
    """Left half red over blue, 128 x 96 as stored."""
    picture = np.zeros((96, 128, 3), np.uint8)
    picture[:48, :64] = (220, 30, 30)
    picture[48:, :64] = (30, 30, 220)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    exif[0x010F] = "Camera"
    Image.fromarray(picture).save(path, exif=exif, **more)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_a_turned_photograph(tmp_path: Path, suffix: str) -> None:
    path = photo(tmp_path / f"photo{suffix}", 6)
    found = probe(path)
    assert found["still"] is True and any("duration" in line for line in found["warnings"])
    with pytest.raises(OptionError):
        read_frames(path, SPEC)
    frame = read_frames(path, SPEC, seconds=2).frames["any"][0].numpy()
    if suffix in (".jpg", ".png", ".avif"):  # FFmpeg turns these; of the others it reads no orientation
        assert frame.shape == (128, 96, 3) and frame[10, 85, 0] > 150 and frame[10, 10, 2] > 150
    report = mux(path, WAVE, 16_000, tmp_path / "p.mp4", seconds=2)
    assert report.seconds == report.picture_seconds == 2


@pytest.mark.parametrize("orientation", [*range(1, 9), 0, 9, 65_535, None])
def test_every_orientation(tmp_path: Path, orientation: int | None) -> None:
    path = photo(tmp_path / "photo.jpg", orientation, quality=95)
    frame = read_frames(path, SPEC, seconds=1).frames["any"][0].numpy().astype(int)
    with Image.open(path) as image:
        from PIL import ImageOps

        shown = ImageOps.exif_transpose(image).convert("RGB")
    assert frame.shape[:2] == (shown.height, shown.width)
    assert np.abs(frame - np.asarray(shown).astype(int)).mean() < 6


def test_any_bytes_for_exif(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    path = photo(tmp_path / "photo.jpg", 6)
    data = bytearray(path.read_bytes())
    at = data.index(b"Exif\0\0") + 6
    for _ in range(40):
        broken = bytearray(data)
        broken[at : at + 40] = generator.integers(0, 256, 40, dtype=np.uint8).tobytes()
        other = tmp_path / "broken.jpg"
        other.write_bytes(broken)
        assert read_frames(other, SPEC, seconds=1).frames["any"].shape[0] == 1
