"""Timelines for editing programs, read back by OpenTimelineIO: its own format and CMX 3600."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import av
import numpy as np
import pytest
import soundfile

from soundvcm.cli.main import main
from soundvcm.errors import MediaError, OptionError
from soundvcm.media import Timecode, check_edit_list, read_reference, write_edit_list

otio: Any = pytest.importorskip("opentimelineio")
FRAME = np.zeros((32, 32, 3), np.uint8)
NTSC = Fraction(30000, 1001)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds at 25 pictures a second that begin at 10:00:00:00."""
    path = tmp_path / "A 001.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.metadata["timecode"] = "10:00:00:00"
        for _ in range(50):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(FRAME, format="rgb24")))
        container.mux(stream.encode())
    return path


def wav(path: Path, seconds: float) -> Path:
    soundfile.write(path, np.zeros(round(16_000 * seconds)), 16_000)
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(["timecode", *map(str, words)])
    return int(leaving.value.code or 0)


def test_the_command_writes_a_timeline_that_plays_in_place(clip: Path, tmp_path: Path) -> None:
    takes = [wav(tmp_path / "one.wav", 1.5), wav(tmp_path / "two.wav", 1)]
    target = tmp_path / "A001.otio"
    assert run(*takes, "--clip", clip, "--start", "0.5", "--timeline", target) == 0
    timeline = otio.adapters.read_from_file(str(target))
    assert otio.opentime.to_timecode(timeline.global_start_time) == "10:00:00:00"
    assert [track.kind for track in timeline.tracks] == ["Video", "Audio", "Audio"]
    for track, seconds in zip(timeline.tracks[1:], (1.5, 1), strict=True):
        (sound,) = track.find_clips()
        file = Path(unquote(urlparse(sound.media_reference.target_url).path))
        assert read_reference(file) == 36_000.5 * 16_000  # the stamped copy, not the take itself
        assert sound.media_reference.available_range == sound.source_range
        assert sound.source_range.start_time.to_seconds() == 36_000.5
        placed = sound.range_in_parent()
        assert (placed.start_time.to_seconds(), placed.duration.to_seconds()) == (0.5, seconds)
    (shown,) = timeline.tracks[0].find_clips()
    assert shown.name == clip.name and shown.source_range.duration.to_frames() == 50


def test_an_edit_decision_list(clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    target = tmp_path / "A001.edl"
    assert run(wav(tmp_path / "one.wav", 1), "--clip", clip, "--start", "0.5", "--timeline", target) == 0
    text = target.read_bytes().decode()
    assert "\r\n" in text and text.splitlines()[1] == "FCM: NON-DROP FRAME"
    timeline = otio.adapters.read_from_file(str(target), rate=25)
    found = {track.kind: next(iter(track.find_clips())) for track in timeline.tracks}
    assert found["Video"].name == clip.name and found["Audio"].name == "one_TC10-00-00-12.wav"
    assert otio.opentime.to_timecode(found["Audio"].source_range.start_time, 25) == "10:00:00:12"
    assert found["Audio"].source_range.duration.to_frames() == 25
    assert found["Video"].source_range.duration.to_frames() == 50


def test_dropped_numbers_are_told(tmp_path: Path) -> None:
    sound, target = wav(tmp_path / "a.wav", 60), tmp_path / "a.edl"
    write_edit_list(target, None, [sound], Timecode.read("00:59:00;02", NTSC))
    lines = target.read_text().splitlines()
    assert lines[1] == "FCM: DROP FRAME"
    assert lines[3].split()[-4:] == ["00:59:00;02", "01:00:00;00"] * 2


def test_what_cannot_be_written_is_refused_first(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = wav(tmp_path / "one.wav", 1)
    assert run(sound, "--clip", clip, "--timeline", tmp_path / "a.doc") == 2
    assert ".edl, .otio" in capsys.readouterr().err and not list(tmp_path.glob("*_TC*"))
    with pytest.raises(OptionError, match="4 sound tracks"):
        check_edit_list(tmp_path / "a.edl", 5)
    with pytest.raises(MediaError, match=r"none\.wav"):
        write_edit_list(tmp_path / "a.edl", None, [tmp_path / "none.wav"], Timecode(0, Fraction(25)))
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    with pytest.raises(OptionError, match=r"soundvcm\[edit\]"):
        check_edit_list(tmp_path / "a.otio", 1)
    check_edit_list(tmp_path / "a.edl", 1)  # needs no package
