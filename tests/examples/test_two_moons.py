"""The example runs, learns, draws a picture, and does without matplotlib in one clear line."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from scripts_by_path import load_script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load_script("examples/two_moons.py")


def test_it_is_short() -> None:
    source = (ROOT / "examples" / "two_moons.py").read_text(encoding="utf-8")
    assert sum(bool(line.strip()) for line in source.splitlines()) < 100


def test_the_moons_are_where_they_should_be(example) -> None:
    points = example.two_moons(4000, torch.Generator().manual_seed(0))
    assert points.shape == (4000, 1, 2)
    assert float(points.mean((0, 1)).abs().max()) < 0.1
    assert torch.allclose(points.std((0, 1)), torch.ones(2), atol=0.1)


def test_a_short_training_carries_noise_to_the_moons_and_draws_them(example, tmp_path, capsys) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "moons.png"
    distances = example.main(["--steps", "500", "--batch", "128", "--output", str(picture)])
    assert picture.read_bytes()[:4] == b"\x89PNG" and picture.stat().st_size > 10_000
    assert distances["1 step"] < 0.7 * distances["noise"] and distances["4 step"] < 0.7 * distances["noise"]
    assert "1 step" in capsys.readouterr().out


def test_without_matplotlib_it_says_what_to_install(example, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    example.main(["--steps", "2", "--batch", "8", "--output", str(tmp_path / "none.png")])
    assert "pip install" in capsys.readouterr().out and not (tmp_path / "none.png").exists()
