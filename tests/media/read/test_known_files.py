"""What the reader found of a file is not found out again by whoever writes it, unless the file changed."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import pytest

from soundvcm import media
from soundvcm.media.read.frame_range import FrameRange, claimed_info, inspect
from soundvcm.records import FrameSpec


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that PyAV opens for reading from now on."""
    found: list[str] = []
    real = av.open

    def spy(file, mode=None, *args, **named):
        if isinstance(file, str) and mode in (None, "r"):
            found.append(Path(file).name)
        return real(file, mode, *args, **named)

    monkeypatch.setattr(av, "open", spy)
    return found


def test_a_file_that_was_read_is_not_inspected_again(clips, tmp_path, opened):
    clip = Path(shutil.copy(clips("short25.mp4"), tmp_path / "a.mp4"))
    with FrameRange(clip) as pictures:
        read = pictures.reader.info
    opened.clear()
    assert inspect(clip) == read and not opened
    shutil.copy(clips("fps24.mp4"), clip)
    assert inspect(clip).frame_rate == 24 and opened == ["a.mp4"]


def test_what_is_kept_cannot_be_changed_from_outside(clips):
    first = inspect(clips("short25.mp4"))
    first.codec = "other"
    assert inspect(clips("short25.mp4")).codec == "h264"


def test_metadata_alone_is_the_same_without_a_look_at_the_pictures(clips):
    clip = clips("short25.mp4")
    full, light = claimed_info(clip), claimed_info(clip, decodes=False)
    light.pix_fmt = full.pix_fmt
    assert light == full


def test_overlapping_windows_scale_a_picture_once(clips, monkeypatch):
    from soundvcm.media.read.resize import FrameResizer

    scaled = []
    real = FrameResizer._rgb
    monkeypatch.setattr(FrameResizer, "_rgb", lambda *given: scaled.append(1) or real(*given))
    specs = {"sync": FrameSpec(Fraction(25), 16, 16, fit="stretch", exact=False)}
    clip = clips("short25.mp4")
    alone = media.read_frames(clip, specs).frames["sync"]
    once, scaled[:] = len(scaled), []
    parts = list(media.windows(clip, specs, "0.4", "0.2"))
    assert len(parts) > 2 and len(scaled) == once
    assert (parts[0].frames["sync"] == alone[:10]).all()
