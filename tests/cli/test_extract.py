"""`soundvcm extract`: which catalog, which encoders, what it prints; refusals in one line."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from standins import GreyMotion, GreyPictures, LetterWords, random_codec, write_clip

from soundvcm.cli import main as cli
from soundvcm.cli.commands import extract as door
from soundvcm.data.extract import Extraction, Parts
from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError, StoreError, WeightsError
from soundvcm.timeline import Timeline

LINES = Timeline(Fraction(1), segment_frames=1, segment_hop=1, segment_tokens=1)


def standins(model: str, device: str, **how: object) -> Parts:
    return Parts(random_codec(), GreyPictures(), GreyMotion(), LetterWords(), f"random-{model}", LINES)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two that are usable, one silent, a caption file."""
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder / "dog_barks.mp4", frames=30, sound=True)
    bell = 0.2 * np.sin(np.arange(16_000) / 3)
    soundfile.write(folder / "bell.wav", bell, 16_000)
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    (folder / "bell.txt").write_text("a bell rings\nbell\n")
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(["extract", *map(str, words)])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_the_catalog_report_writes_nothing(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["id\tcaption\tsplit", "bell\ta bell\ttrain", "dog_barks\t\tval", "gone\tx\ttrain"]
    (tmp_path / "table.tsv").write_text("\n".join(lines))
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(capsys, "--catalog", tmp_path / "table.tsv", "--folder", clips, "--catalog-report")
    assert code == 0 and err == "" and sorted(tmp_path.rglob("*")) == before
    assert out.splitlines() == [
        "3 lines, 3 files: 2 clips paired, 1 without file, 1 files without row",
        "splits: train 1, val 1",
        "captions: 1; clips without any: 1",
        "sound: 0.00444 hours",
        "without file: gone",
        f"without row: {clips / 'silent.wav'}",
    ]


def test_long_lists_are_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.tsv").write_text("id\n" + "\n".join(f"x{k}" for k in range(25)))
    _, out, _ = run(capsys, "--catalog", tmp_path / "t.tsv", "--catalog-report")
    assert out.count("without file: x") == 20 and "without file: and 5 more" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say which clips: --catalog TABLE, or --folder DIR"),
        (["--folder", "nowhere"], "nowhere is not here"),
        (["--folder", ".", "--kind", "clotho"], "--kind clotho needs the published table"),
        (["--folder", ".", "--split", "val"], "--split is for tables that name none"),
        (["--folder", ".", "--seconds", "0"], "lasts more than 0 seconds"),
        (["--catalog", "t.tsv", "--seconds", "2"], "--seconds is for a folder without a catalog"),
        (["--catalog", "t.tsv", "--split", "val"], "--split is for tables that name none"),
        (["--catalog", "t.tsv", "--workers", "-1"], "0 or more"),
        (["--catalog", "t.tsv", "--dtype", "bfloat16"], "float32"),
        (["--catalog", "t.tsv", "--kind", "wavcap"], "wavcap"),
        (["--catalog", "t.tsv"], "nothing to extract"),
        (["--catalog", "t.tsv", "--model", "tinny"], "did you mean 'tiny'"),
    ],
)
def test_options_that_have_nothing_to_act_on_are_one_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.tsv").write_text("id\nx\n")
    if not {"--model", "--dtype"} & set(words):
        monkeypatch.setattr(door, "parts_of", standins)
    code, _, err = run(capsys, *words)
    assert code == 2 and message in err and err.count("\n") == 1
    assert not (tmp_path / "store" / "store.json").exists()


