"""`soundvcm evaluate` as a user types it: table, JSON, page, and one clear line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sound_folders import bursts, folders, save

from soundvcm.cli import main as cli


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["evaluate", *map(str, words)])
    return int(caught.value.code or 0)


def test_a_table_with_counts_and_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, made = folders(tmp_path)
    save(made / "other.wav", bursts(5, seconds=1.0))
    save(truth / "alone.wav", bursts(6))
    assert run(truth, made, "--seconds", 2) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "3 pairs, 2 s, mono, mean removed" and len(lines) == 11
    assert lines[1].startswith("yamnet: 8 sounds, ") and lines[2].startswith("onsets: 6 sounds, ")
    row = next(line for line in lines if line.startswith("FD_YAMNet"))
    assert "squared distance" in row and "4 true (16 rows) + 4 predicted (16 rows), 1024-d" in row
    assert "lower is better" in row and "[" in row
    assert "not computed" in next(line for line in lines if line.startswith("IS_YAMNet"))
    assert "n = 3 pairs" in next(line for line in lines if line.startswith("onset_F1"))
    assert said.err.splitlines() == [
        "note: 1 true sounds have no prediction: alone",
        "note: 1 predictions have no true sound: other",
        "note: 1 predictions are shorter and were filled with silence: other",
    ]


def test_json_and_page(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, made = folders(tmp_path)
    page = tmp_path / "out.html"
    words = (truth, made, "--seconds", 2, "--scores", "onset_F1", "JS_YAMNet", "--resamples", 50, "--seed", 3)
    assert run(*words, "--json", "--report", page) == 0
    out = capsys.readouterr().out
    values = json.loads(out)
    assert out.count("\n") == 1 and [one["name"] for one in values["scores"]] == ["onset_F1", "JS_YAMNet"]
    assert values["scores"][0]["value"] == pytest.approx(1) and values["scores"][0]["resamples"] == 50
    assert values["seeds"]["bootstrap"] == 3 and values["seconds"] == 2
    assert (
        values["command"].startswith("soundvcm evaluate")
        and "--scores onset_F1 JS_YAMNet" in values["command"]
    )
    assert values["report"] == str(page) and "<h2>Next worst pairs" not in page.read_text(encoding="utf-8")
    assert len(list((home / "features").rglob("*.npz"))) == 12


def test_the_printed_command_repeats_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    truth, made = folders(tmp_path / "my sounds")
    assert run(truth, made, "--seconds", 2, "--scores", "energy_correlation", "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert run(*shlex.split(first["command"])[2:], "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert first["scores"] == again["scores"] and first["command"] == again["command"]


def test_where_features_are_kept(tmp_path: Path, home: Path) -> None:
    truth, made = folders(tmp_path, 2)
    assert run(truth, made, "--seconds", 2, "--scores", "onset_F1", "--no-cache") == 0
    assert not home.exists()
    assert run(truth, made, "--seconds", 2, "--scores", "onset_F1", "--cache", tmp_path / "kept") == 0
    assert not home.exists() and len(list((tmp_path / "kept").rglob("*.npz"))) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scores", "FD_Yamnets"), "no score 'FD_Yamnets' (did you mean 'FD_YAMNet'?)"),
        (("--scores", "FD_PANNs"), "FD_PANNs: weights file Cnn14_16k_mAP=0.438.pth is not here"),
        (("--seconds", "0"), "--seconds 0 is out of range: give 0.1 .. 600"),
        (("--seconds", "3", "--short", "refuse"), "lasts 2.000 s, shorter than 3 s: give longer files"),
        (("--resamples", "3"), "--resamples 3 is out of range"),
        (("--report", "page.txt"), "give a name that ends in .html"),
        (("--cache", "a", "--no-cache"), "--cache and --no-cache exclude each other"),
    ],
)
def test_one_line_for_what_is_wrong(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, made = folders(tmp_path, 2)
    assert run(truth, made, *words) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and said in told.err


def test_a_missing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "none", tmp_path) == 2
    assert "none: is not a folder: give a folder of sounds or videos" in capsys.readouterr().err


def test_a_file_that_is_no_sound_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, made = folders(tmp_path, 2)
    (made / "a1.flac").write_bytes(b"not a sound")
    assert run(truth, made, "--scores", "onsets") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "a1.flac" in told
