"""`soundvcm train`: a small network from a feature store, what is refused, the dry run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from training.parts import WIDTHS, make_clip, make_store

from soundvcm.cli import main as cli
from soundvcm.cli.commands.train import shares_in, shares_of
from soundvcm.errors import OptionError
from soundvcm.systems.loading import saved_network


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", *map(str, words)])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_a_network_from_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Trains, goes on, and exports what `soundvcm.load` would take; without a store it refuses."""
    make_store(tmp_path / "store", [make_clip(k, n=63) for k in range(4)])
    words = ["tiny", *(f"network.{role}_dim={width}" for role, width in WIDTHS.items())]
    words += ["network.hidden=16", "network.heads=2", "network.fused_blocks=1", "network.covariance_lags=8"]
    words += [
        "loop.steps=2",
        "loop.rows=2",
        "data.crop_seconds=[]",
        "--device",
        "cpu",
        "--runs",
        str(tmp_path),
    ]
    code, _, err = run(capsys, *words)
    assert code == 2 and "--store" in err
    target = tmp_path / "network.safetensors"
    code, out, err = run(capsys, *words, "--store", tmp_path / "store", "--export", target)
    assert code == 0 and "wrote" in out, err
    assert saved_network(target)[0].config.hidden == 16 and (tmp_path / "tiny" / "config.yaml").exists()


def test_dry_run_and_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "tiny", "--dry-run", "--runs", tmp_path)
    assert code == 0 and "emphasis: 0.5" in out and not list(tmp_path.iterdir())
    hours = json.loads(out[out.index("{") :])["hours"]
    _, out, _ = run(capsys, "tiny", "--dry-run", "--runs", tmp_path, "--gpus", "1", "--gpu-tflops", "98.9")
    found = json.loads(out[out.index("{") :])
    assert found["assumed"]["gpus"] == 1 and found["hours"] >= hours
    code, _, err = run(capsys, "tiny", "--dry-run", "--gpus", "0")
    assert code == 2 and "not 0 of 989" in err
    code, _, err = run(capsys, "tinny", "--runs", tmp_path)
    assert code == 2 and "tiny" in err and len(err.strip().splitlines()) == 1
    code, _, err = run(capsys, "tiny", "--runs", tmp_path)
    assert code == 2 and len(err.strip().splitlines()) == 1


def test_going_on_needs_weights_to_go_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for recipe in ("finetune", "from_flow"):
        code, _, err = run(capsys, recipe, "--store", tmp_path)
        assert code == 2 and "--warm-start" in err
    code, out, err = run(capsys, "finetune", "--warm-start", "tiny", "--dry-run")
    assert code == 0 and "hidden: 160" in out, err
    torch.save({"t_embed.mlp.0.weight": torch.zeros(2, 2)}, tmp_path / "raw.pth")
    code, _, err = run(capsys, "finetune", "--warm-start", tmp_path / "raw.pth", "--store", tmp_path)
    assert code == 2 and "soundvcm adopt" in err and len(err.strip().splitlines()) == 1


def test_shares_of_the_rows(tmp_path: Path) -> None:
    """Named stores give what is said, the others the rest by their clips; nonsense is refused."""
    sizes = {"mine": 2, "a": 3, "b": 9}
    stores = [make_store(tmp_path / name, [make_clip(k) for k in range(n)]) for name, n in sizes.items()]
    found = shares_of(stores, shares_in(["mine=0.5"]))
    assert found == pytest.approx([0.5, 0.125, 0.375])
    assert shares_of(stores, {}) is None
    for words in (["mine"], ["mine=2"], ["=0.5"], ["mine=x"]):
        with pytest.raises(OptionError):
            shares_in(words)
    for named in ({"other": 0.5}, {"mine": 0.7, "a": 0.4}, {"mine": 1.0}, {"mine": 0.2, "a": 0.2, "b": 0.2}):
        with pytest.raises(OptionError):
            shares_of(stores, named)
