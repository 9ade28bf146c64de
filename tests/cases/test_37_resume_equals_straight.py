"""Case 37: stopping and resuming changes nothing, however it was stopped and with however many workers."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from training.conftest import config, mixture, quick, store  # noqa: F401  (fixtures)
from training.parts import make_clip, make_store, small_loop

from soundvcm.data.mixture import Mixture
from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError
from soundvcm.training import LoopConfig, TrainingConfig, View, latest_checkpoint, read_log, train
from soundvcm.training.checkpoint import read_checkpoint
from soundvcm.training.view import Hook


def same_state(one: Path, other: Path) -> None:
    """Weights, moments, averages, random states and counters of the last checkpoints: largest difference
    0."""
    first, second = latest_checkpoint(one), latest_checkpoint(other)
    assert first is not None and second is not None
    a, b = read_checkpoint(first), read_checkpoint(second)
    for part in ("weights", "optimizer", "ema", "random"):
        left, right = getattr(a, part), getattr(b, part)
        assert left.keys() == right.keys() and left
        for name in left:
            assert torch.equal(left[name], right[name]), f"{part} {name} differs"
    for name in ("step", "progress", "rate", "updates", "bad_total"):
        assert a.facts[name] == b.facts[name]


def stop_at(step: int) -> Hook:
    """A hook that asks for a stop, as a cluster does, after a step."""

    def hook(view: View) -> None:
        if view.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return hook


def test_resumed_equals_straight(store: FeatureStore, config: TrainingConfig, tmp_path: Path) -> None:
    """A and B on the real network and the paper's objective: lambda, rate and order follow the step."""
    straight = train(config, [store], tmp_path / "a", device="cpu")
    assert straight.finished and straight.step == 20
    first = train(config, [store], tmp_path / "b", device="cpu", hooks=[stop_at(10)])
    assert not first.finished and first.step == 10
    torch.manual_seed(123)  # whatever the process did in between
    second = train(config, [store], tmp_path / "b", device="cpu")
    assert second.finished
    same_state(tmp_path / "a", tmp_path / "b")
    logs = [read_log(tmp_path / run, "train") for run in "ab"]
    assert [row["loss"] for row in logs[0]] == [row["loss"] for row in logs[1]] and len(logs[0]) == 4
    assert [row["lambda"] for row in logs[0]] == [row["lambda"] for row in logs[1]]
    validations = [
        [row["mse"] for row in read_log(tmp_path / run, "validation") if "mse" in row] for run in "ab"
    ]
    assert validations[0] == validations[1] and len(validations[0]) == 2
    for path in (tmp_path / "a" / "snapshots").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "snapshots" / path.name).read_bytes()


def test_own_flow_resumes_too(store: FeatureStore, config: TrainingConfig, tmp_path: Path) -> None:
    """Stopped between two of the batches that the same paths serve: paths and snapshot are taken up."""
    changes = {"objective.kind": "own_flow", "objective.warm_start": 0.3, "loop.schedule.kind": "cosine"}
    config = config.change(changes | {"loop.schedule.restart": 0.3, "loop.validation_steps": 5})
    assert train(config, [store], tmp_path / "a", device="cpu").finished
    assert not train(config, [store], tmp_path / "b", device="cpu", hooks=[stop_at(10)]).finished
    assert train(config, [store], tmp_path / "b", device="cpu").finished
    same_state(tmp_path / "a", tmp_path / "b")
    last = latest_checkpoint(tmp_path / "a")
    assert last is not None
    kept = read_checkpoint(last).ema
    assert "objective/points" in kept and any(name.startswith("snapshot/") for name in kept)
    rates = [row["rate"] for row in read_log(tmp_path / "a", "train")]
    assert rates[1] > rates[0]  # the second cosine begins at the peak


