"""The worked examples of docs/extending.md run, do what they say, and use public front doors only."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import torch
from scripts_by_path import load_script

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("new_objective", "new_encoder", "new_codec", "new_size", "new_data_set")


def example(name: str) -> ModuleType:
    return load_script(f"examples/{name}.py")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_only_front_doors_are_used(path: Path) -> None:
    """A module right below soundvcm, and names that it offers; nothing with an underscore."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "soundvcm":
            assert str(node.module).count(".") <= 1, f"{path.name}:{node.lineno} goes behind {node.module}"
            for alias in node.names:
                assert not alias.name.startswith("_")
                offered = getattr(import_module(str(node.module)), "__all__", None)
                assert offered is None or node.module == "soundvcm" or alias.name in offered, alias.name


def test_every_example_is_explained() -> None:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"examples/{name}.py" not in text] == []
    for path in re.findall(r"`(?:src|examples|tests)/[\w/.]+`", text):
        assert (ROOT / path.strip("`")).exists(), path


def test_a_new_objective_trains_and_large_errors_count_linearly() -> None:
    module = example("new_objective")
    found = module.main(steps=150)
    assert found["huber"] < 0.3 and found["mean square"] < 0.3, "noise lies at about 0.9"
    data, noise = torch.zeros(2, 1, 2), torch.tensor([[[0.1, 0.1]], [[10.0, 10.0]]])
    silent = lambda noisy, t, s, conditions: torch.zeros_like(noisy)  # noqa: E731
    draws = torch.Generator().manual_seed(0)
    terms = module.HuberFlow()(silent, silent, data, None, noise=noise, progress=0.0, generator=draws)
    torch.testing.assert_close(terms.rows["loss"], torch.tensor([0.01, 0.5 * (20 - 0.5)]))
    torch.testing.assert_close(terms.rows["mse"], torch.tensor([0.01, 100.0]))


def test_a_new_encoder_sees_the_clip(capsys: pytest.CaptureFixture[str]) -> None:
    module = example("new_encoder")
    tokens = module.main([str(ROOT / "examples" / "clips" / "bounce.mp4")])
    assert tokens.shape[1] == 48 and 0 <= float(tokens.min()) < float(tokens.max()) <= 1
    assert "encoded 1 time, remembered 1 time" in capsys.readouterr().out
    grey = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    grey[0, :16, 16:32] = 255
    assert module.GridColours().encode(grey)[0].nonzero().flatten().tolist() == [3, 4, 5]


def test_a_new_codec_keeps_what_it_says() -> None:
    found = example("new_codec").main()
    assert found["440 Hz"] > 25 and found["4000 Hz"] > 15 and found["7500 Hz"] < 3


def test_a_new_size_is_smaller_and_answers() -> None:
    counts = example("new_size").main()
    assert 0.1 * counts["tiny"] < counts["smallest"] < 0.35 * counts["tiny"]


def test_a_new_data_set_becomes_batches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = example("new_data_set").main(["--folder", str(tmp_path / "set")])
    out = capsys.readouterr().out
    assert "4 clips paired, 0 without file" in out and "{'id': 'quiet', 'reason': 'silent'}" in out
    assert sorted(set(batch.ids)) == ["high", "low", "middle"] and batch.data.shape[:2] == (6, 32)
    assert bool(batch.conditions.has_text.all()) and not bool(batch.conditions.has_video.any())
    assert bool(batch.data.isfinite().all()) and 0.5 < float(batch.data.std()) < 2
