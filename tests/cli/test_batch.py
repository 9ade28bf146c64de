"""Batches as a user runs them, on stand-ins: folders, tables, kills, second runs (cases 17, 28, 32, 35)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from standins import random_pipeline, write_clip

from soundvcm import media
from soundvcm.cli import main as cli
from soundvcm.cli.batch import work
from soundvcm.cli.batch.items import plan
from soundvcm.cli.batch.table import read_table
from soundvcm.errors import OptionError, WeightsError
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.media import read_tags
from soundvcm.systems import loading


class Loads:
    """Counts how often the model is loaded."""

    def __init__(self) -> None:
        self.pipeline, self.count = random_pipeline(), 0

    def __call__(self, name: str = "tiny", **options: Any) -> Pipeline:
        self.count += 1
        return self.pipeline


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    found = Loads()
    monkeypatch.setattr(loading, "load", found)
    return found


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip of half a second."""
    return write_clip(tmp_path_factory.mktemp("clip") / "x.mp4", 12).read_bytes()


@pytest.fixture(scope="session")
def longer(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip of 2.44 s."""
    return write_clip(tmp_path_factory.mktemp("clip") / "x.mp4", 61).read_bytes()


@pytest.fixture
def mixed(tmp_path: Path, second: bytes, longer: bytes) -> Path:
    """The folder of case 32."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "fps24.mp4").write_bytes(second)
    (folder / "short61.mp4").write_bytes(longer)
    (folder / "-dash.mp4").write_bytes(second)
    (folder / "empty.mp4").touch()
    (folder / "trunc_nomoov.mp4").write_bytes(longer[: len(longer) * 6 // 10])
    sound = folder / "audioonly.mp4"
    with av.open(str(sound), "w") as container:
        track = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(track.encode(frame))
        container.mux(track.encode())
    (folder / "notes.txt").write_text("remember the milk")
    return folder


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["generate", *map(str, words)])
    return int(caught.value.code or 0)


def lines(path: Path) -> dict[str, dict[str, Any]]:
    """Report by name of the clip."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len({record["target"] for record in found}) == len(found)
    return {Path(record["file"]).name: record for record in found}


def test_good_and_bad_files(
    mixed: Path, tmp_path: Path, loads: Loads, capsys: pytest.CaptureFixture[str]
) -> None:
    """Case 32: three results, three failures, one ignored; the second run does the failures only."""
    out = tmp_path / "out"
    assert run(mixed, "-o", out) == 3 and loads.count == 1
    text, err = capsys.readouterr()
    assert text.startswith("6 clips: 3 done, 3 failed, 1 ignored") and text.count("\n") == 1
    assert err.count("\n") == 3 and "Traceback" not in err
    for name in ("empty.mp4", "trunc_nomoov.mp4", "audioonly.mp4"):
        assert sum(str(mixed / name) in line for line in err.splitlines()) == 1
    first = lines(out / "report.jsonl")
    assert len(first) == 6
    assert {name for name, record in first.items() if record["status"] == "failed"} == {
        "empty.mp4", "trunc_nomoov.mp4", "audioonly.mp4",
    }  # fmt: skip
    assert first["short61.mp4"]["seconds"] == 2.44 and first["empty.mp4"]["output"] is None
    assert "empty" in first["empty.mp4"]["reason"] and first["fps24.mp4"]["reason"] == ""
    for name in ("fps24.mp4", "short61.mp4", "-dash.mp4"):
        record = first[name]
        assert read_tags(out / record["output"])["seed"] == str(record["seed"])
    assert len({first[name]["seed"] for name in ("fps24.mp4", "short61.mp4", "-dash.mp4")}) == 3
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    assert len(before) == 3

    assert run(mixed, "-o", out) == 3
    assert capsys.readouterr().out.startswith("6 clips: 3 skipped, 3 failed, 1 ignored")
    again = lines(out / "report.jsonl")
    assert (
        again["fps24.mp4"]["status"] == "skipped" and again["fps24.mp4"]["seed"] == first["fps24.mp4"]["seed"]
    )
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.mp4")} == before

    assert run(mixed, "-o", out, "--overwrite") == 3
    assert capsys.readouterr().out.startswith("6 clips: 3 done, 3 failed")
    assert not any(path.stat().st_mtime_ns == before[path] for path in before)


def test_skip_existing_by_name(
    tmp_path: Path, second: bytes, loads: Loads, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default by its name skips; its opposite makes ours again and still refuses what is not ours."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.mp4").write_bytes(second)
    words = (folder, "-o", out, "--seed", 7)
    for more, said in (
        ((), "2 clips: 2 done"),
        (("--skip_existing",), "2 clips: 2 skipped"),
        (("--no_skip_existing",), "2 clips: 2 done"),
    ):
        assert run(*words, *more) == 0
        assert capsys.readouterr().out.startswith(said), more
    (out / "b.mp4").write_bytes(b"somebody's film")
    assert run(*words, "--no_skip_existing") == 3
    text, err = capsys.readouterr()
    assert text.startswith("2 clips: 1 done, 1 failed") and "not made by soundvcm" in err
    assert (out / "b.mp4").read_bytes() == b"somebody's film"
    assert run(*words, "--skip_existing", "--overwrite") == 0
    assert capsys.readouterr().out.startswith("2 clips: 2 done")


def test_other_settings_or_other_content_are_done_again(
    tmp_path: Path, second: bytes, longer: bytes, loads: Loads
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(second)
    words = (folder, "-o", tmp_path / "out", "--audio_only")

    def statuses(*more: object) -> str:
        assert run(*words, *more) == 0
        return lines(tmp_path / "out" / "report.jsonl")["a.mp4"]["status"]

    assert statuses("--seed", 7) == "done"
    assert statuses("--seed", 7) == "skipped"
    assert loads.count == 1, "a run with nothing to do loads no model"
    assert statuses("--seed", 8) == "done"
    assert statuses("--seed", 8, "--prompt", "rain") == "done"
    assert statuses("--seed", 8, "--prompt", "rain", "--gain", -3) == "done"
    (folder / "a.mp4").write_bytes(longer)
    assert statuses("--seed", 8, "--prompt", "rain", "--gain", -3) == "done"
    assert statuses("--seed", 8, "--prompt", "rain", "--gain", -3) == "skipped"
    result = tmp_path / "out" / "a.wav"
    result.write_bytes(result.read_bytes()[:-1000])  # a result that was damaged is not taken for finished
    assert statuses("--seed", 8, "--prompt", "rain", "--gain", -3) == "done"
    result.unlink()
    assert statuses("--seed", 8, "--prompt", "rain", "--gain", -3) == "done"
    assert soundfile.info(result).frames == 39_040


def test_equal_stems_never_collide(tmp_path: Path, second: bytes, longer: bytes) -> None:
    """Case 17: the tree is mirrored."""
    same = tmp_path / "same"
    for name, content in (
        ("a/clip.mp4", second),
        ("b/clip.mp4", longer),
        ("clip.mov", second),
        ("clip.mkv", longer),
    ):
        (same / name).parent.mkdir(parents=True, exist_ok=True)
        (same / name).write_bytes(content)
    assert run(same, "-o", tmp_path / "out", "--audio_only") == 0
    names = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.wav")}
    assert names == {"a/clip.wav", "b/clip.wav", "clip.wav", "clip_mov.wav"}
    report = [json.loads(line) for line in (tmp_path / "out" / "report.jsonl").read_text().splitlines()]
    for record in report:
        long = record["file"].endswith(("b/clip.mp4", "clip.mkv"))
        assert soundfile.info(tmp_path / "out" / record["output"]).frames == (39_040 if long else 7_680)


def test_results_beside_the_clips_are_no_clips(
    tmp_path: Path, second: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("x.mp4", "x.avi", "deep/x.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(second)
    assert run(tmp_path) == 0
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.sound.*")}
    assert made == {"x.sound.mp4", "x_mp4.sound.mp4", "deep/x.sound.mp4"}
    assert (tmp_path / "x.mp4").read_bytes() == second
    capsys.readouterr()
    assert run(tmp_path) == 0 and capsys.readouterr().out.startswith("3 clips: 3 skipped;")
    # "*.mp4" of a shell names the results too.
    assert run(*sorted(tmp_path.glob("*.mp4")), tmp_path / "x.avi") == 0
    assert capsys.readouterr().out.startswith("2 clips: 2 skipped")
    assert run(tmp_path, "-o", tmp_path / "out") == 0 and run(tmp_path, "-o", tmp_path / "out") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("3 clips: 3 skipped")


def test_a_killed_run_leaves_nothing_half_done(tmp_path: Path, second: bytes) -> None:
    """Case 32: killed while the second clip is written; the next run keeps the first and makes the others."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.mp4").write_bytes(second)
    code = """
import sys, time
sys.path.insert(0, sys.argv[1])
from standins import random_pipeline
from soundvcm.systems import loading
from soundvcm.generate import render
pipeline = random_pipeline()
loading.load = lambda name="tiny", **options: pipeline
write = render.media.mux
def slow(video, *given, **named):
    if video.stem == "b":
        from soundvcm.media.write import target as files
        replace = files.os.replace
        files.os.replace = lambda *paths: (print("WRITTEN", flush=True), time.sleep(600))
    return write(video, *given, **named)
import soundvcm.media.write.mux as muxing
import soundvcm.generate.audio as sound
real = muxing.mux
sound.media.mux = slow
from soundvcm.cli.main import main
main(["generate", *sys.argv[2:]])
"""
    words = [
        sys.executable,
        "-c",
        code,
        str(Path(__file__).parents[1]),
        str(folder),
        "-o",
        str(out),
        "--seed",
        "5",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "WRITTEN\n"
        process.kill()
    assert sorted(path.name for path in out.glob("[!.]*.mp4")) == ["a.mp4"]
    with (out / "report.jsonl").open("a") as file:
        file.write('{"file": "b.mp4", "status": "do')  # as if the kill had come while a line was written
    stamp = (out / "a.mp4").stat().st_mtime_ns
    assert run(folder, "-o", out, "--seed", 5) == 0
    report = lines(out / "report.jsonl")
    assert {name: record["status"] for name, record in report.items()} == {
        "a.mp4": "skipped", "b.mp4": "done", "c.mp4": "done",
    }  # fmt: skip
    assert (out / "a.mp4").stat().st_mtime_ns == stamp


def test_the_report_grows_line_by_line(
    tmp_path: Path, second: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_bytes(second)
    seen = []
    render = work.render.render

    def watched_run(*given: Any, **named: Any) -> Any:
        seen.append(len((tmp_path / "out" / "report.jsonl").read_text().splitlines()))
        return render(*given, **named)

    monkeypatch.setattr(work.render, "render", watched_run)
    assert run(tmp_path, "-o", tmp_path / "out") == 0
    assert seen == [0, 1, 2]


TABLE = (
    "\ufeffVideo,prompt,seed\r\n"
    'clips/a.mp4,"he said ""boo"", twice",3\r\n'
    "clips/a.mp4,下雨,4\r\n"
    "clips/none.mp4,rain,5\r\n"
    "\r\n"
    '"clips/b, too.mp4",,\r\n'
)


def test_a_table(tmp_path: Path, second: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Case 32: quotes, commas, byte order mark and CRLF; paths from the table's folder; a missing file."""
    (tmp_path / "clips").mkdir()
    for name in ("a.mp4", "b, too.mp4"):
        (tmp_path / "clips" / name).write_bytes(second)
    table = tmp_path / "list.csv"
    table.write_bytes(TABLE.encode())
    assert run(table, "-o", tmp_path / "out", "--prompt", "wind", "--seed", 9) == 3
    assert capsys.readouterr().err.count("\n") == 1
    report = [
        json.loads(line) for line in (tmp_path / "out" / "report.jsonl").read_text("utf-8").splitlines()
    ]
    assert [(r["status"], r["prompt"], r["seed"], r["output"]) for r in report] == [
        ("done", 'he said "boo", twice', 3, "clips/a.mp4"),
        ("done", "下雨", 4, "clips/a-2.mp4"),
        ("failed", "rain", None, None),
        ("done", "wind", 9, "clips/b, too.mp4"),
    ]
    assert read_tags(tmp_path / "out" / "clips" / "a-2.mp4")["prompt"] == "下雨"
    assert read_tags(tmp_path / "out" / "clips" / "a.mp4")["prompt"] == 'he said "boo", twice'
    assert any("English only" in line for line in report[1]["warnings"])


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("t.tsv", '\ufeffvideo\tprompt\r\n--a\the "boo", twice\r\n', [("--a", 'he "boo", twice', None)]),
        ("t.csv", "seed;video\n7;a.mp4\n", [("a.mp4", None, 7)]),
        ("t.csv", 'video,prompt\na.mp4,"two\r\nlines"\n', [("a.mp4", "two\r\nlines", None)]),
        ("t.csv", "video\nb.mp4\na.mp4\n", [("b.mp4", None, None), ("a.mp4", None, None)]),
        ("t.jsonl", f'{{"video": "a", "prompt": "x", "seed": {2**63 - 1}}}\n', [("a", "x", 2**63 - 1)]),
        ("t.jsonl", '{"video": "a"}\r\n\r\n{"video": "b"}', [("a", None, None), ("b", None, None)]),
    ],
)  # fmt: skip
def test_cells_arrive_as_written(tmp_path: Path, name: str, text: str, rows: list[tuple[Any, ...]]) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    found = read_table(path)
    assert [(str(row.video), row.prompt, row.seed) for row in found] == [
        (str(tmp_path / video), prompt, seed) for video, prompt, seed in rows
    ]
    assert not any(row.fault for row in found)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("t.csv", b"file,prompt\na.mp4,rain\n", "there is no column video"),
        ("t.csv", b"video,promt\na.mp4,rain\n", "unknown column 'promt' (did you mean 'prompt'?)"),
        ("t.csv", b"video,video\na.mp4,b.mp4\n", "twice"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"video,prompt\n", "holds no rows"),
        ("t.csv", "video,prompt\na.mp4,Stra\u00dfe\n".encode("latin-1"), "is not UTF-8"),
        ("t.jsonl", b'{"video": "a.mp4", "seeds": 3}\n', "unknown column 'seeds' (did you mean 'seed'?)"),
        ("t.tsv", None, "cannot be read"),
    ],
)
def test_a_wrong_table_is_one_line(
    tmp_path: Path, name: str, content: bytes | None, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert run(path, "-o", tmp_path / "out") == 2
    err = capsys.readouterr().err
    assert part in err and name in err and err.count("\n") == 1 and not (tmp_path / "out").exists()


WRONG_CSV = [
    ("a.mp4,rain, wind,3", "has 4 cells where the header has 3"),
    ("a.mp4,rain,seven", "seed 'seven' is not"),
    ("a.mp4,rain,-2", "seed '-2' is not"),
    (",rain,7", "names no video"),
    (".,rain,7", "is a folder"),
]
WRONG_JSON = [
    ("[1]", "not a JSON object"),
    ('{"video": "a.mp4"', "is not JSON"),
    ('{"video": "a.mp4", "seed": 1.5}', "seed 1.5 is not"),
    ('{"video": "a.mp4", "seed": true}', "seed True is not"),
    ('{"video": "a.mp4", "prompt": ["rain"]}', "is not text"),
    ('{"video": 3}', "names no video"),
    ('{"video": "a\\u0000.mp4"}', "holds a zero byte"),
]


@pytest.mark.parametrize(
    ("name", "head", "good", "wrong"),
    [
        ("t.csv", ["video,prompt,seed"], "a.mp4,,", WRONG_CSV),
        ("t.jsonl", [], '{"video": "a.mp4"}', WRONG_JSON),
    ],
)
def test_a_wrong_row_is_its_own_failure(
    tmp_path: Path,
    second: bytes,
    name: str,
    head: list[str],
    good: str,
    wrong: list[tuple[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "a.mp4").write_bytes(second)
    (tmp_path / name).write_text("\n".join([*head, *(row for row, _ in wrong), good]))
    for status in ("done", "skipped"):
        assert run(tmp_path / name, "-o", tmp_path / "out") == 3
        err = capsys.readouterr().err.splitlines()
        assert len(err) == len(wrong)
        for line, (said, (_, part)) in enumerate(zip(err, wrong, strict=True), start=len(head) + 1):
            assert f"{name}: line {line} " in said and part in said
        report = [json.loads(line) for line in (tmp_path / "out" / "report.jsonl").read_text().splitlines()]
        assert [record["status"] for record in report].count("failed") == len(wrong) == len(report) - 1
        assert [record["status"] for record in report].count(status) == 1


def test_a_given_seed_is_for_all_and_alone_is_the_same(tmp_path: Path, second: bytes, longer: bytes) -> None:
    """Case 28: in a batch at position 2, or alone."""
    for name, content in (("a.mp4", longer), ("b.mp4", second), ("c.mp4", longer)):
        (tmp_path / name).write_bytes(content)
    assert run(tmp_path, "-o", tmp_path / "out", "--seed", 7, "--audio_only", "--takes", 2) == 0
    assert run(tmp_path / "b.mp4", "-o", tmp_path / "one.wav", "--seed", 7, "--audio_only") == 0
    wave = soundfile.read(tmp_path / "one.wav")[0]
    assert np.array_equal(soundfile.read(tmp_path / "out" / "b-take1.wav")[0], wave)
    report = lines(tmp_path / "out" / "report.jsonl")
    assert {record["seed"] for record in report.values()} == {7}
    assert report["b.mp4"]["outputs"] == ["b-take1.wav", "b-take2.wav"]


def test_exit_codes_and_json(tmp_path: Path, second: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.mp4").write_bytes(b"<html>403 Forbidden</html>")
    assert run(tmp_path / "bad", "-o", tmp_path / "out", "--json") == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["clips"], found["failed"], found["done"]) == (1, 1, 0)
    (tmp_path / "good.mp4").write_bytes(second)
    assert run(tmp_path / "good.mp4", tmp_path / "bad", "-o", tmp_path / "out", "--json") == 3
    found = json.loads(capsys.readouterr().out)
    assert found["done"] == 1 and found["seconds"] == 0.48 and Path(found["report"]).exists()
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty") == 2
    assert "no clips in" in capsys.readouterr().err
    assert run(tmp_path / "none.mp4", tmp_path / "good.mp4", "-o", tmp_path / "out2") == 3
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--cfg_strength", "4.5"], "cfg_strength has nothing to act on"),
        (["--takes", "0"], "takes must be"),
        (["--seed", "-2"], "seed -2 is out of range"),
        (["--duration", "soon"], "not a duration"),
        (["-o", "all.wav"], "need a folder as --output"),
    ],
)
def test_what_is_wrong_for_all_is_said_once(
    tmp_path: Path, second: bytes, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_bytes(second)
    assert run(tmp_path, "--output", tmp_path / "out", *words) == 2
    err = capsys.readouterr().err
    assert part in err and err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_no_model_no_run(tmp_path: Path, second: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str = "tiny", **options: Any) -> Pipeline:
        raise WeightsError("weights file x is not here")

    monkeypatch.setattr(loading, "load", missing)
    (tmp_path / "a.mp4").write_bytes(second)
    assert run(tmp_path, "-o", tmp_path / "out") == 2 and not (tmp_path / "out").exists()


def test_a_fault_of_ours_takes_one_clip_only(
    tmp_path: Path,
    second: bytes,
    loads: Loads,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_bytes(second)
    work = loads.pipeline.take
    monkeypatch.setattr(
        loads.pipeline,
        "take",
        lambda features, options, **named: 1 / 0 if named["seed"] == 1 else work(features, options, **named),
    )
    table = tmp_path / "t.csv"
    table.write_text("video,seed\na.mp4,1\nb.mp4,2\n")
    assert run(table, "-o", tmp_path / "out") == 3
    assert "a.mp4: ZeroDivisionError" in capsys.readouterr().err
    assert (tmp_path / "out" / "b.mp4").exists() and not (tmp_path / "out" / "a.mp4").exists()


def test_files_of_others_are_not_overwritten(
    tmp_path: Path, second: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(second)
    (tmp_path / "out").mkdir()
    theirs = tmp_path / "out" / "a.mp4"
    theirs.write_bytes(second)
    for _ in range(2):
        assert run(tmp_path / "in", "-o", tmp_path / "out") == 2
        assert "was not made by soundvcm" in capsys.readouterr().err and theirs.read_bytes() == second
    assert run(tmp_path / "in", "-o", tmp_path / "out", "--overwrite") == 0
    assert theirs.read_bytes() != second


def test_a_clip_is_read_while_the_one_before_it_is_encoded(
    tmp_path: Path, second: bytes, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_bytes(second)
    order: list[str] = []
    encoder = loads.pipeline.clip_encoder
    read, encode = encoder.read_ahead, encoder.encode_clip

    def note_read(clip: Path, *given: Any) -> Any:
        order.append(f"read {clip.stem}")
        return read(clip, *given)

    def note_encode(video: Any, **named: Any) -> Any:
        order.append(f"encode {(video.source if isinstance(video, media.ReadAhead) else video).stem}")
        return encode(video, **named)

    monkeypatch.setattr(encoder, "read_ahead", note_read)
    monkeypatch.setattr(encoder, "encode_clip", note_encode)
    assert run(tmp_path, "-o", tmp_path / "out") == 0
    assert order == ["read b", "encode a", "read c", "encode b", "encode c"]


def test_the_next_clip_is_read_while_the_network_works(
    tmp_path: Path, second: bytes, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_bytes(second)
    reading, watch, make = [], loads.pipeline.encode_clip, loads.pipeline.take

    def note_watch(video: Path | media.ReadAhead, **named: Any) -> Any:
        reading.append((video.source if isinstance(video, media.ReadAhead) else video).stem)
        return watch(video, **named)

    def slow_make(*given: Any, **named: Any) -> Any:
        end = time.monotonic() + 20
        while len(reading) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        reading.append("network")
        return make(*given, **named)

    monkeypatch.setattr(loads.pipeline, "encode_clip", note_watch)
    monkeypatch.setattr(loads.pipeline, "take", slow_make)
    assert run(tmp_path, "-o", tmp_path / "out") == 0
    assert reading == ["a", "b", "network", "network"]


def test_progress_tells_rate_and_time_left(
    tmp_path: Path, second: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_bytes(second)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    assert run(tmp_path, "-o", tmp_path / "out") == 0
    shown = capsys.readouterr().err
    assert "1/3, a.mp4: network" in shown and "a minute" in shown and " left, c.mp4" in shown
    assert shown.endswith("\x1b[K")


def test_a_thousand_clips_are_planned_at_once(tmp_path: Path) -> None:
    for k in range(1000):
        (tmp_path / f"{k // 2}{('.mp4', '.mov')[k % 2]}").touch()
    began = time.perf_counter()
    found = plan((tmp_path,), GenerateOptions(output=tmp_path / "out"))
    assert len({item.output.with_suffix("") for item in found.items}) == 1000
    assert time.perf_counter() - began < 20


def test_a_clip_named_twice_is_done_once(tmp_path: Path, second: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(second)
    os.symlink(tmp_path / "a.mp4", tmp_path / "b.mp4")
    found = plan((tmp_path, tmp_path / "a.mp4", tmp_path / "x" / ".." / "a.mp4"), GenerateOptions())
    assert [item.source.name for item in found.items] == ["a.mp4", "b.mp4"]
    assert [item.output.name for item in found.items] == ["a.sound.mp4", "b.sound.mp4"]
    (tmp_path / "x").mkdir()
    with pytest.raises(OptionError, match="no clips"):
        plan((tmp_path / "x",), GenerateOptions())
