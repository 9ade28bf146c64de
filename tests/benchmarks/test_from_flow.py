"""The curve from flow weights to one call: by one command, with a table of where the teacher is met."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pytest
import torch
from scripts_by_path import load_script

from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.encoders import TextEmbedder

ROOT = Path(__file__).parents[2]
SMALL = ["network.hidden=32", "network.heads=1", "network.joint_blocks=1", "network.fused_blocks=1"]
SMALL += ["loop.rows=2", "data.crop_seconds=[2.0]", "network.covariance_lags=20"]


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    folder = str(ROOT / "benchmarks")
    sys.path.insert(0, folder)
    try:
        yield load_script("benchmarks/from_flow.py")
    finally:
        sys.path.remove(folder)


def rows(*values: tuple[str, int, int, float]) -> list[dict[str, object]]:
    return [
        {"method": m, "calls": c, "steps": n, "passes": 1.0, "fd": fd, "js": 1.0, "f1": 1 / fd, "kind": 0.5}
        for m, c, n, fd in values
    ]


def test_where_one_call_meets_the_teacher(bench: ModuleType, tmp_path: Path) -> None:
    table = rows(("the teacher", 2, 0, 90.0), ("the teacher", 50, 0, 30.0))
    table += rows(
        ("ours", 1, 100, 50.0), ("ours", 1, 300, 29.0), ("ours", 1, 900, 20.0), ("else", 1, 900, 31.0)
    )
    found = bench.until(table)
    assert found == {
        "ours": {"fd": 300, "f1": 300, "kind": 100},
        "else": {"fd": None, "f1": None, "kind": 900},
    }
    report = {"rows": table, "until": found, "scenes": 3, "seconds": 4.0, "command": "python x"}
    text = bench.markdown(report)
    assert "| ours | 1 | 300 | 1 | 29 |" in text and "- else: fd not reached" in text
    bench.plot(report, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_whole_curve_by_one_command(bench: ModuleType, tmp_path: Path) -> None:
    """Teacher, adopt, consistency, scratch, reflow and distillation, at a size that says nothing."""
    words = TextEmbedder()
    writer = StoreWriter(
        tmp_path / "store", fingerprint={"codec": "test"},
        rates={"latents": Fraction(125, 4), "semantic": Fraction(1), "sync": Fraction(25)},
    )  # fmt: skip
    clips = [
        Clip(f"c{k}", "train", Fraction(4), ("rain",), torch.randn(125, 96), torch.full((125, 96), 0.1),
             torch.randn(4, 192), torch.randn(100, 48))
        for k in range(4)
    ]  # fmt: skip
    writer.write(0, clips)
    writer.finish(words.encode)
    given = ["--store", str(tmp_path / "store"), "--run", str(tmp_path / "run"), "--minutes", "0.01"]
    given += ["--pair-minutes", "0.001", "--steps", "1", "2", "--scenes", "2", "--seconds", "2"]
    given += ["--json", str(tmp_path / "found.json"), "--set", *SMALL]
    report = bench.main(given)
    names = [row["method"] for row in report["rows"]]
    assert names.count("the teacher") == 3 and names.count("reflow + distillation") == 2
    assert len(names) == 3 + 2 * 5 and json.loads((tmp_path / "found.json").read_text())["until"]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*.safetensors")}
    again = bench.main(given)
    assert again["rows"] == report["rows"]
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*.safetensors")}