def test_published_tables_by_kind(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("abc,30,rain,test\n")
    (tmp_path / "abc_000030.mp4").write_bytes(b"")
    (tmp_path / "a.csv").write_text("audiocap_id,youtube_id,start_time,caption\n1,abc,30,Rain falls\n")
    (tmp_path / "w.json").write_text(json.dumps({"data": [{"id": "abc_000030", "caption": "Rain"}]}))
    header = "file_name," + ",".join(f"caption_{k}" for k in range(1, 6))
    (tmp_path / "c.csv").write_text(f"{header}\nlong.wav,1,2,3,4,5\nbad.wav,1,2,3,4,5\n")
    soundfile.write(tmp_path / "long.wav", np.zeros(8000 * 17), 8000)
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    found = {
        kind: door.find_catalog(tmp_path / table, None, kind, None, split).rows  # type: ignore[arg-type]
        for kind, table, split in (
            ("vggsound", "v.csv", None),
            ("audiocaps", "a.csv", "val"),
            ("wavcaps", "w.json", None),
            ("clotho", "c.csv", "test"),
        )
    }
    assert [(row.captions, row.split) for row in found["vggsound"]] == [(("rain",), "test")]
    assert [(row.captions, row.split) for row in found["audiocaps"]] == [(("Rain falls",), "val")]
    assert [(row.captions, row.split) for row in found["wavcaps"]] == [(("Rain",), "train")]
    windows = [(row.id, row.start, row.split) for row in found["clotho"]]
    assert windows == [("long_0", 0, "test"), ("long_1", 8, "test"), ("bad_0", 0, "test")]


def test_a_folder_becomes_a_store_and_a_second_run_keeps_it(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "parts_of", standins)
    words = ("--folder", clips, "--seconds", "1", "--output", tmp_path / "s", "--workers", "1")
    code, out, err = run(capsys, *words)
    assert code == 0 and "extract: process 0: shard 1 of 1" in out
    assert f"{tmp_path / 's'}: 2 clips (train 2), 3 captions, 0.0 MB" in out
    assert err == f"note: left out: 1 (1 silent); see {tmp_path / 's' / 'report.tsv'}\n"
    store = FeatureStore(tmp_path / "s")
    assert store.texts == ["a bell rings", "bell", "dog barks"]
    shard = tmp_path / "s" / "shards" / "00000.safetensors"
    before = shard.stat().st_mtime_ns
    assert run(capsys, *words)[0] == 0 and shard.stat().st_mtime_ns == before
    code, _, err = run(capsys, *words, "--fill")
    assert code == 2 and "another catalog or other options" in err
    code, _, err = run(capsys, *words, "--model", "other")
    assert code == 2 and "do not mix" in err


def test_options_reach_the_work(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "parts_of", standins)
    where = tmp_path / "s"
    words = ("--folder", clips, "--seconds", "1.5", "--output", where, "--workers", "1")
    assert run(capsys, *words, "--sound-only", "--fill", "--keep-levels")[0] == 0
    plan = Extraction.load(where)
    assert plan.sound_only and plan.fill and plan.keep_levels and plan.rows[0].seconds == Fraction(3, 2)
    store = FeatureStore(where)
    assert {"sync", "semantic"}.isdisjoint(store.items[store.find("dog_barks")].lengths)
    assert "dog_barks\tremark\tfilled: sound for 1." in (where / "report.tsv").read_text()


def test_one_process_of_several(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`work` is what each process runs: its part of the plan; faults are one line and a code."""
    monkeypatch.setattr(door, "parts_of", standins)
    found = door.find_catalog(None, clips, "table", "1", None)
    many = tuple(replace(row, id=f"{row.id}{k}") for k in range(6) for row in found.rows)
    Extraction(many).save(tmp_path / "s")
    assert door.work([str(tmp_path / "s"), "tiny", "cpu", "1", "2", "1", "0"]) == 0
    assert [path.name for path in (tmp_path / "s" / "shards").glob("*.json")] == ["00001.json"]
    assert door.work([str(tmp_path / "s"), "other", "cpu", "0", "2", "1", "0"]) == 2
    assert "note: process 0:" in capsys.readouterr().err


def test_each_gpu_has_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from soundvcm import runtime

    assert runtime.device_of_each("cpu") == ["cpu", "cpu"] and runtime.device_of_each("cpu", 3) == ["cpu"] * 3
    monkeypatch.setattr(runtime, "available_devices", lambda: ["cuda", "cpu"])
    monkeypatch.setattr(runtime.torch.cuda, "device_count", lambda: 2)
    assert runtime.device_of_each("auto") == ["cuda:0", "cuda:1"]
    assert runtime.device_of_each("cuda", 3) == ["cuda:0", "cuda:1", "cuda:0"]
    assert runtime.device_of_each("cuda:1") == ["cuda:1"]


def test_a_process_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false" if Path("/bin/false").exists() else "false")
    with pytest.raises(StoreError, match=r"failed \(exit code 1\): run the same command again"):
        door.share(tmp_path, "tiny", ["cpu", "cpu"])


@pytest.mark.slow
def test_two_real_processes_share_the_work(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["id\tfile\tseconds", *(f"x{k}\tbell.wav\t1" for k in range(17)), "v\tdog_barks.mp4\t1"]
    (tmp_path / "t.tsv").write_text("\n".join(lines))
    words = ("--catalog", tmp_path / "t.tsv", "--folder", clips, "--device", "cpu")
    assert run(capsys, *words, "--output", tmp_path / "two", "--workers", "2")[0] == 0
    assert run(capsys, *words, "--output", tmp_path / "one", "--workers", "1")[0] == 0
    for name in ("shards/00000.safetensors", "shards/00001.safetensors", "store.json", "text.safetensors"):
        same = (tmp_path / "one" / name).exists() or name == "text.safetensors"
        assert same and _bytes(tmp_path / "one" / name) == _bytes(tmp_path / "two" / name), name


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize(
    ("model", "stack"),
    [
        ("mmaudio_small_16k", "16k"),
        ("small_16k", "16k"),
        ("large_44k_v2", "44k"),
        ("mmaudio_medium_44k", "44k"),
    ],
)
def test_the_papers_systems_need_their_files_but_no_network(
    model: str, stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    assert door._stack(model) == stack
    with pytest.raises(WeightsError, match=f"vae_{stack}|v1-{stack[:2]}|{stack}"):
        door.parts_of(model, "cpu")
    with pytest.raises(OptionError, match="no model"):
        door._stack("small_17k")
