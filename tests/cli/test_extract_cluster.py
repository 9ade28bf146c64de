"""`soundvcm extract --ray`: whole shards by processes of a cluster, one of which is killed in the middle."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from soundvcm import clusters
from soundvcm.cli import main as cli
from soundvcm.cli.commands import extract as door
from soundvcm.cli.commands import extract_cluster
from soundvcm.clusters import Answer
from soundvcm.data.extract import Extraction, Parts
from soundvcm.data.store import FeatureStore
from soundvcm.errors import StoreError

TESTS = str(Path(__file__).parents[1])


def loader(killing: Path | None = None) -> Callable[[str, str], Parts]:
    """A closure, so that it travels: stand-in parts; the first to encode clip number 20 kills its process."""

    def load(model: str, device: str, **how: object) -> Parts:
        from fractions import Fraction

        from standins import GreyMotion, GreyPictures, LetterWords, random_codec

        from soundvcm.data.extract import Parts
        from soundvcm.timeline import Timeline

        codec = random_codec()
        if killing is not None:
            original, count = codec.encode, [0]

            def encode(wave: Any) -> Any:
                import os
                import signal

                count[0] += 1
                if count[0] == 20 and not killing.exists():
                    killing.write_text(str(os.getpid()))
                    os.kill(os.getpid(), signal.SIGKILL)
                return original(wave)

            codec.encode = encode  # type: ignore[method-assign]
        lines = Timeline(Fraction(1), segment_frames=1, segment_hop=1, segment_tokens=1)
        return Parts(codec, GreyPictures(), GreyMotion(), LetterWords(), f"random-{model}", lines)

    return load


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """70 clips of 1 s (five shards) from seven files, one of them silent."""
    time = np.arange(16_000) / 16_000
    for k in range(7):
        soundfile.write(tmp_path / f"{k}.wav", 0.3 * np.sin(2 * np.pi * 110 * k * time), 16_000)
    lines = ["id\tfile\tseconds", *(f"c{k:02d}\t{k % 7}.wav\t1" for k in range(70))]
    (tmp_path / "table.tsv").write_text("\n".join(lines))
    return tmp_path / "table.tsv"


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(["extract", *map(str, words)])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_killed_worker_loses_no_clip_and_doubles_none(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs the extra [ray]")
    paths = [TESTS, *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))  # the workers find the stand-ins
    mark = tmp_path / "killed"
    words = ("--catalog", table, "--device", "cpu", "--output")
    monkeypatch.setattr(door, "parts_of", loader())
    assert run(capsys, *words, tmp_path / "one", "--workers", "1")[0] == 0
    monkeypatch.setattr(door, "parts_of", loader(mark))
    code, out, err = run(capsys, *words, tmp_path / "ray", "--ray", "local", "--ray-workers", "2")
    assert code == 0 and mark.exists() and int(mark.read_text()) != os.getpid()
    assert f"{tmp_path / 'ray'}: 60 clips" in out and "left out: 10 (10 silent)" in err
    one, shared = FeatureStore(tmp_path / "one"), FeatureStore(tmp_path / "ray")
    assert [item.id for item in shared.items] == [item.id for item in one.items] and len(shared) == 60
    assert [row["id"] for row in shared.rejected] == [f"c{k:02d}" for k in range(0, 70, 7)]
    names = [f"shards/{k:05d}.{end}" for k in range(5) for end in ("safetensors", "json")]
    for name in [*names, "store.json", "report.tsv"]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "ray" / name).read_bytes(), name


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A cluster that is this process: what it was asked for; shard 3 fails the first time."""
    asked: list[dict[str, Any]] = []

    def spread(start: Any, tasks: list[int], **options: Any) -> Iterator[Answer[None]]:
        asked.append({"tasks": list(tasks), **options})
        work = start()
        for place, number in reversed(list(enumerate(tasks))):
            if number == 3 and len(asked) == 1:
                yield Answer(place, None, "OSError: no space", 1)
            else:
                yield Answer(place, work(number), "", 1)

    monkeypatch.setattr(clusters, "spread", spread)
    monkeypatch.setattr(door, "parts_of", loader())
    return asked


def test_missing_shards_are_asked_for_and_failures_are_said(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], here: list[dict[str, Any]]
) -> None:
    words = ("--catalog", table, "--output", tmp_path / "s", "--ray", "10.0.0.1:6379", "--device", "cpu")
    code, _, err = run(capsys, *words)
    assert code == 2 and "1 of 5 shards could not be made (shard 3: OSError: no space)" in err
    assert "run the same command again" in err and not (tmp_path / "s" / "store.json").exists()
    code, out, _ = run(capsys, *words, "--ray-workers", "3")
    assert code == 0 and len(FeatureStore(tmp_path / "s")) == 60
    common = {"address": "10.0.0.1:6379", "device": "cpu"}
    assert here == [
        {"tasks": [0, 1, 2, 3, 4], "workers": 0, **common},
        {"tasks": [3], "workers": 3, **common},
    ]


def test_workers_of_a_cluster_need_a_cluster(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--catalog", table, "--ray-workers", "2")
    assert code == 2 and "--ray-workers is for --ray" in err


def test_a_plan_without_missing_shards_starts_nothing(
    table: Path, tmp_path: Path, here: list[dict[str, Any]]
) -> None:
    plan = Extraction(door.find_catalog(table, None, "table", None, None).rows)
    plan.save(tmp_path / "s")
    everything = set(range(5))
    with pytest.raises(StoreError, match="shard 3"):
        extract_cluster.spread_out(tmp_path / "s", plan, {0, 1}, loader(), "tiny", "cpu", "auto", 0)
    extract_cluster.spread_out(tmp_path / "s", plan, everything, loader(), "tiny", "cpu", "auto", 0)
    assert [asked["tasks"] for asked in here] == [[2, 3, 4], []]
