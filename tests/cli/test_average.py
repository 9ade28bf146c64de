"""`soundvcm average` as typed: any width from a run's snapshots, in a file that says what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training.parts import WIDTHS, make_clip, make_store

from soundvcm import training
from soundvcm.cli import main as cli
from soundvcm.systems import loading
from soundvcm.training import TrainingConfig, synthesise


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["average", *map(str, words)])
    return int(caught.value.code or 0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of twelve steps with three snapshots of two widths."""
    folder = tmp_path_factory.mktemp("runs")
    network = {f"{role}_dim": WIDTHS[role] for role in ("latent", "semantic", "sync", "text")}
    network |= {"text_tokens": 1, "segment_tokens": 0, "hidden": 16, "heads": 2, "joint_blocks": 1}
    network |= {"fused_blocks": 1, "mlp_multiple": 8, "time_features": 16}
    loop = {"steps": 12, "rows": 4, "precision": "fp32", "snapshot_steps": 4, "checkpoint_steps": 12}
    loop |= {"workers": 0, "log_steps": 6, "validation_steps": 0}
    config = TrainingConfig.build({"network": network, "loop": loop})
    store = make_store(folder / "store", [make_clip(k) for k in range(8)])
    about = {"licence": "CC-BY-NC-4.0"}
    assert training.train(config, [store], folder / "run", device="cpu", about=about).finished
    return folder / "run"


def test_a_width_that_was_not_tracked(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.safetensors"
    assert run(trained, "--sigma-rel", 0.08, "--output", output) == 0
    out = capsys.readouterr().out
    assert "width 0.08 at step 12" in out and "licence CC-BY-NC-4.0" in out
    expected, _ = synthesise(trained, 0.08)
    found = load_file(output)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    network, sampling = loading.saved_network(output)
    assert network.config.hidden == 16 and (sampling.kind, sampling.steps) == ("mean", 1)


def test_an_earlier_end_another_format_and_licence(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.safetensors"
    words = ("--sigma-rel", 0.1, "--step", 8, "--dtype", "bfloat16", "--licence", "CC0-1.0")
    assert run(trained, "-o", output, *words) == 0
    assert "at step 8" in capsys.readouterr().out
    expected, _ = synthesise(trained, 0.1, updates=8)
    found = load_file(output)
    name = "final.conv.weight"
    assert found[name].dtype == torch.bfloat16 and torch.equal(found[name], expected[name].bfloat16())
    from soundvcm import weights

    assert weights.header(output)["licence"] == "CC0-1.0"


def test_refusals(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "x.safetensors"
    for words, part in (
        ((tmp_path, "-o", output), "holds no checkpoint"),
        ((trained, "-o", tmp_path / "x.pt"), "name it FILE.safetensors"),
        ((trained, "-o", output, "--sigma-rel", 0.4), "out of range"),
        ((trained, "-o", output, "--step", 1), "no snapshot to average"),
        ((trained, "-o", output, "--dtype", "int8"), "unknown dtype"),
    ):
        assert run(*words) == 2, words
        err = capsys.readouterr().err
        assert part in err and err.count("\n") == 1, err
    assert not list(tmp_path.iterdir())
