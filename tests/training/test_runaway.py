"""Rows that leave are seen, named and, if asked for, left out, gone back from or stopped at."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from training.parts import small_loop

from soundvcm.data.mixture import Mixture
from soundvcm.errors import TrainingError
from soundvcm.objectives import VelocityConsistencyConfig, build
from soundvcm.objectives.base import LossTerms
from soundvcm.training import LoopConfig, latest_checkpoint, read_log
from soundvcm.training.checkpoint import read_checkpoint
from soundvcm.training.runaway import LEAST, RowMonitor, kind_of, without

LEAVES = 60


@pytest.fixture
def config(quick: LoopConfig) -> LoopConfig:
    changes = {
        "steps": 90,
        "log_steps": 10,
        "snapshot_steps": 0,
        "validation_steps": 0,
        "checkpoint_steps": 10,
    }
    return quick.change(changes)


class Runaway:
    """Ours, but from step `LEAVES` on a condition's targets feed its error back, ever more."""

    def __init__(self, caption: str, mixture: Mixture) -> None:
        self.objective = build(VelocityConsistencyConfig(ratio=0.5, guidance_until=1.0))
        self.caption, self.mixture, self.step, self.gain = caption, mixture, 0, 1.0

    def __call__(self, u, frozen, data, conditions, *, noise=None, progress, generator) -> LossTerms:
        terms = self.objective(
            u, frozen, data, conditions, noise=noise, progress=progress, generator=generator
        )
        step = round(progress * 90)
        told = [self.mixture.caption(clip) == self.caption for clip in self.mixture.ids(step)]
        if step >= LEAVES:
            self.gain = min(3 * self.gain, 1e4)
            grown = torch.where(torch.tensor(told), self.gain, 1.0)
            mse = torch.where(torch.tensor(told), self.gain, terms.rows["mse"])
            rows = terms.rows | {"mse": mse, "loss": terms.rows["loss"] * grown}
            terms = LossTerms(rows["loss"].mean(), rows, terms.measure)
        return terms


def test_a_row_that_leaves_is_named_with_clip_and_condition_within_50_steps(
    config: LoopConfig, mixture: Mixture, tmp_path: Path
) -> None:
    small_loop(config, mixture, tmp_path, objective=Runaway("rain", mixture)).run()
    left = read_log(tmp_path, "row_left")
    assert left and LEAVES <= left[0]["step"] < LEAVES + 50
    assert all(row["condition"] == mixture.caption(row["clip"]) == "rain" for row in left)
    assert all(row["mse"] > 10 * row["level"] for row in left)
    lines = {row["step"]: row for row in read_log(tmp_path, "train")}
    assert lines[LEAVES]["rows_left"] == 0 < lines[90]["rows_left"]
    worst = max(value for name, value in lines[90].items() if name.startswith("worst/"))
    assert worst > 100 * max(v for name, v in lines[LEAVES].items() if name.startswith("worst/"))


def test_stop_ends_the_run_and_leaves_a_checkpoint_from_before(
    config: LoopConfig, mixture: Mixture, tmp_path: Path
) -> None:
    stopping = config.change({"runaway": "stop"})
    with pytest.raises(TrainingError, match="rain"):
        small_loop(stopping, mixture, tmp_path, objective=Runaway("rain", mixture)).run()
    first = read_log(tmp_path, "row_left")[0]["step"]
    last = latest_checkpoint(tmp_path)
    assert last is not None and int(last.name.split("-")[1]) <= first


