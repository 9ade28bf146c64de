"""Case 37: stopping and resuming changes nothing, however it was stopped and with however many workers."""

from __future__ import annotations

from pathlib import Path

import torch

from soundvcm.data.store import FeatureStore
from soundvcm.training import TrainingConfig, View, latest_checkpoint, read_log, train
from soundvcm.training.checkpoint import read_checkpoint


def same_state(one: Path, other: Path) -> None:
    a, b = read_checkpoint(latest_checkpoint(one)), read_checkpoint(latest_checkpoint(other))
    for part in ("weights", "optimizer", "ema", "random"):
        left, right = getattr(a, part), getattr(b, part)
        assert left.keys() == right.keys()
        for name in left:
            assert torch.equal(left[name], right[name]), f"{part} {name} differs"
    for name in ("step", "progress", "rate", "updates", "bad_total"):
        assert a.facts[name] == b.facts[name]


def stop_at(step: int):
    """A hook that asks for a stop as Ctrl-C does, at a step."""
    import os
    import signal

    def hook(view: View) -> None:
        if view.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return hook


def test_resumed_equals_straight(store: FeatureStore, config: TrainingConfig, tmp_path: Path) -> None:
    straight = train(config, [store], tmp_path / "a", device="cpu")
    assert straight.finished and straight.step == 20
    first = train(config, [store], tmp_path / "b", device="cpu", hooks=[stop_at(10)])
    assert not first.finished and first.step == 10
    torch.manual_seed(123)  # whatever the process did in between
    second = train(config, [store], tmp_path / "b", device="cpu")
    assert second.finished
    same_state(tmp_path / "a", tmp_path / "b")
    losses = [[row["loss"] for row in read_log(tmp_path / run, "train")] for run in "ab"]
    assert losses[0] == losses[1] and len(losses[0]) == 4
