"""Case 66: file names and words that are no UTF-8."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from clips import Clips

from soundvcm.cli.main import main
from soundvcm.media import mux, read_frames, read_sound, read_tags, save_sound

WAVE = np.zeros(16_000, np.float32)


def named(folder: Path, name: bytes) -> Path:
    path = folder / os.fsdecode(name)
    try:
        path.touch()
    except OSError:
        pytest.skip("this disk takes UTF-8 names only")
    path.unlink()
    return path


@pytest.mark.parametrize("suffix", [b".mp4", b".mkv", b".webm", b".mov", b".avi"])
def test_videos(clips: Clips, tmp_path: Path, suffix: bytes) -> None:
    source = named(tmp_path, b"caf\xe9.mp4")
    source.write_bytes(clips("short25.mp4").read_bytes())
    report = mux(source, WAVE, 16_000, named(tmp_path, b"out_\xff" + suffix), tags={"prompt": "caf\udce9"})
    assert report.path.exists() and read_frames(report.path, {}).seconds == 1


@pytest.mark.parametrize("suffix", [b".wav", b".flac", b".ogg", b".opus", b".mp3", b".m4a"])
def test_sounds(tmp_path: Path, suffix: bytes) -> None:
    path = named(tmp_path, b"out_\xff" * 40 + suffix)
    save_sound(path, WAVE, 16_000, tags={"prompt": "caf\udce9"})
    assert read_sound(path)[0].shape[1] > 15_000 and "caf" in read_tags(path)["prompt"]


def test_the_command(clips: Clips, tmp_path: Path) -> None:
    source = named(tmp_path, b"caf\xe9.mp4")
    source.write_bytes(clips("short25.mp4").read_bytes())
    with pytest.raises(SystemExit) as end:
        main(["generate", str(source), "--seed", "1"])
    assert end.value.code == 0 and (tmp_path / os.fsdecode(b"caf\xe9.sound.mp4")).exists()
