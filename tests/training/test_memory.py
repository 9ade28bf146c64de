"""What saves memory: blocks that run again, a factored optimizer; the same numbers, exact resuming."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from training.parts import small_loop
from training.test_no_waiting import SMALL, batch

from soundvcm import runtime
from soundvcm.data.mixture import Mixture, MixtureConfig
from soundvcm.data.store import FeatureStore
from soundvcm.network import VelocityNetwork
from soundvcm.objectives import build, config_of
from soundvcm.training import LoopConfig, TrainingConfig, latest_checkpoint
from soundvcm.training.checkpoint import read_checkpoint
from soundvcm.training.estimate import estimate, passes_per_row


def gradients(recompute: bool, autocast: bool) -> tuple[list[torch.Tensor], int]:
    torch.manual_seed(0)
    network = VelocityNetwork(SMALL.change({"fused_blocks": 3}))
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    network.recompute = recompute
    given, kept = batch(SMALL), 0

    def keep(value: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += value.numel()
        return value

    torch.manual_seed(1)
    data = torch.randn(given.data.shape)
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value),
        torch.autocast("cpu", torch.bfloat16, enabled=autocast),
    ):
        terms = build(config_of({"kind": "vcm"}))(
            network, network, data, given.conditions,
            progress=0.5, generator=torch.Generator().manual_seed(2),
        )  # fmt: skip
    terms.loss.backward()
    return [value.grad for value in network.parameters() if value.grad is not None], kept


@pytest.mark.parametrize("autocast", [False, True])
def test_blocks_computed_again_give_the_same_gradients(autocast: bool) -> None:
    torch.manual_seed(3)
    plain, much = gradients(False, autocast)
    torch.manual_seed(3)
    again, little = gradients(True, autocast)
    assert len(plain) == len(again) and all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))
    assert little < 0.6 * much


def test_the_estimate_knows_both() -> None:
    """At the largest size a row keeps a tenth, for one pass more; Adafactor has an eighth of the state."""
    config = TrainingConfig().change({"network.hidden": 896, "network.heads": 14, "network.fused_blocks": 14})
    plain, again = estimate(config), estimate(config.change({"loop.recompute": True}))
    assert again["activations_gib"] < 0.25 * plain["activations_gib"]
    assert 1 < again["passes_per_row"] - plain["passes_per_row"] + 0.01 <= 1.02
    assert passes_per_row(config) == pytest.approx(plain["passes_per_row"], abs=0.01)
    small = estimate(config.change({"loop.optimizer.kind": "adafactor"}))
    assert plain["state_gib"] - small["state_gib"] == pytest.approx(8 * plain["parameters"] / 2**30, rel=0.15)


def test_adafactor_resumes_exactly(store: FeatureStore, quick: LoopConfig, tmp_path: Path) -> None:
    quick = quick.change({"steps": 6, "optimizer.kind": "adafactor", "validation_steps": 0})
    data = Mixture([store], MixtureConfig(), rows=quick.rows, seed=1)
    straight = small_loop(quick, data, tmp_path / "a").run()
    part = small_loop(quick, data, tmp_path / "b")
    step = part._step
    part._step = lambda: (step(), part.state.step == 3 and part.ask_stop())  # type: ignore[method-assign]
    assert part.run().step == 3
    small_loop(quick, data, tmp_path / "b").run()
    a, b = (read_checkpoint(latest_checkpoint(tmp_path / run)) for run in "ab")
    assert straight.finished and any(name.endswith("row_var") for name in a.optimizer)
    for one, two in ((a.weights, b.weights), (a.optimizer, b.optimizer), (a.ema, b.ema)):
        assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_adafactor_learns_and_is_refused_where_it_cannot_be(
    store: FeatureStore, quick: LoopConfig, tmp_path: Path
) -> None:
    quick = quick.change({"steps": 60, "optimizer.rate": 3e-3, "log_steps": 1, "validation_steps": 0})
    data = Mixture([store], MixtureConfig(), rows=quick.rows, seed=1)
    from soundvcm.training import read_log

    for kind in ("adamw", "adafactor"):
        small_loop(quick.change({"optimizer.kind": kind}), data, tmp_path / kind).run()
        losses = [row["loss"] for row in read_log(tmp_path / kind, "train")]
        assert sum(losses[-10:]) < 0.9 * sum(losses[:10]), kind
    with pytest.raises(ValueError, match="fsdp|ddp"):
        LoopConfig(processes="fsdp").change({"optimizer.kind": "adafactor"})


def test_tf32_is_for_gpus_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", told.append)
    with runtime.tf32(torch.device("cpu")):
        assert told == []
    with runtime.tf32(torch.device("cuda")):
        assert told == ["high"]
    with runtime.tf32(torch.device("cuda"), wanted=False):
        pass
    assert told == ["high", "highest", "highest", "highest"]
