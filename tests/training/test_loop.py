"""The loop: stopping, schedule, budget, hooks, precision; on a small network, so that it is quick."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from training.parts import Small, small_loop

from soundvcm.data.mixture import Mixture, mixed_seed
from soundvcm.objectives import FlowMatchingConfig, VelocityConsistencyConfig, build
from soundvcm.training import LoopConfig, View, latest_checkpoint, read_log
from soundvcm.training import loop as training_loop
from soundvcm.training.checkpoint import read_checkpoint


def test_loss_goes_down(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    config = quick.change({"steps": 120, "log_steps": 20, "validation_steps": 0, "workers": 2})
    small_loop(config, mixture, tmp_path).run()
    losses = [row["loss"] for row in read_log(tmp_path, "train")]
    assert len(losses) == 6 and losses[-1] < 0.85 * losses[0], losses


def test_ctrl_c_saves_and_leaves_and_the_handler_goes_back(
    quick: LoopConfig, mixture: Mixture, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def interrupt(view: View) -> None:
        if view.step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    result = small_loop(quick, mixture, tmp_path, hooks=[interrupt]).run()
    assert not result.finished and result.step == 6
    assert result.checkpoint == latest_checkpoint(tmp_path) == tmp_path / "checkpoints" / "step-00000006"
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert [row["event"] for row in read_log(tmp_path)][-1] == "stopped"
    assert small_loop(quick, mixture, tmp_path).run().finished


def test_second_ctrl_c_stops_at_once(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    def impatient(view: View) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        small_loop(quick, mixture, tmp_path, hooks=[impatient]).run()


def test_training_in_a_thread_needs_no_handler(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(small_loop(quick, mixture, tmp_path).run()))
    thread.start()
    thread.join()
    assert found[0].finished


def test_time_budget_goes_on_over_resumes(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    """With max_minutes the schedule follows the time spent, and what was spent before a stop counts."""
    config = quick.change({"steps": None, "max_minutes": 1 / 60})
    seen: list[float] = []

    def watch(view: View) -> None:
        seen.append(view.progress)
        time.sleep(0.02)
        if view.progress > 0.4 and len(seen) == sum(p <= 0.4 for p in seen) + 1:
            os.kill(os.getpid(), signal.SIGTERM)

    first = small_loop(config, mixture, tmp_path, hooks=[watch]).run()
    assert not first.finished and 0.4 <= first.seconds < 1.0
    loop = small_loop(config, mixture, tmp_path)
    assert loop.progress == pytest.approx(first.seconds)
    second = loop.run()
    assert second.finished and second.step > first.step and 1.0 <= second.seconds < 2.5
    assert seen == sorted(seen)


def test_progress_reports(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    reports = []
    small_loop(quick, mixture, tmp_path, on_progress=reports.append).run()
    assert [report.step for report in reports] == [2, 4, 6, 8, 10, 12]
    assert reports[0].steps == 12 and reports[-1].progress == 1.0 and reports[-1].left_seconds == 0
    assert reports[2].left_seconds == pytest.approx(reports[2].seconds, rel=1e-6), "half done: as long again"
    assert all(report.rows_per_second > 0 and math.isfinite(report.loss) for report in reports)
    rows = read_log(tmp_path, "train")
    assert {"loss", "gradient_norm", "rate", "progress", "seconds", "rows_per_second", "bad_steps"} <= rows[
        0
    ].keys()
    assert rows[0]["rate"] == pytest.approx(1e-2 * 2 / 3) and rows[-1]["rate"] == pytest.approx(1e-2 * 0.01)


def test_hooks_change_no_random_number(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    """Validation draws as it likes; a network with dropout uses the global generator and must not notice."""

    def draw(view: View) -> dict[str, float]:
        torch.manual_seed(view.step)
        return {"score": torch.rand(()).item()}

    small_loop(quick, mixture, tmp_path / "a", dropout=0.5, hooks=[draw]).run()
    small_loop(quick.change({"validation_steps": 0}), mixture, tmp_path / "b", dropout=0.5).run()
    a, b = (read_checkpoint(latest_checkpoint(tmp_path / run)) for run in "ab")
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)
    assert [row["step"] for row in read_log(tmp_path / "a", "validation")] == list(range(1, 13))
    assert [row["step"] for row in read_log(tmp_path / "b", "validation")] == []


def test_view_gives_averaged_weights_and_takes_them_back(
    quick: LoopConfig, mixture: Mixture, tmp_path: Path
) -> None:
    seen = {}

    def look(view: View) -> None:
        live = view.network.outer.bias.detach().clone()
        for sigma in (None, 0.1):
            with view.averaged(sigma) as network:
                seen[view.step, sigma] = not torch.equal(network.outer.bias, live)
        assert torch.equal(view.network.outer.bias, live)

    small_loop(quick, mixture, tmp_path, hooks=[look]).run()
    assert seen[12, None] and seen[12, 0.1]


def test_as_many_moments_of_the_averages_are_kept_as_asked(
    quick: LoopConfig, mixture: Mixture, tmp_path: Path
) -> None:
    small_loop(quick.change({"snapshot_steps": 2, "keep_snapshots": 3}), mixture, tmp_path).run()
    kept = {int(path.stem.split("-")[1]) for path in (tmp_path / "snapshots").iterdir()}
    assert len(kept) == 3 and max(kept) == 12


def test_halves_are_measured(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    objective = build(VelocityConsistencyConfig())
    small_loop(quick.change({"norm_steps": 6}), mixture, tmp_path / "a", objective=objective).run()
    rows = read_log(tmp_path / "a", "halves")
    assert [row["step"] for row in rows] == [0, 6]
    assert all(row["gradient_velocity"] > 0 and row["gradient_consistency"] > 0 for row in rows)
    small_loop(quick, mixture, tmp_path / "b", objective=objective).run()
    a, b = (read_checkpoint(latest_checkpoint(tmp_path / run)) for run in "ab")
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights), (
        "measuring changes nothing"
    )


def test_accumulated_passes_add_up(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    """Four passes of 2 rows give the gradient of the four parts' mean: checked against autograd by hand."""
    config = quick.change({"accumulate": 3, "clip": 1e9})
    objective = build(FlowMatchingConfig())
    torch.manual_seed(1)
    network = Small()
    total = 0.0
    for part in range(3):
        batch = mixture.batch(0, part, 3)
        generator = torch.Generator().manual_seed(mixed_seed(config.seed, "objective", 0, part))
        terms = objective(network, network, batch.data, batch.conditions, progress=0.0, generator=generator)
        total = total + terms.loss * len(batch.ids) / 8
    wanted = torch.autograd.grad(total, list(network.parameters()))
    loop = small_loop(config.change({"steps": 1}), mixture, tmp_path)
    seen: list[torch.Tensor] = []
    step = loop.state.optimizer.step

    def watch() -> None:
        seen.extend(p.grad.clone() for p in loop.state.parameters)
        step()

    loop.state.optimizer.step = watch  # type: ignore[method-assign,assignment]
    loop.run()
    for got, right in zip(seen, wanted, strict=True):
        torch.testing.assert_close(got, right, rtol=1e-5, atol=1e-7)