def test_left_out_rows_train_nothing(config: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    norms = {}
    for policy in ("log", "leave_out"):
        run = tmp_path / policy
        small_loop(config.change({"runaway": policy}), mixture, run, objective=Runaway("rain", mixture)).run()
        norms[policy] = read_log(run, "train")[-1]["gradient_norm"]
    assert norms["log"] > 2 * norms["leave_out"]


def test_restore_goes_back_once_and_then_leaves_them_out(
    config: LoopConfig, mixture: Mixture, tmp_path: Path
) -> None:
    loop = small_loop(
        config.change({"runaway": "restore"}), mixture, tmp_path, objective=Runaway("rain", mixture)
    )
    with pytest.raises(TrainingError, match="ran away"):
        loop.run()  # it cannot be mended: every row of rain leaves again
    (restored,) = read_log(tmp_path, "restored")
    assert restored["from"] > LEAVES and int(restored["checkpoint"].split("-")[1]) <= LEAVES


def test_what_is_usual_travels_in_checkpoints(config: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    short = config.change({"steps": 40})
    loop = small_loop(short, mixture, tmp_path)
    loop.run()
    again = small_loop(short, mixture, tmp_path)
    again.logbook.close()
    assert again.state.monitor.seen == loop.state.monitor.seen
    assert again.state.monitor.level("velocity/t0.4") == loop.state.monitor.level("velocity/t0.4") is not None
    last = latest_checkpoint(tmp_path)
    assert last is not None and "rows" in read_checkpoint(last).facts


def rows(mse: list[float], *, consistency: bool = False) -> dict[str, torch.Tensor]:
    ones = torch.ones(len(mse))
    return {"mse": torch.tensor(mse), "t": 0.9 * ones, "s": 0.1 * ones, "consistency": ones * consistency}


def test_the_monitor_needs_to_know_a_kind_and_follows_it() -> None:
    monitor = RowMonitor(10.0)
    assert monitor.look(0, rows([1e6]), ["a"]) == []  # nothing is known yet
    monitor = RowMonitor(10.0)
    draw = torch.Generator().manual_seed(0)
    for step in range(LEAST):
        usual = torch.rand(4, generator=draw).tolist()
        assert monitor.look(step, rows(usual), list("abcd")) == []
    assert monitor.look(50, rows([5.0, 50.0, float("nan"), float("inf")]), list("abcd"), str.upper) == [
        1,
        2,
        3,
    ]
    row = monitor.left[0]
    assert (row.clip, row.condition, row.kind) == ("b", "B", "velocity/t0.8") and "clip b (B)" in str(row)
    assert monitor.look(51, rows([50.0], consistency=True), ["a"]) == []  # of another kind
    assert len(monitor.lately(60)) == 3 and not monitor.lately(200)
    for step in range(60, 120):  # what leaves does not become usual, what only grows does
        assert monitor.look(step, rows([50.0]), ["a"]) == [0]
    for step in range(120, 200):
        gone = monitor.look(step, rows([min(50.0, 5.0 + 0.5 * (step - 120))]), ["a"])
    assert gone == []


def test_a_loss_without_rows_counts_them_as_nothing() -> None:
    loss = torch.tensor([1.0, 2.0, 5.0], requires_grad=True)
    left = without({"loss": loss}, [2])
    assert float(left.detach()) == 1.0
    (gradient,) = torch.autograd.grad(left, loss)
    assert gradient.tolist() == pytest.approx([1 / 3, 1 / 3, 0.0])
    assert kind_of(True, 1.0) == "consistency/t0.8" and kind_of(False, 0.0) == "velocity/t0.0"


def test_averaged_targets_come_from_the_average(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    averaged = quick.change({"targets": "average", "validation_steps": 0})
    seen = []

    class Look:
        def __call__(self, u, frozen, data, conditions, **more) -> LossTerms:
            weights = [p.detach().clone() for p in frozen.parameters()]
            seen.append((weights, [p.detach().clone() for p in u.parameters()]))
            return build(VelocityConsistencyConfig())(u, frozen, data, conditions, **more)

    loop = small_loop(averaged, mixture, tmp_path, objective=Look())
    loop.run()
    assert all(not p.requires_grad for p in loop.targets.frozen.parameters())
    (average, live), now = seen[-1], list(loop.state.ema.average().values())
    assert not any(torch.equal(a, b) for a, b in zip(average, live, strict=True))
    assert all(torch.equal(a, b.detach()) for a, b in zip(now, loop.targets.frozen.parameters(), strict=True))
    with pytest.raises(Exception, match="targets=average"):
        quick.change({"targets": "average", "processes": "fsdp"})
