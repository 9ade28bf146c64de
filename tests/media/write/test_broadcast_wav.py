"""Timecodes, dropped numbers, broadcast WAV and the command that writes it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from soundvcm.cli.main import main
from soundvcm.errors import MediaError, OptionError
from soundvcm.media import Timecode, clip_timecode, picture_rate, read_reference, stamp

NTSC = Fraction(30000, 1001)
FILM = Fraction(24000, 1001)


@pytest.mark.parametrize(
    ("words", "rate", "frames", "seconds"),
    [
        ("00:00:00:00", Fraction(25), 0, Fraction(0)),
        ("10:00:00:00", Fraction(25), 900_000, Fraction(36000)),
        ("01:02:03:04", Fraction(24), 89_356, Fraction(89_356, 24)),
        ("01:00:00:00", FILM, 86_400, Fraction(36036, 10)),  # an hour of 23.976 lasts 3.6 s longer
        ("00:01:00;02", NTSC, 1800, Fraction(1800 * 1001, 30000)),  # 00 and 01 are dropped
        ("00:10:00;00", NTSC, 17_982, Fraction(17_982 * 1001, 30000)),
        ("01:00:00;00", NTSC, 107_892, Fraction(107_892 * 1001, 30000)),
        ("00:01:00;04", Fraction(60000, 1001), 3600, Fraction(3600 * 1001, 60000)),
    ],
)
def test_known_timecodes(words: str, rate: Fraction, frames: int, seconds: Fraction) -> None:
    found = Timecode.read(words, rate)
    assert (found.frames, found.seconds, str(found)) == (frames, seconds, words)


def test_dropped_numbers_keep_up_with_the_clock() -> None:
    """ST 12-1: the label and the clock differ by less than a tenth of a second at the hour."""
    assert abs(float(Timecode.read("01:00:00;00", NTSC).seconds) - 3600) < 0.1
    labels = [str(Timecode(count, NTSC, drop=True)) for count in range(40_000)]
    assert len(set(labels)) == 40_000
    assert [Timecode.read(label, NTSC).frames for label in labels[::7]] == list(range(0, 40_000, 7))
    assert labels[1799:1801] == ["00:00:59;29", "00:01:00;02"] and labels[17_982] == "00:10:00;00"


@pytest.mark.parametrize(
    ("words", "rate", "sentence"),
    [
        ("soon", Fraction(25), "is no timecode, such as"),
        ("10:00:00:25", Fraction(25), "no timecode at 25 pictures"),
        ("24:00:00:00", Fraction(25), "no timecode at 25"),
        ("00:01:00;00", NTSC, "one of the numbers that are dropped"),
        ("00:01:00;02", Fraction(25), "only 29.97 and 59.94 drop numbers, not 25"),
        ("00:01:00:02", Fraction(0), "above 0 pictures"),
    ],
)
def test_wrong_timecodes(words: str, rate: Fraction, sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        Timecode.read(words, rate)


def test_later_and_round_midnight() -> None:
    begins = Timecode.read("23:59:59:24", Fraction(25))
    assert str(begins.later(Fraction(1, 25))) == "00:00:00:00"
    assert str(Timecode.read("10:00:00:00", Fraction(25)).later(Fraction(5, 2))) == "10:00:02:12"
    assert str(Timecode.read("23:59:59;29", NTSC).later(Fraction(1001, 30000))) == "00:00:00;00"


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "take.wav"
    soundfile.write(path, np.linspace(-0.5, 0.5, 8001, dtype=np.float32), 16_000, subtype="PCM_24")
    return path


def with_timecode(path: Path, words: str | None, rate: Fraction = Fraction(25)) -> Path:
    """A clip with a timecode track, as cameras write it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        if words:
            stream.metadata["timecode"] = words
        for k in range(10):
            picture = np.full((32, 32, 3), 20 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_the_copy_has_the_same_samples_and_the_time(sound: Path, tmp_path: Path) -> None:
    out = tmp_path / "stamped.wav"
    assert read_reference(sound) is None
    begins = Timecode.read("10:00:00:12", Fraction(25))
    reference = stamp(sound, out, begins, Fraction(1, 2), note="a note")
    assert reference == round((36000 + Fraction(12, 25) + Fraction(1, 2)) * 16_000) == read_reference(out)
    (before, rate), (after, same) = (soundfile.read(path, dtype="int32") for path in (sound, out))
    assert (before == after).all() and rate == same == 16_000
    data = out.read_bytes()
    assert data[12:16] == b"bext" and int.from_bytes(data[16:20], "little") == 602  # EBU Tech 3285, version 1
    assert data[20:26] == b"a note" and int.from_bytes(data[4:8], "little") == len(data) - 8
    assert data[20 + 346 : 20 + 348] == b"\x01\x00"
    # FFmpeg reads the same reference.
    with av.open(str(out)) as container:
        assert int(container.metadata["time_reference"]) == reference
    # Again over itself: the old chunk goes.
    stamp(out, out, Timecode.read("01:00:00:00", Fraction(25)))
    assert read_reference(out) == 3600 * 16_000 and out.stat().st_size == len(data)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_long_day_needs_more_than_32_bits(sound: Path, tmp_path: Path) -> None:
    out = tmp_path / "late.wav"
    soundfile.write(sound, np.zeros(10), 96_000)
    assert stamp(sound, out, Timecode.read("23:00:00:00", Fraction(25))) == 23 * 3600 * 96_000 > 2**32
    assert read_reference(out) == 23 * 3600 * 96_000


def test_what_is_no_wav_is_refused(tmp_path: Path) -> None:
    begins = Timecode.read("01:00:00:00", Fraction(25))
    for content, words in (
        (b"fLaC....", "is no WAV file"),
        (b"", "is no WAV file"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", "cut off"),
        (b"RIFF\x04\0\0\0WAVE", "without sound"),
    ):
        path = tmp_path / "x.wav"
        path.write_bytes(content)
        with pytest.raises(MediaError, match=words):
            stamp(path, tmp_path / "out.wav", begins)
    assert not (tmp_path / "out.wav").exists()
    with pytest.raises(MediaError, match="none.wav"):
        stamp(tmp_path / "none.wav", tmp_path / "out.wav", begins)


def test_the_clips_own_timecode(tmp_path: Path) -> None:
    clip = with_timecode(tmp_path / "a.mov", "09:59:58:20")
    assert str(clip_timecode(clip)) == "09:59:58:20" and picture_rate(clip) == 25
    ntsc = with_timecode(tmp_path / "b.mov", "01:00:00;00", NTSC)
    assert clip_timecode(ntsc) == Timecode(107_892, NTSC, drop=True)
    assert clip_timecode(with_timecode(tmp_path / "c.mp4", None)) is None


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(["timecode", *map(str, words)])
    return int(leaving.value.code or 0)


def test_the_command(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = with_timecode(tmp_path / "a.mov", "10:00:00:00")
    assert run(sound, "--clip", clip, "--start", "2") == 0
    named = tmp_path / "take_TC10-00-02-00.wav"
    assert read_reference(named) == 36_002 * 16_000
    assert str(named) in capsys.readouterr().out
    assert run(sound, "--timecode", "01:00:00;00", "--fps", "29.97", "-o", tmp_path / "out") == 0
    other = tmp_path / "out" / "take_TC01-00-00-00.wav"
    assert read_reference(other) == round(107_892 * 1001 / 30000 * 16_000)
    assert run(sound, "--timecode", "01:00:00:00", "--clip", clip) == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--timecode", "01:00:00:00"], "--timecode needs its rate"),
        ([], "say where the sound begins"),
        (["--timecode", "01:00:00:00", "--fps", "fast"], "--fps fast is no rate"),
        (["--timecode", "1h", "--fps", "25"], "is no timecode"),
    ],
)
def test_refusals_are_one_line(
    sound: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sound, *words) == 2
    err = capsys.readouterr().err
    assert sentence in err and err.count("\n") == 1


def test_a_clip_without_timecode_says_what_to_add(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sound, "--clip", with_timecode(tmp_path / "c.mp4", None)) == 2
    assert "carries no timecode: add --timecode" in capsys.readouterr().err
    assert run("--clip", tmp_path / "c.mp4") == 2
