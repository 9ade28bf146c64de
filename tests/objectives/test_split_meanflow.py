"""SplitMeanFlow and shortcut: the identity as a target, its passes."""

from __future__ import annotations

import pytest
import torch

from soundvcm.objectives import SplitMeanFlowConfig, build
from soundvcm.objectives.rows import draw_rows


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_exact_flow_has_no_loss_on_consistency_rows(gaussian, conditions_of, draw) -> None:
    data = gaussian.mean + gaussian.std * draw(64, 5, 3, dtype=torch.float64)
    for split in ("uniform", "half"):
        config = SplitMeanFlowConfig(split=split, ratio=0.0, endpoint_share=0.2)
        terms = build(config)(
            gaussian, gaussian, data, conditions_of(64, torch.float64), progress=0.5, generator=seeded()
        )
        assert float(terms.rows["mse"].max()) < 1e-12


def test_another_field_has(make_net, conditions_of, draw) -> None:
    net = make_net(dtype=torch.float64)
    config = SplitMeanFlowConfig(ratio=0.0)
    data = draw(64, 5, 3, dtype=torch.float64)
    terms = build(config)(net, net, data, conditions_of(64, torch.float64), progress=0.5, generator=seeded())
    assert float(terms.rows["mse"].median()) > 1e-6


def test_half_is_the_shortcut_target(make_net, conditions_of, draw) -> None:
    net, data = make_net(dtype=torch.float64), draw(8, 5, 3, dtype=torch.float64)
    conditions = conditions_of(8, torch.float64)
    config = SplitMeanFlowConfig(split="half", ratio=0.0, power=0.0, mix=1.0, guidance=1.0)
    terms = build(config)(net, net, data, conditions, progress=0.5, generator=seeded())
    rows = draw_rows(config, data, conditions, None, seeded())
    middle = (rows.t + rows.s) / 2
    with torch.no_grad():
        first = net(rows.noisy, rows.t, middle, rows.conditions)
        x = rows.noisy + (middle - rows.t)[:, None, None] * first
        target = (first + net(x, middle, rows.s, rows.conditions)) / 2
        wanted = (net(rows.noisy, rows.t, rows.s, rows.conditions) - target).square().mean((1, 2))
    assert torch.allclose(terms.rows["loss"], wanted)


def test_two_passes_on_consistency_rows_only(counter, make_net, conditions_of, draw) -> None:
    frozen = counter(make_net())
    config = SplitMeanFlowConfig(guidance=1.0, mix=1.0)
    build(config)(make_net(), frozen, draw(64, 5, 3), conditions_of(64), progress=0.5, generator=seeded())
    assert [rows for rows, _ in frozen.calls] == [16, 16]


@pytest.mark.parametrize("progress", [0.1, 0.9])
def test_warm_start_and_equal_calls(counter, make_net, conditions_of, draw, progress: float) -> None:
    counts = set()
    for seed in range(6):
        frozen = counter(make_net())
        config = SplitMeanFlowConfig(warm_start=0.5, equal_calls=True)
        terms = build(config)(
            make_net(), frozen, draw(1, 5, 3), conditions_of(1), progress=progress, generator=seeded(seed)
        )
        counts.add(len(frozen.calls))
        assert bool(terms.loss.isfinite())
    assert counts == {1 if progress < 0.5 else 3}
