"""Case 50: a result never replaces a file that nobody named, nor one that soundvcm did not make."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from clips import Clips, moving, write_video

from soundvcm.cli.main import main as command
from soundvcm.errors import MediaError, OptionError
from soundvcm.media import check_video_target, made_here, mux, save_sound, settle_output, whole_file

SILENCE = np.zeros(16_000, np.float32)
FOREIGN = b"the only copy of something else"
TAGS = {"software": "soundvcm"}


def main(words: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        command(words)
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "asked", "written"),
    [("libx264", "yuv420p", "result.webm", "result.mp4"), ("libvpx", "yuv420p", "talk.mp4", "talk.webm"),
     ("ffv1", "yuv420p", "a.mp4", "a.mkv"), ("prores_ks", "yuv422p10le", "a.mp4", "a.mov")],
)  # fmt: skip
def test_a_chosen_suffix_takes_a_free_name(
    tmp_path: Path, codec: str, pix_fmt: str, asked: str, written: str
) -> None:
    source = write_video(tmp_path / "in.mkv", moving, 25, 25, codec=codec, pix_fmt=pix_fmt)
    other = tmp_path / written
    other.write_bytes(FOREIGN)
    settled = settle_output(source, tmp_path / asked)
    report = mux(source, SILENCE, 16_000, tmp_path / asked, tags=TAGS)
    assert other.read_bytes() == FOREIGN and report.copied
    assert report.path == settled and report.path.name == f"{other.stem}-2{other.suffix}"
    again = mux(source, SILENCE, 16_000, tmp_path / asked, tags=TAGS)  # our own result is made again
    assert again.path == report.path


def test_the_input_is_never_the_free_name(clips: Clips, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(clips("short25.mp4").read_bytes())
    assert settle_output(clip, tmp_path / "clip.webm", never=clip) == tmp_path / "clip-2.mp4"


@pytest.mark.parametrize("words", [["-o", "result.webm"], ["-o", "result.mp4"], []])
def test_a_foreign_file_stays(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The named file, the default name, and a suffix that the product chose; `-y` replaces a named one."""
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(clips("short25.mp4").read_bytes())
    name = Path("result.mp4" if words else "clip.sound.mp4")
    name.write_bytes(FOREIGN)
    code = main(["generate", "clip.mp4", "--seed", "1", *words])
    assert name.read_bytes() == FOREIGN
    if words and words[-1].endswith(".webm"):
        assert code == 0 and made_here(Path("result-2.mp4"))
        return
    assert code == 2 and str(name) in (err := capsys.readouterr().err) and "--overwrite" in err
    assert main(["generate", "clip.mp4", "--seed", "1", *words, "-y"]) == 0
    assert made_here(name)
    assert main(["generate", "clip.mp4", "--seed", "1", *words]) == 0  # what we made may be made again


def test_what_can_be_no_result(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "file").write_bytes(FOREIGN)
    (tmp_path / "folder.mp4").mkdir()
    bad = [Path("-"), Path("/dev/null"), tmp_path / "pipe.mp4", tmp_path / "folder.mp4",
           tmp_path / "file" / "a.mp4", tmp_path / ("a" * 300 + ".mp4"), Path("/proc/a.mp4")]  # fmt: skip
    for path in bad:
        with pytest.raises(MediaError):
            check_video_target(path)
    with pytest.raises(OptionError, match="wmv"):
        check_video_target(tmp_path / "a.wmv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.mp4", "pipe.mp4"]


def test_links_are_followed_and_rights_stay(tmp_path: Path) -> None:
    real = tmp_path / "real.wav"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link = tmp_path / "link.wav"
    link.symlink_to(real.name)
    save_sound(link, SILENCE, 16_000)
    assert link.is_symlink() and real.read_bytes()[:4] == b"RIFF" and real.stat().st_mode & 0o777 == 0o640
    broken = tmp_path / "broken.wav"
    broken.symlink_to("later.wav")
    save_sound(broken, SILENCE, 16_000)
    assert (tmp_path / "later.wav").is_file() and broken.is_symlink()
    with whole_file(tmp_path / "new.txt") as part:
        part.write_text("x")
    assert not list(tmp_path.glob(".*"))
