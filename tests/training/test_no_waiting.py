"""Inside a step nothing waits for the device, and no float64 reaches it (MPS has none): tried on "meta".

A tensor on the meta device has no numbers, so whatever asks for one (item, nonzero, a bool mask) raises.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from training.parts import WIDTHS

from soundvcm.data.mixture import Batch
from soundvcm.network import NetworkConfig, VelocityNetwork
from soundvcm.objectives import build, config_of
from soundvcm.records import Conditions
from soundvcm.training import LoopConfig
from soundvcm.training.distributed import Team
from soundvcm.training.loop import Loop
from soundvcm.training.state import TrainingState

META = torch.device("meta")
SMALL = NetworkConfig(
    hidden=16, heads=2, joint_blocks=1, fused_blocks=1, mlp_multiple=8, text_tokens=2,
    **{f"{name}_dim": width for name, width in WIDTHS.items()},
)  # fmt: skip
ROWS, LATENTS = 8, 10


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under bfloat16 autocast, which knows no meta device: the paths are taken, the formats stay."""
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: True)
    monkeypatch.setattr(torch, "autocast", lambda *words, **more: nullcontext())


class NoFloat64(TorchDispatchMode):
    """Fails where a float64 tensor is made on the meta device."""

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, torch.Tensor) and value.device == META:
                assert value.dtype != torch.float64, f"{func} makes float64 on the device"
        return out


def batch(config: NetworkConfig) -> Batch:
    """A batch as the feed gives it: everything on the CPU."""
    conditions = Conditions.of(
        semantic=torch.randn(ROWS, 4, config.semantic_dim),
        sync=torch.randn(ROWS, 8, config.sync_dim),
        text=torch.randn(ROWS, config.text_tokens, config.text_dim),
        has_text=torch.arange(ROWS) % 3 > 0,
    )
    return Batch(torch.randn(ROWS, LATENTS, config.latent_dim), conditions, [f"c{k}" for k in range(ROWS)])


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "vcm"},
        {"kind": "vcm", "look_ahead": "midpoint", "lambda_law": "uniform", "bound": 1.0},
        {"kind": "vcm", "guidance_input": True, "modality_dropout": 0.3, "endpoint_share": 0.25},
        {"kind": "vcm", "semantic_dropout": 0.3, "semantic_swap": 0.5},
        {"kind": "flow_matching"},
        {"kind": "own_flow", "modality_dropout": 0.3, "guidance_until": 0.9},
        {"kind": "split_meanflow"},
        {"kind": "alpha_flow"},
        {"kind": "meanflow", "derivative": "central"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
@pytest.mark.parametrize("style", ["paper", "tiny"])
def test_an_objective_asks_the_device_nothing(changes: dict[str, Any], style: str) -> None:
    size: dict[str, Any] = {"segment_tokens": 0, "sync_to_input": True, "patch": 2, "precondition": True}
    size |= {"covariance_lags": 4, "colour_gate": True, "colour_edges": (0.1,)}
    config = SMALL.change(size if style == "tiny" else {})
    if changes.get("guidance_input"):
        config = config.change({"guidance_input": "log"})
    with META:
        network = VelocityNetwork(config)
    given = batch(config).to(META)
    generator = torch.Generator().manual_seed(0)
    with NoFloat64():
        terms = build(config_of(changes))(
            network, network, given.data, given.conditions, progress=0.5, generator=generator
        )
        terms.loss.backward()
    assert terms.loss.device == META and network.final.conv.weight.grad is not None
    with pytest.raises((RuntimeError, NotImplementedError)):  # what is watched is read when it is asked for
        _ = terms.watch


def test_a_step_waits_once_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two accumulated passes of the loop, up to where rows and norm are read."""

    class Data:
        def ids(self, step: int) -> list[str]:
            return []

        def caption(self, clip: str) -> str:
            return ""

        def batch(self, step: int, part: int = 0, parts: int = 1) -> Batch:
            return batch(SMALL)

    with META:
        network = VelocityNetwork(SMALL)
    settings = LoopConfig(steps=2, rows=2 * ROWS, accumulate=2, precision="fp32", workers=0, norm_steps=0)
    state, objective = TrainingState(network, settings), build(config_of({"kind": "vcm"}))
    loop = Loop(settings, state, objective, Data(), tmp_path, team=Team(device=META), record={})
    reached: list[str] = []
    monkeypatch.setattr(loop, "_look_at_rows", lambda terms, ids: reached.append("rows"))
    monkeypatch.setattr(loop, "_finish_step", lambda loss, rate: reached.append(str(loss.device)))
    with NoFloat64():
        loop._step()
    loop.logbook.close()
    assert reached == ["rows", "rows", "meta"]
