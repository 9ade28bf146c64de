"""The measure of reading: every reader reads the same range, and scales the same number of pictures."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from scripts_by_path import load_script


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return load_script("benchmarks/decode.py", "decode_bench")


@pytest.mark.parametrize(("rate", "start"), [(30, 0), (25, 5), (6, 0)])
def test_readers_do_the_same_work(bench: ModuleType, tmp_path: Path, rate: int, start: int) -> None:
    path = tmp_path / "a.mp4"
    bench.make(path, 96, 64, rate, 16)
    pictures = [time for time, *_ in bench.decoded(str(path), start) if time >= 0]
    assert len(pictures) == 8 * rate and pictures[0] == 0
    assert bench.scaled(str(path), start) == bench.ours(str(path), start)


def test_the_peak_is_that_of_the_reader_alone(bench: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    bench.make(path, 96, 64, 10, 8)
    ballast = bytearray(400 << 20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    wall, cpu, peak = bench.measure("bare", path, 0)
    assert wall > 0 and cpu > 0 and 10 < peak < 300 and ballast


def test_the_table(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = iter([(1.0, 2.0, 100.0), (1.5, 3.0, 110.0), (2.0, 2.5, 250.0)] * 2)
    monkeypatch.setattr(bench, "measure", lambda *_: next(runs))
    monkeypatch.setattr(bench, "FILES", {"tiny": ("a.mp4", 96, 64, 10, 8, 0)})
    monkeypatch.setattr(bench.shutil, "which", lambda _: None)
    monkeypatch.setattr("sys.argv", ["decode.py", "--folder", str(tmp_path), "--repeat", "2"])
    bench.main()
    rows = capsys.readouterr().out.splitlines()[3:]
    assert rows == [
        "| tiny | bare | 1.00 | 1.00 | 2.00 | 1.00 | 100 |",
        "| tiny | bare + scaling | 1.50 | 1.50 | 3.00 | 1.50 | 110 |",
        "| tiny | ours | 2.00 | 2.00 | 2.50 | 1.25 | 250 |",
    ]
