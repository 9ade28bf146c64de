"""A batch on a local Ray cluster of two processes, one of which is killed: nothing lost, nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standins import random_pipeline, write_clip

from soundvcm import clusters
from soundvcm.cli import main as cli
from soundvcm.cli.batch import run as batch
from soundvcm.cli.batch.work import BatchSettings
from soundvcm.clusters import Answer
from soundvcm.errors import ClusterError
from soundvcm.generate.options import GenerateOptions
from soundvcm.media import read_tags
from soundvcm.systems import loading

TESTS = str(Path(__file__).parents[1])
CLIPS = "abcdef"


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["generate", *map(str, words)])
    return int(caught.value.code or 0)


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "report.jsonl").read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six clips and a file that is none."""
    found = tmp_path / "in"
    found.mkdir()
    clip = write_clip(tmp_path / "x.mp4", 12).read_bytes()
    for name in CLIPS:
        (found / f"{name}.mp4").write_bytes(clip)
    (found / "broken.mp4").write_bytes(b"no clip")
    return found


def standing_in(marks: Path) -> Callable[[BatchSettings], Any]:
    """`begin` with a stand-in model; the first process about to rename the result of b is killed."""
    tests = TESTS

    def begin(orders: BatchSettings) -> Any:
        import os
        import signal
        import sys

        sys.path.insert(0, tests)
        from standins import random_pipeline

        from soundvcm.cli.batch.run import begin as real
        from soundvcm.media.write import target as files
        from soundvcm.systems import loading

        def load(name: str, **options: Any) -> Any:
            (marks / f"loaded-{os.getpid()}").touch()
            return random_pipeline()

        loading.load = load
        rename = files.os.replace

        def deadly(source: Any, target: Any) -> None:
            mark = marks / "killed"
            if target.stem == "b" and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            rename(source, target)

        files.os.replace = deadly
        return real(orders)

    return begin


@pytest.mark.slow
@pytest.mark.timeout(900)  # two processes that load PyTorch on a busy machine
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_two_workers_and_a_killed_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray", reason="needs the extra [ray]")
    marks, out = tmp_path / "marks", tmp_path / "out"
    marks.mkdir()
    monkeypatch.setattr(batch, "begin", standing_in(marks))
    words = (folder, "-o", out, "--seed", 7, "--ray", "local", "--ray_workers", 2)
    assert run(*words) == 3
    assert (marks / "killed").exists(), "nobody was killed"
    text, err = capsys.readouterr()
    assert text.startswith("7 clips: 6 done, 1 failed") and "broken.mp4" in err
    report = lines(out)
    assert Counter(Path(record["file"]).stem for record in report) == Counter([*CLIPS, "broken"])  # each once
    assert sorted(path.name for path in out.glob("[!.]*.mp4")) == [f"{name}.mp4" for name in CLIPS]
    for record in report:
        if record["status"] == "done":
            assert read_tags(out / record["output"])["seed"] == "7"
            assert (out / record["output"]).stat().st_size == record["bytes"][0]
    assert len(list(marks.glob("loaded-*"))) == 3  # two processes and the one that replaced the dead

    stamps = {path: path.stat().st_mtime_ns for path in out.glob("[!.]*.mp4")}
    monkeypatch.setattr(loading, "load", lambda name, **options: random_pipeline())
    assert run(*words[:5]) == 3  # here, without the cluster: the report is the same
    assert capsys.readouterr().out.startswith("7 clips: 6 skipped, 1 failed")
    assert stamps == {path: path.stat().st_mtime_ns for path in out.glob("[!.]*.mp4")}


def test_one_clip_is_no_batch(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "a.mp4", "--ray", "local") == 2
    assert "--ray is for batches" in capsys.readouterr().err


def test_without_ray_the_extra_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clusters, "find_spec", lambda name: None)
    assert run(folder, "-o", tmp_path / "out", "--ray", "local") == 2
    assert 'pip install "soundvcm[ray]"' in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_clip_whose_processes_die_is_a_failure(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The address, the processes and the device reach the cluster; what never comes back is said."""
    asked: dict[str, Any] = {}

    def spread(start: Any, tasks: list[Any], **named: Any) -> Any:
        asked.update(named)
        yield from (Answer(k, None, "the process died each of the 3 times it was tried", 3) for k in (1, 0))

    monkeypatch.setattr(clusters, "spread", spread)
    words = (folder / "a.mp4", folder / "b.mp4", "-o", tmp_path / "out", "--device", "cpu")
    assert run(*words, "--ray", "ray://head:10001", "--ray_workers", 5) == 2
    assert asked == {"address": "ray://head:10001", "workers": 5, "device": "cpu"}
    err = capsys.readouterr().err
    assert err.count("the process died each of the 3 times") == 2
    assert [record["status"] for record in lines(tmp_path / "out")] == ["failed", "failed"]


def test_a_model_that_cannot_be_loaded_ends_the_run(folder: Path, tmp_path: Path) -> None:
    options = {"name": "large_44k", "device": "cpu", "dtype": "float32"}
    orders = BatchSettings(GenerateOptions(output=tmp_path), options, tmp_path)
    work = batch.begin(orders)
    item = batch.Item(folder / "a.mp4", output=tmp_path / "a.mp4")
    with pytest.raises(ClusterError, match="large_44k"):
        work((item, None))
