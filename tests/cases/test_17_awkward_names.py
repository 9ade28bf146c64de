"""Case 17: awkward file names and equal stems."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import Clips

from soundvcm.errors import MediaError
from soundvcm.media import folder_outputs, mux, output_paths, read_frames, save_sound
from soundvcm.records import FrameSpec

NAMES = [
    "影片 ünïcødé #1 & 'q'.mp4",
    "-dash.mp4",
    "my clip.v2.final.mp4",
    "a:b.mp4",
    "50%d.mp4",
    "new\nline.mp4",
    "x?y*.mp4",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_read_and_written(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(clips("short25.mp4").read_bytes())
    monkeypatch.chdir(tmp_path)  # so that "-dash.mp4" begins with its dash
    specs = {"any": FrameSpec(25, 8, 8)}  # type: ignore[arg-type]
    assert read_frames(name, specs).seconds == 1
    assert read_frames(Path(name), specs).frames["any"].shape[0] == 25
    [output] = output_paths(name)
    stem = name.removesuffix(".mp4")
    assert output == Path(f"{stem}.sound.mp4")
    assert mux(name, np.zeros(16_000, np.float32), 16_000, output).path.exists()
    [sound] = output_paths(name, "out/", suffix=".wav")
    assert sound == Path("out") / f"{stem}.wav"
    save_sound(sound, np.zeros(160, np.float32), 16_000)
    assert sound.exists()


def test_a_name_that_is_no_text(clips: Clips, tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    try:
        Path(os.fsdecode(raw)).write_bytes(clips("short25.mp4").read_bytes())
    except OSError:
        pytest.skip("this file system wants UTF-8 names")
    footage = read_frames(os.fsdecode(raw), {"any": FrameSpec(25, 8, 8)})  # type: ignore[arg-type]
    assert footage.seconds == 1


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_in_any_locale(clips: Clips, tmp_path: Path, locale: str) -> None:
    (tmp_path / NAMES[0]).write_bytes(clips("short25.mp4").read_bytes())
    code = "import sys; from soundvcm.media import probe; print(probe(sys.argv[1])['samples'])"
    done = subprocess.run(
        [sys.executable, "-c", code, NAMES[0]],
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": locale},
        capture_output=True,
    )
    assert done.stdout.strip() == b"16000", done.stderr


def test_folder_run_leaves_three_results(tmp_path: Path) -> None:
    root, out = tmp_path / "same", tmp_path / "out"
    inputs = [root / "a" / "clip.mp4", root / "b" / "clip.mp4", root / "clip.mov", root / "clip.mp4"]
    for path in inputs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = folder_outputs(inputs, root, out, ".wav")
    assert found == {
        inputs[0]: out / "a" / "clip.wav",
        inputs[1]: out / "b" / "clip.wav",
        inputs[2]: out / "clip.wav",
        inputs[3]: out / "clip_mp4.wav",
    }
    assert folder_outputs(reversed(inputs), root, out, ".wav") == found
    upper = folder_outputs([root / "A.mp4", root / "a.mp4", root / "a.MP4"], root, out, ".wav")
    assert len({str(path).casefold() for path in upper.values()}) == 3


def test_the_input_is_never_overwritten(clips: Clips, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    data = clips("short25.mp4").read_bytes()
    path.write_bytes(data)
    (tmp_path / "link.mp4").symlink_to(path)
    assert output_paths(path, tmp_path) == [tmp_path / "clip.sound.mp4"]
    assert folder_outputs([path], tmp_path, tmp_path) == {path: tmp_path / "clip.sound.mp4"}
    for target in (path, tmp_path / "link.mp4", tmp_path / "x" / ".." / "clip.mp4"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(MediaError, match="is the input itself"):
            mux(path, np.zeros(16_000, np.float32), 16_000, target)
        with pytest.raises(MediaError, match="is the input itself"):
            output_paths(path, target)
    assert path.read_bytes() == data
    assert sorted(one.name for one in tmp_path.iterdir()) == ["clip.mp4", "link.mp4", "x"]


def test_takes_and_files_have_their_names(tmp_path: Path) -> None:
    assert [path.name for path in output_paths("a.b.mov", takes=2)] == [
        "a.b.sound-take1.mov",
        "a.b.sound-take2.mov",
    ]
    assert output_paths("clip.avi") == [Path("clip.sound.mp4")]
    assert output_paths("clip.avi", "there/x.webm") == [Path("there/x.webm")]
    assert output_paths("clip.avi", "there/x") == [Path("there/x.mp4")]
    assert output_paths("clip.avi", tmp_path, suffix=".flac") == [tmp_path / "clip.flac"]
