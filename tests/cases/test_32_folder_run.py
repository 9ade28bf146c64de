"""Case 32: a folder with good and bad files, run again, run after a stop; a table of clips.

The batch itself (tables in every spelling, kills of the process, changed settings) is tested in
tests/cli/test_batch.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from clips import tone
from standins import random_pipeline, write_clip

from soundvcm import media
from soundvcm.cli import main as cli
from soundvcm.generate.pipeline import Pipeline
from soundvcm.systems import loading

GOOD, BAD = ("fps24.mp4", "short61.mp4", "-dash.mp4"), ("empty.mp4", "audioonly.mp4", "trunc_nomoov.mp4")


class Loads:
    """Loads stand-ins, and counts."""

    count = 0

    def __call__(self, name: str = "tiny", **options: Any) -> Pipeline:
        self.count += 1
        return random_pipeline()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    found = Loads()
    monkeypatch.setattr(loading, "load", found)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "clips"
    found.mkdir()
    write_clip(found / "fps24.mp4", 24, 24)
    write_clip(found / "-dash.mp4", 25)
    whole = write_clip(found / "short61.mp4", 61).read_bytes()
    (found / "empty.mp4").touch()
    (found / "trunc_nomoov.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    media.save_sound(found / "sound.m4a", tone(1, 16_000), 16_000)
    (found / "sound.m4a").rename(found / "audioonly.mp4")
    (found / "notes.txt").write_text("remember the milk")
    return found


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["generate", *map(str, words)])
    return int(caught.value.code or 0)


def report(out: Path) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in (out / "report.jsonl").read_text("utf-8").splitlines()]
    return {Path(row["file"]).name: row for row in rows}


def test_three_results_three_failures_one_ignored_and_the_second_run_tries_the_failures(
    folder: Path, tmp_path: Path, loads: Loads, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(folder, "-o", out) == 3 and loads.count == 1
    text, errors = capsys.readouterr()
    assert text.startswith("6 clips: 3 done, 3 failed, 1 ignored")
    assert len(errors.splitlines()) == 3 and all(name in errors for name in BAD)
    rows = report(out)
    assert {name: row["status"] for name, row in rows.items()} == {
        **dict.fromkeys(GOOD, "done"), **dict.fromkeys(BAD, "failed"),
    }  # fmt: skip
    for name in GOOD:
        assert (out / rows[name]["output"]).exists() and rows[name]["seed"] >= 0
    assert all(rows[name]["reason"] and rows[name]["output"] is None for name in BAD)
    assert rows["short61.mp4"]["seconds"] == 2.44
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    assert len(stamps) == 3
    assert run(folder, "-o", out) == 3
    assert capsys.readouterr().out.startswith("6 clips: 3 skipped, 3 failed, 1 ignored")
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.mp4")} == stamps
    assert run(folder, "-o", out, "--overwrite") == 3
    assert capsys.readouterr().out.startswith("6 clips: 3 done, 3 failed")


def test_after_a_stop_nothing_half_written_counts(
    folder: Path, tmp_path: Path, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies while its second result is written: what is there is whole, the rest is made."""
    from soundvcm.media.write import target as files

    class DeadError(BaseException):
        pass

    for name in BAD:
        (folder / name).unlink()
    out, replaced, real = tmp_path / "out", list[str](), files.os.replace

    def replace(part: Path, path: Path) -> None:
        if path.suffix == ".mp4" and replaced:
            raise DeadError
        real(part, path)
        if path.suffix == ".mp4":
            replaced.append(path.name)

    with monkeypatch.context() as patch, pytest.raises((DeadError, SystemExit)):
        patch.setattr(files.os, "replace", replace)
        cli.main(["generate", str(folder), "-o", str(out), "--seed", "5"])
    assert [path.name for path in out.glob("[!.]*.mp4")] == replaced and len(replaced) == 1
    stamp = (out / replaced[0]).stat().st_mtime_ns
    assert run(folder, "-o", out, "--seed", "5") == 0
    assert sorted(path.name for path in out.glob("[!.]*.mp4")) == sorted(GOOD)
    assert (out / replaced[0]).stat().st_mtime_ns == stamp and report(out)[replaced[0]]["status"] == "skipped"


def test_a_table_with_commas_quotes_and_a_mark(folder: Path, tmp_path: Path, loads: Loads) -> None:
    table = folder / "list.csv"
    table.write_bytes(
        '\ufeffvideo,prompt\r\nfps24.mp4,"he said ""boo"", twice"\r\nnone.mp4,rain\r\n'.encode()
    )
    assert run(table, "-o", tmp_path / "out") == 3
    rows = report(tmp_path / "out")
    assert rows["none.mp4"]["status"] == "failed" and rows["fps24.mp4"]["status"] == "done"
    tags = media.read_tags(tmp_path / "out" / rows["fps24.mp4"]["output"])
    assert tags["prompt"] == 'he said "boo", twice'
