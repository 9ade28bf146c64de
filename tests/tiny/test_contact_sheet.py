"""Contact sheets: rows of drawn scenes and of clips become pictures whose parts are where they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clips import moving, write_video
from scene_bank import FakeBank

from soundvcm.generate.audio import Audio
from tiny import contact_sheet as sheet


class Clicks:
    """A pipeline that makes one click a second, whatever it sees; remembers what it was given."""

    def __init__(self) -> None:
        self.asked: list[tuple] = []

    def generate(self, video, *, duration=None, fps=None, prompt="", num_steps=None, seed=-1) -> Audio:
        self.asked.append((video, prompt, num_steps))
        length = float(duration) if duration is not None else len(video) / fps
        wave = np.zeros((1, round(16_000 * length)), np.float32)
        for at in range(8_000, wave.shape[1], 16_000):
            wave[0, at : at + 200] = np.hanning(200) * 0.8
        return Audio(wave, 16_000, 1, length, {}, {}, (), 1)


def test_scenes_and_clips_become_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Clicks()
    monkeypatch.setattr(sheet, "load", lambda name, device: pipeline)
    monkeypatch.setattr(sheet, "load_bank", lambda folder: FakeBank())
    clips = tmp_path / "clips"
    clips.mkdir()
    write_video(clips / "a.mp4", moving, 50)
    words = [
        str(tmp_path / "new" / "out"),
        "--scenes",
        "3",
        "--rows",
        "2",
        "--clips",
        str(clips),
        "--told",
        "text",
    ]
    written = sheet.main(words)
    assert [path.name for path in written] == ["out-scenes-1.png", "out-scenes-2.png", "out-clips-3.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    assert len(pipeline.asked) == 4 and pipeline.asked[0][0].shape == (200, 112, 112, 3)
    assert pipeline.asked[0][1] and not pipeline.asked[3][1]


def test_rows_tell_events_and_movement(tmp_path: Path) -> None:
    pipeline = Clicks()
    write_video(tmp_path / "a.mp4", moving, 50)
    (row,) = sheet.clip_rows(pipeline, tmp_path, 1, 8.0)
    assert row.frames.shape == (14, 72, 96, 3) and row.seconds == 2 and len(row.movement) == 50
    assert row.title.startswith("a.mp4 / classified as:") and max(row.movement[1:]) > 0 and not row.events
    mel = sheet.log_mel(np.sin(np.arange(16_000) * 2 * np.pi * 1000 / 16_000).astype("f4"), 16_000)
    assert mel.shape == (80, 101) and 25 < int(mel[:, 50].argmax()) < 40  # 1 kHz is near the middle


def test_an_empty_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "load", lambda name, device: Clicks())
    with pytest.raises(SystemExit, match="contact_sheet"):
        sheet.main([str(tmp_path / "out"), "--scenes", "0", "--clips", str(tmp_path)])
