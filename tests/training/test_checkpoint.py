"""Checkpoints and exports as files: whole or absent, sizes, what the headers say, what is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from training.parts import Small, small_loop

from soundvcm import weights
from soundvcm.data.mixture import Mixture
from soundvcm.errors import NonFiniteError, OptionError, WeightsError
from soundvcm.training import LoopConfig, export, latest_checkpoint, synthesise
from soundvcm.training.checkpoint import (
    Saved,
    list_checkpoints,
    load_optimizer,
    optimizer_tensors,
    random_state,
    read_checkpoint,
    set_random_state,
    write_checkpoint,
)
from soundvcm.training.state import TrainingState


def saved(**weights: torch.Tensor) -> Saved:
    return Saved(
        weights or {"w": torch.ones(3)},
        {"w/exp_avg": torch.ones(3)},
        {},
        random_state(),
        {"config": {"a": 1}},
    )


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 30, 4):
        write_checkpoint(tmp_path, step, saved(w=torch.full((2,), float(step))), keep=2)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-00000004", "step-00000030"]
    found = read_checkpoint(tmp_path / "checkpoints" / "step-00000004")
    assert (
        found.weights["w"].tolist() == [4.0, 4.0]
        and found.facts["step"] == 4
        and found.facts["config"] == {"a": 1}
    )


def test_writing_a_step_again_replaces_it(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        write_checkpoint(tmp_path, 5, saved(w=torch.tensor([value])))
    last = latest_checkpoint(tmp_path)
    assert last is not None and read_checkpoint(last).weights["w"].item() == 2.0


def test_nothing_non_finite_is_written(tmp_path: Path) -> None:
    for group in ("weights", "optimizer", "ema"):
        state = saved()
        getattr(state, group)["bad"] = torch.tensor([1.0, float("nan")])
        with pytest.raises(NonFiniteError, match=f"step 3: {group} 'bad'") as caught:
            write_checkpoint(tmp_path, 3, state)
        assert caught.value.exit_code == 3
    assert latest_checkpoint(tmp_path) is None and not (tmp_path / "checkpoints").exists()


def test_unreadable_checkpoints_say_so(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 1, saved())
    (path / "weights.safetensors").write_bytes(b"short")
    with pytest.raises(WeightsError, match="step-00000001"):
        read_checkpoint(path)
    assert latest_checkpoint(tmp_path) is None
    path = write_checkpoint(tmp_path, 2, saved())
    facts = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps(facts | {"format": "other-9"}))
    with pytest.raises(WeightsError, match="'other-9'"):
        read_checkpoint(path)


def test_random_states_come_back() -> None:
    before = random_state()
    drawn = torch.rand(3).tolist(), np.random.rand(3).tolist(), [random.random() for _ in range(3)]
    set_random_state(before)
    again = torch.rand(3).tolist(), np.random.rand(3).tolist(), [random.random() for _ in range(3)]
    assert drawn == again


def test_optimizer_of_other_parameters_is_refused(quick: LoopConfig) -> None:
    state = TrainingState(Small(), quick)
    for value in state.parameters:
        value.grad = torch.ones_like(value)
    state.optimizer.step()
    tensors = optimizer_tensors(state.optimizer, state.names)
    assert len(tensors) == 3 * len(state.names) and tensors["outer.bias/step"].item() == 1.0
    with pytest.raises(WeightsError, match=r"'else\.weight'"):
        load_optimizer(state.optimizer, state.names, {"else.weight/exp_avg": torch.ones(1)})


ABOUT = {"licence": "CC0-1.0", "guidance": 2.0}


@pytest.fixture
def run(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> Path:
    loop = small_loop(quick.change({"validation_steps": 0}), mixture, tmp_path / "run")
    config = {"network": {"hidden": 24}, "loop": {"seed": 1}}
    loop.record |= {"config": config, "command": "soundvcm train", "data": {"clips": 64}}
    loop.run()
    return tmp_path / "run"


def test_export_is_one_set_of_weights_that_describes_itself(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "small.safetensors"
    header = export(run, path, sigma_rel=0.05, about=ABOUT)
    averaged, _ = synthesise(run, 0.05)
    tensors, facts = weights.load(path)
    assert tensors.keys() == Small().state_dict().keys()
    assert all(torch.equal(tensors[name], averaged[name]) for name in tensors)
    assert tensors["latent_mean"].flatten().tolist() == [0.5] * 6
    assert facts == header and json.loads(facts["config"]) == {"hidden": 24}
    assert facts["licence"] == "CC0-1.0" and facts["command"] == "soundvcm train" and facts["seed"] == "1"
    assert float(facts["guidance"]) == 2.0 and float(facts["sigma_rel"]) == 0.05 and facts["updates"] == "12"
    assert facts["format"] == "soundvcm-weights-1" and json.loads(facts["data"]) == {"clips": 64}


def test_export_sizes_and_formats(run: Path, tmp_path: Path) -> None:
    """4 or 2 bytes a weight: 157 M parameters are 628 or 314 MB; the training checkpoint is 5 times that."""
    count = sum(value.numel() for value in Small().state_dict().values())
    sizes = {}
    for dtype in ("float32", "bfloat16"):
        export(run, tmp_path / dtype, sigma_rel=None, dtype=dtype, about=ABOUT)
        tensors = load_file(tmp_path / dtype)
        kept = tensors.pop("latent_mean")  # statistics stay exact
        assert kept.dtype == torch.float32
        assert {value.dtype for value in tensors.values()} == {getattr(torch, dtype)}
        sizes[dtype] = sum(value.numel() * value.element_size() for value in tensors.values())
    rest = count - kept.numel()
    assert sizes == {"float32": 4 * rest, "bfloat16": 2 * rest}
    last = latest_checkpoint(run)
    assert last is not None
    live = read_checkpoint(last)
    assert torch.equal(load_file(tmp_path / "float32")["outer.bias"], live.weights["outer.bias"])
    numbers = sum(v.numel() for part in (live.weights, live.optimizer, live.ema) for v in part.values())
    assert 4.9 * count < numbers < 5.1 * count


def test_export_refusals(run: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown dtype 'int8'"):
        export(run, tmp_path / "x", dtype="int8", about=ABOUT)
    with pytest.raises(WeightsError, match="holds no checkpoint: train first"):
        export(tmp_path / "nowhere", tmp_path / "x", about=ABOUT)
    with pytest.raises(WeightsError, match="licence"):
        export(run, tmp_path / "x", about={})
    for path in (run / "snapshots").iterdir():
        path.unlink()
    with pytest.raises(WeightsError, match="no snapshot"):
        export(run, tmp_path / "x", about=ABOUT)
    assert not (tmp_path / "x").exists()
