"""`soundvcm adopt` as typed: the file it writes gives the reference's velocity and starts a training run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from golden_rules import relative_error
from safetensors import safe_open
from small_networks import TINY1, small_conditions, tiny1_state

from soundvcm import weights
from soundvcm.cli import main as cli
from soundvcm.network import VelocityNetwork
from soundvcm.systems import loading
from soundvcm.training import load_weights


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["adopt", *map(str, words)])
    return int(caught.value.code or 0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "tiny1.pth"
    torch.save(tiny1_state(), path)
    return path


def test_round_trip(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """u(x, t, s) of the written file is the reference's velocity, turned, whatever s."""
    output = tmp_path / "start.safetensors"
    assert run(source, "--output", output) == 0
    out, err = capsys.readouterr()
    assert "train from_flow --warm-start" in out and "non-commercial (CC-BY-NC-4.0)" in err
    adopted, sampling = loading.saved_network(output)
    reference = VelocityNetwork(TINY1)
    reference.load_reference(tiny1_state())
    assert adopted.config == TINY1.change({"second_time": "offset", "second_zero": True})
    assert (sampling.kind, sampling.steps, sampling.guidance) == ("flow", 25, 4.5)
    conditions = small_conditions(TINY1, words=7)
    noisy, t = torch.randn(2, 10, 6, generator=torch.Generator().manual_seed(1)), torch.tensor([0.9, 0.3])
    with torch.no_grad():
        expected = reference.eval()(noisy, t, t, conditions)
        for s in (t, 0.2 * t):
            assert relative_error(adopted(noisy, t, s, conditions), expected) < 1e-6
    with safe_open(output, "pt") as file:
        facts = file.metadata()
    assert facts["licence"] == "CC-BY-NC-4.0"
    origin = json.loads(facts["origin"])
    assert origin["name"] == "tiny1.pth" and origin["sha256"] == weights.digest(source)


def test_training_starts_from_it(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "start.safetensors"
    assert run(source, "-o", output) == 0
    network = VelocityNetwork(loading.saved_network(output)[0].config)
    load_weights(network, output)
    noisy, t = torch.randn(2, 10, 6), torch.tensor([0.9, 0.3])
    network(noisy, t, 0.5 * t, small_conditions(TINY1, words=7)).square().mean().backward()
    assert network.time.second is not None and network.time.second.outer.weight.grad.any()


def test_finetune_takes_its_sizes_from_the_file(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The network of the warm start, whole clips (sync segments overlap), other fields of the recipe kept."""
    output = tmp_path / "start.safetensors"
    assert run(source, "-o", output) == 0
    capsys.readouterr()
    words = ["train", "finetune", "loop.steps=7", "--warm-start", str(output), "--dry-run"]
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 0
    out = capsys.readouterr().out
    for line in ("hidden: 128", "mirrored: true", "crop_seconds: []", "steps: 7", "second_zero: true"):
        assert line in out, line


def test_refusals_are_one_line_and_write_nothing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path / "home"))
    done = tmp_path / "done.safetensors"
    assert run(source, "-o", done) == 0
    torch.save({"a": torch.zeros(3)}, tmp_path / "other.pth")
    before = sorted(tmp_path.iterdir())
    capsys.readouterr()
    for words, part in (
        (("mmaudio_small_16k", "-o", tmp_path / "x.safetensors"), "mmaudio_small_16k.pth is not here"),
        (("mmaudio_smal_16k", "-o", tmp_path / "x.safetensors"), "did you mean 'mmaudio_small_16k'"),
        (("vae_16k", "-o", tmp_path / "x.safetensors"), "vae_16k is no network"),
        ((source, "-o", tmp_path / "x.pth"), "name it FILE.safetensors"),
        ((done, "-o", tmp_path / "x.safetensors"), "of soundvcm already"),
        ((done, "-o", done), "is the input itself"),
        ((tmp_path / "other.pth", "-o", tmp_path / "x.safetensors"), "not weights of an MMAudio network"),
    ):
        assert run(*words) == 2, words
        err = capsys.readouterr().err
        assert part in err and err.count("\n") == 1, err
    assert sorted(tmp_path.iterdir()) == before