def test_killed_before_the_first_checkpoint(
    store: FeatureStore, config: TrainingConfig, tmp_path: Path
) -> None:
    """Begun anew in another process, whose own generators stand elsewhere: the same random states."""
    config = config.change({"loop.steps": 2, "loop.validation_steps": 0})
    for name, before in (("a", 1), ("b", 2)):
        torch.manual_seed(before)
        np.random.seed(before)
        random.seed(before)
        train(config, [store], tmp_path / name, device="cpu")
    same_state(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_other_number_of_workers(quick: LoopConfig, mixture: Mixture, tmp_path: Path, workers: int) -> None:
    """C: and the network uses the global generator (dropout), whose state is in the checkpoint."""
    small_loop(quick, mixture, tmp_path / "a", dropout=0.3).run()
    small_loop(quick, mixture, tmp_path / "b", dropout=0.3, hooks=[stop_at(5)]).run()
    torch.rand(7)
    small_loop(quick.change({"workers": workers}), mixture, tmp_path / "b", dropout=0.3).run()
    same_state(tmp_path / "a", tmp_path / "b")


def test_accumulated_run_resumes_too(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    config = quick.change({"accumulate": 3})
    small_loop(config, mixture, tmp_path / "a").run()
    small_loop(config, mixture, tmp_path / "b", hooks=[stop_at(7)]).run()
    small_loop(config, mixture, tmp_path / "b").run()
    same_state(tmp_path / "a", tmp_path / "b")


KILLED = """
    import os, signal, sys
    from pathlib import Path
    import soundvcm.training.checkpoint as checkpoint
    from soundvcm.data.mixture import Mixture, MixtureConfig
    from soundvcm.data.store import FeatureStore
    from soundvcm.training import LoopConfig
    from training.parts import small_loop

    moment, store, run, yaml = sys.argv[1:]
    config = LoopConfig.from_yaml(Path(yaml))
    die = lambda: os.kill(os.getpid(), signal.SIGKILL)
    save, rename = checkpoint.save_file, checkpoint.os.rename

    def half_written(tensors, path, metadata):
        save(tensors, path, metadata)
        if "step-00000008" in str(path) and "ema" in str(path):
            data = Path(path).read_bytes()
            Path(path).write_bytes(data[: len(data) // 2])
            die()

    def not_renamed(source, target):
        if "step-00000008" in str(target):
            die()
        rename(source, target)

    if moment == "writing":
        checkpoint.save_file = half_written
    else:
        checkpoint.os.rename = not_renamed
    mixture = Mixture([FeatureStore(store)], MixtureConfig(), rows=8, seed=1)
    small_loop(config, mixture, Path(run)).run()
"""


@pytest.mark.parametrize("moment", ["writing", "renaming"])
def test_killed_while_a_checkpoint_is_written(
    store: FeatureStore, quick: LoopConfig, mixture: Mixture, tmp_path: Path, moment: str
) -> None:
    """D: kill -9 in the middle; the checkpoint before is intact, is used, and the end is the same to the
    bit."""
    (tmp_path / "killed.py").write_text(textwrap.dedent(KILLED))
    (tmp_path / "loop.yaml").write_text(quick.to_yaml())
    run = tmp_path / "run"
    command = [
        sys.executable,
        str(tmp_path / "killed.py"),
        moment,
        str(store.folder),
        str(run),
        str(tmp_path / "loop.yaml"),
    ]
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": tests}, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    names = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert len(names) == 2 and names[0].startswith(".step-00000008") and names[1] == "step-00000004"
    assert latest_checkpoint(run) == run / "checkpoints" / "step-00000004"
    small_loop(quick, mixture, run).run()
    small_loop(quick, mixture, tmp_path / "straight").run()
    same_state(run, tmp_path / "straight")
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["step-00000008", "step-00000012"]
    assert [row["step"] for row in read_log(run, "train")] == [2, 4, 6, 8, 10, 12], (
        "each step once in the log"
    )


def test_a_damaged_checkpoint_is_passed_over(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    small_loop(quick, mixture, tmp_path).run()
    last = tmp_path / "checkpoints" / "step-00000012"
    (last / "ema.safetensors").write_bytes((last / "ema.safetensors").read_bytes()[:-7])
    assert latest_checkpoint(tmp_path) == tmp_path / "checkpoints" / "step-00000008"


def test_other_settings_are_refused_and_harmless_ones_are_not(
    store: FeatureStore, config: TrainingConfig, tmp_path: Path
) -> None:
    config = config.change({"loop.steps": 2, "loop.validation_steps": 0, "objective.kind": "flow_matching"})
    train(config, [store], tmp_path, device="cpu")
    with pytest.raises(OptionError, match=r"loop\.optimizer\.rate = 0\.003.* 0\.1"):
        train(config.change({"loop.optimizer.rate": 0.1}), [store], tmp_path, device="cpu")
    with pytest.raises(OptionError, match="null_share"):
        train(config.change({"objective.null_share": 0.2}), [store], tmp_path, device="cpu")
    with pytest.raises(OptionError, match="step-00000002"):
        train(config, [store], tmp_path, device="cpu", resume=False)
    other = make_store(tmp_path / "other", [make_clip(k) for k in range(9)])
    with pytest.raises(OptionError, match="clips: 64, now 9"):
        train(config, [other], tmp_path, device="cpu")
    longer = train(
        config.change({"loop.steps": 4, "loop.workers": 0, "loop.log_steps": 1}),
        [store],
        tmp_path,
        device="cpu",
    )
    assert longer.finished and longer.step == 4
    again = train(config.change({"loop.steps": 4}), [store], tmp_path, device="cpu")
    assert again.finished and again.step == 4, "a finished run stays as it is"