def test_gradients_are_clipped(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    loop = small_loop(quick.change({"clip": 1e-3}), mixture, tmp_path)
    norms = []
    step = loop.state.optimizer.step

    def watch() -> None:
        norms.append(torch.stack([p.grad.norm() for p in loop.state.parameters]).norm().item())
        step()

    loop.state.optimizer.step = watch  # type: ignore[method-assign,assignment]
    loop.run()
    assert norms == pytest.approx([1e-3] * 12, rel=2e-3)
    assert read_log(tmp_path, "train")[0]["gradient_norm"] > 0.01, "the log tells the norm before clipping"


def test_auto_precision_is_what_the_machine_is_fast_at(
    quick: LoopConfig, mixture: Mixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fast, told in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(training_loop, "fast_bfloat16", lambda device, fast=fast: fast)
        losses = []
        for precision in ("auto", told):
            folder = tmp_path / f"{precision}-{told}"
            config = quick.change({"steps": 2, "precision": precision})
            losses.append(small_loop(config, mixture, folder).run().loss)
            assert read_log(folder, "start")[0]["precision"] == told
        assert losses[0] == losses[1]


@pytest.mark.slow
def test_compiled_steps_equal_eager_ones(quick: LoopConfig, mixture: Mixture, tmp_path: Path) -> None:
    """`compile` traces the same arithmetic; "eager" runs it as it is."""
    for name in ("none", "eager"):
        small_loop(quick.change({"compile": name}), mixture, tmp_path / name).run()
    a, b = (read_checkpoint(latest_checkpoint(tmp_path / name)) for name in ("none", "eager"))
    for name in a.weights:
        torch.testing.assert_close(a.weights[name], b.weights[name], rtol=1e-5, atol=1e-6)
