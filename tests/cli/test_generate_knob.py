"""`soundvcm generate --model FILE --cfg_strength W`: a knob where the network is told w, else refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from soundvcm import weights
from soundvcm.cli import main as cli
from soundvcm.network import VelocityNetwork
from soundvcm.systems.loading import saved_network


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Weights of two small networks of the embedded system's widths, one that is told its guidance."""
    shipped, found = saved_network("tiny_network")[0].config, {}
    for told in ("none", "log"):
        smaller = {"hidden": 32, "heads": 2, "joint_blocks": 1, "fused_blocks": 1, "guidance_input": told}
        config = shipped.model_copy(update=smaller)
        torch.manual_seed(0)
        network = VelocityNetwork(config)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
        found[told] = tmp_path / f"{told}.safetensors"
        facts = {"config": config.model_dump_json(), "guidance": "3.0", "licence": "MIT"}
        weights.save(found[told], network.state_dict(), facts | {"format": "soundvcm-weights-1"})
    return found


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(["generate", *map(str, words), "--device", "cpu"])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_the_knob_gives_other_sounds_at_one_pass_a_step(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rain = ("--prompt", "rain", "--duration", 0.5, "--seed", 1, "--model", files["log"], "--json")
    waves = {}
    for w in (1, 3, 6, None):
        knob = () if w is None else ("--cfg_strength", w)
        code, out, err = run(capsys, *rain, *knob, "-o", tmp_path / f"{w}.wav", "--num_steps", 2)
        assert code == 0, err
        record = json.loads(out)
        assert record["network_calls"] == 2  # one a step, whatever w
        waves[w] = soundfile.read(record["outputs"][0])[0]
    assert np.array_equal(waves[None], waves[3])  # the file's own w
    assert np.abs(waves[1] - waves[6]).max() > 1e-4 and np.abs(waves[1] - waves[3]).max() > 1e-4


def test_a_network_of_one_scale_refuses_in_one_line(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rain = ("--prompt", "rain", "--duration", 0.5, "--seed", 1, "-o", tmp_path / "a.wav", "--model")
    code, _, err = run(capsys, *rain, files["none"], "--cfg_strength", 6)
    assert code == 2 and err.count("\n") == 1
    assert "cfg_strength has nothing to act on: guidance is trained into" in err
    code, _, err = run(capsys, *rain, files["log"], "--cfg_strength", 0)
    assert code == 2 and err.count("\n") == 1 and "cfg_strength is a number from 0.01" in err
    assert not (tmp_path / "a.wav").exists()
