"""Case 38: NaN and exploding steps are skipped, counted and logged; nothing of them stays."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training.conftest import mixture, quick, store  # noqa: F401  (fixtures)
from training.parts import small_loop

from soundvcm.data.mixture import Batch, Mixture
from soundvcm.errors import NonFiniteError, TrainingError
from soundvcm.objectives import FlowMatchingConfig, LossTerms, VelocityConsistencyConfig, build
from soundvcm.training import LoopConfig, View, latest_checkpoint, read_log
from soundvcm.training.checkpoint import optimizer_tensors, read_checkpoint
from soundvcm.training.state import TrainingState


class Spoilt:
    """Data with a NaN in the batches of the given steps."""

    def __init__(self, data: Mixture, steps: set[int]) -> None:
        self.data, self.steps = data, steps

    def batch(self, step: int, part: int = 0, parts: int = 1) -> Batch:
        batch = self.data.batch(step, part, parts)
        if step in self.steps:
            batch.data[0, 0, 0] = float("nan")
        return batch

    def caption(self, clip: str) -> str:
        return ""

    def ids(self, step: int) -> list[str]:
        return self.data.ids(step)


class Scaled:
    """An objective whose loss is multiplied at one call."""

    def __init__(self, call: int, factor: float) -> None:
        self.inner, self.call, self.factor, self.calls = build(FlowMatchingConfig()), call, factor, 0

    def __call__(self, *given: object, **named: object) -> LossTerms:
        terms = self.inner(*given, **named)  # type: ignore[arg-type]
        self.calls += 1
        return replace(terms, loss=terms.loss * self.factor) if self.calls == self.call else terms


def everything(state: TrainingState) -> dict[str, torch.Tensor]:
    parts = (
        dict(state.network.state_dict()) | state.ema.state() | optimizer_tensors(state.optimizer, state.names)
    )
    return {name: value.detach().clone() for name, value in parts.items()}


class Record:
    """A hook that copies the whole state after every step."""

    def __init__(self) -> None:
        self.states: dict[int, dict[str, torch.Tensor]] = {}

    def __call__(self, view: View) -> None:
        self.states[view.step] = everything(view.state)

    def same(self, one: int, other: int) -> bool:
        a, b = self.states[one], self.states[other]
        return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_bad_row_costs_one_step_and_nothing_else(
    quick: LoopConfig, mixture: Mixture, tmp_path: Path, precision: str
) -> None:
    config, record = quick.change({"precision": precision}), Record()
    result = small_loop(config, Spoilt(mixture, {5}), tmp_path, hooks=[record]).run()
    assert result.finished and result.step == 12 and result.bad_steps == 1
    assert record.same(5, 6), "weights, moments and averages are those before the bad step"
    assert not record.same(4, 5) and not record.same(6, 7)
    (row,) = read_log(tmp_path, "bad_step")
    assert row["step"] == 6 and row["loss"] == "nan" and row["ids"] == mixture.ids(5) and len(row["ids"]) == 8
    saved = read_checkpoint(latest_checkpoint(tmp_path))
    assert saved.facts["updates"] == 11 and saved.facts["bad_total"] == 1
    assert {value.item() for name, value in saved.optimizer.items() if name.endswith("/step")} == {11.0}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_exploding_step_is_skipped(
    quick: LoopConfig, mixture: Mixture, tmp_path: Path, precision: str
) -> None:
    config, record = quick.change({"precision": precision}), Record()
    result = small_loop(config, mixture, tmp_path, objective=Scaled(7, 1e20), hooks=[record]).run()
    assert result.finished and result.bad_steps == 1 and record.same(6, 7) and not record.same(7, 8)
    assert math.isfinite(result.loss)


def test_an_infinite_error_is_a_bad_step(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    """The adaptive weight 1/(mse + eps)^p of an infinite error is 0, and 0 x inf is NaN: it must not pass
    for good."""

    class Far(Spoilt):
        def batch(self, step: int, part: int = 0, parts: int = 1) -> Batch:
            batch = self.data.batch(step, part, parts)
            if step in self.steps:
                batch.data.fill_(1e30)
            return batch

    objective = build(VelocityConsistencyConfig())
    result = small_loop(quick, Far(mixture, {3}), tmp_path, objective=objective).run()
    assert result.bad_steps == 1 and len(read_log(tmp_path, "bad_step")) == 1


def test_too_many_bad_steps_stop_training(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    config = quick.change({"bad_steps": 3})
    with pytest.raises(TrainingError, match=r"step 8.*step-00000004") as caught:
        small_loop(config, Spoilt(mixture, {1, 5, 6, 7}), tmp_path).run()
    assert caught.value.exit_code == 3
    last = latest_checkpoint(tmp_path)
    assert last is not None and last.name == "step-00000004"
    mended = small_loop(config, mixture, tmp_path).run()
    assert mended.finished and mended.bad_steps == 1, "the count of the first run goes on"


def test_non_finite_weights_are_never_written(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    def spoil(view: View) -> None:
        if view.step == 8:
            with torch.no_grad():
                view.network.outer.bias[0] = float("inf")  # type: ignore[union-attr,index]

    with pytest.raises(NonFiniteError, match=r"'outer\.bias'"):
        small_loop(quick, mixture, tmp_path, hooks=[spoil]).run()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]
