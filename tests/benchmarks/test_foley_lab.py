"""The foley lab end to end on a tiny store: every method trains, goes on, is sampled, scored and told."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from scripts_by_path import load_script

from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.data.store import FeatureStore
from soundvcm.network import VelocityNetwork
from soundvcm.objectives import build
from soundvcm.records import Conditions

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    folder = str(ROOT / "benchmarks")
    sys.path.insert(0, folder)
    try:
        yield load_script("benchmarks/foley_lab.py")
    finally:
        sys.path.remove(folder)


@pytest.fixture(scope="module")
def methods(bench: ModuleType) -> ModuleType:
    return sys.modules["foley_methods"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """Six clips of 8 s with 4 latent channels."""
    folder = tmp_path_factory.mktemp("store")
    rates = {"latents": Fraction(125, 4), "semantic": Fraction(1), "sync": Fraction(25)}
    writer = StoreWriter(folder, fingerprint={"codec": "test"}, rates=rates)
    draw = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=draw)

    clips = [
        Clip(f"c{k}", "train", Fraction(8), (f"sound {k}",), noise(250, 4), torch.full((250, 4), 0.1),
             noise(8, 6), noise(200, 5))
        for k in range(6)
    ]  # fmt: skip
    writer.write(0, clips)
    writer.finish(lambda texts: torch.stack([torch.full((1, 7), float(len(text))) for text in texts]))
    return FeatureStore(folder)


SMALL = [
    "network.hidden=32", "network.heads=2", "network.joint_blocks=1", "network.fused_blocks=1",
    "network.mlp_multiple=8", "loop.rows=2", "loop.log_steps=1", "data.crop_seconds=[4.0]",
    "loop.schedule.warmup_steps=1", "loop.optimizer.rate=0.00001", "network.segment_tokens=0",
    "network.text_tokens=1",
]  # fmt: skip


@pytest.mark.slow
def test_every_method_trains_within_its_time_and_is_not_trained_twice(
    methods: ModuleType,
    bench: ModuleType,
    store: FeatureStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[str] = []

    def once(_: Any, config: Any, *rest: Any) -> float:
        measured.append(config.objective.kind)
        return 0.1 if config.objective.kind == "flow_matching" else 0.2

    monkeypatch.setattr(methods.Costs, "_once", once)
    base = bench.base_config(store, SMALL)
    assert base.network.latent_dim == 4 and base.loop.rows == 2
    told: list[str] = []
    flow = base.change({"objective.kind": "flow_matching"})
    costs = methods.Costs(tmp_path / "costs.json", "cpu", (flow, [store]))
    for method in methods.MAIN:
        given: dict[str, Any] = {"device": "cpu", "sigma_rel": 0.1, "say": told.append, "costs": costs}
        found = methods.train_method(method, base, store, tmp_path, 0.01, **given)
        stages = ["teacher", "pairs", "reflow", "distill"] if method.staged else ["run"]
        assert list(found) == stages
        for stage, value in found.items():
            assert value["seconds"] > 0 and value["steps"] >= 1, stage
        assert methods.train_method(method, base, store, tmp_path, 0.01, **given) == found
        for steps in (1, 2):
            weights = methods.weights_of(method, tmp_path, steps, 0.1)
            network = methods.build(base.change(method.changes), weights)
            made = methods.sample(network, method.way, told_of(store), torch.randn(2, 125, 4), steps)
            assert made.shape == (2, 125, 4) and bool(torch.isfinite(made).all())
    # What a step costs is measured once, and kept.
    names = ["ours", "own flow", "flow matching", "MeanFlow"]
    stages = [f"reflow + distillation: {stage}" for stage in ("teacher", "reflow", "distill")]
    assert list(json.loads((tmp_path / "costs.json").read_text())) == [methods.MEASURE, *names, *stages]
    assert len(measured) == 2 * methods.TURNS * (len(names) + len(stages)) and measured[0] == "flow_matching"
    assert costs.known["ours"] == pytest.approx(0.2) and costs.known["flow matching"] == pytest.approx(0.1)
    pairs = FeatureStore(methods.folder_of(tmp_path, methods.MAIN[-1]) / "pairs")
    assert pairs.items[0].seconds == 4 and pairs.items[0].lengths["noise"] == 125
    assert pairs.items[0].lengths["sync"] == 100 and pairs.texts == [f"sound {k}" for k in range(6)]
    assert not torch.equal(pairs.read(0, "noise"), pairs.read(1, "noise"))


@pytest.mark.slow
def test_what_a_step_costs(
    methods: ModuleType,
    bench: ModuleType,
    store: FeatureStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In turns with the common training, and in its seconds."""
    for name, value in (("SHORTER", 2), ("LONGER", 8), ("TURNS", 1)):
        monkeypatch.setattr(methods, name, value)
    flow = bench.base_config(store, SMALL).change({"objective.kind": "flow_matching"})
    costs = methods.Costs(tmp_path / "costs.json", "cpu", (flow, [store]))
    assert 0 < costs.of("flow again", flow, [store], None) < 5
    assert 0 < costs.known[methods.MEASURE] < 5


def test_every_objective_goes_on_after_its_warm_start(
    methods: ModuleType, bench: ModuleType, store: FeatureStore
) -> None:
    base = bench.base_config(store, SMALL)
    for method in methods.MAIN:
        config = base.change(method.changes)
        network = VelocityNetwork(config.network)
        terms = build(config.objective)(
            network, network, torch.randn(2, 125, 4), told_of(store),
            progress=0.9, generator=torch.Generator().manual_seed(1),
        )  # fmt: skip
        terms.loss.backward()
        assert bool(torch.isfinite(terms.loss)), method.name
        if method.name in ("ours", "MeanFlow"):
            assert bool(terms.rows["consistency"].any())


def told_of(store: FeatureStore) -> Conditions:
    yes = torch.ones(2, dtype=torch.bool)
    return Conditions(
        torch.stack([store.read(k, "semantic", (0, 4)) for k in range(2)]),
        torch.stack([store.read(k, "sync", (0, 100)) for k in range(2)]),
        torch.stack([store.text(k) for k in range(2)]), yes, yes, yes,
    )  # fmt: skip


def test_passes_are_what_the_network_does(
    methods: ModuleType, bench: ModuleType, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = VelocityNetwork(bench.base_config(store, SMALL).network).eval()
    rows: list[int] = []
    forward = VelocityNetwork.forward

    def counted(self: VelocityNetwork, noisy: torch.Tensor, *others: Any, **named: Any) -> torch.Tensor:
        rows.append(len(noisy))
        return forward(self, noisy, *others, **named)

    monkeypatch.setattr(VelocityNetwork, "forward", counted)
    for method in methods.MAIN:
        for steps in (1, 4):
            rows.clear()
            methods.sample(network, method.way, told_of(store), torch.zeros(2, 125, 4), steps)
            assert sum(rows) / 2 == method.passes(steps), method.name


def test_table_two_changes_one_setting_at_a_time(
    methods: ModuleType, bench: ModuleType, store: FeatureStore
) -> None:
    base = bench.base_config(store, SMALL)
    rows = methods.ablations()
    assert [row.name for row in rows[:4]] == ["w = 1", "w = 2", "w = 3", "w = 4"]
    assert len(rows) == 22 and len({methods.folder_of(Path("x"), row) for row in rows}) == 22
    for row in rows:
        old, new = base.objective.model_dump(), base.change(row.changes).objective.model_dump()
        asked = {name.removeprefix("objective.") for name in row.changes}
        assert {name for name in new if new[name] != old[name]} <= asked
        assert len(asked) == (2 if row.name.startswith("t =") else 1)


def test_what_is_trained_alike_is_trained_once(
    methods: ModuleType, bench: ModuleType, store: FeatureStore
) -> None:
    """The base setting stands in five of the six ablations of `tiny`; reflow is no flow matching."""
    rows = methods.ablations()
    runs = methods.twins(rows, bench.base_config(store, SMALL))
    alike = [row.name for row in rows if runs[row.name].name == "w = 2"]
    assert alike == ["w = 2", "m = 1/4", "r = 1/2", "p = 1/2", "t = 1, 1.4"]
    assert len({run.name for run in runs.values()}) == 18
    main = methods.twins(methods.MAIN, bench.base_config(store, SMALL))
    assert [run.name for run in main.values()] == [method.name for method in methods.MAIN]


def test_report_as_table_and_plot(bench: ModuleType, tmp_path: Path) -> None:
    tables = sys.modules["foley_tables"]
    score = {"fd": 100.0, "js": 1.5, "is": 2.0, "f1": 0.8, "offset_ms": float("nan"), "kind": 0.5, "ms": 12.0}
    rows = [{"method": "ours", "steps": s, "passes": s} | score | {"fd": 300.0 / s} for s in (1, 4)]
    report = {
        "date": "2026-11-25T12:00", "machine": {"cores": "2"}, "command": "python x", "minutes": 1,
        "scenes": 3, "seconds": 8.0, "told": "text", "seeds": {"noise": 1}, "sigma_rel": 0.1,
        "bounds": {"through the codec": score}, "rows": rows,
        "training": {
            "ours": {"run": {"steps": 7, "seconds": 60.0, "rows": 56}},
            "reflow": {"pairs": {"clips": 16, "steps": 8, "seconds": 12.0}},
        },
    }  # fmt: skip
    text = tables.markdown(json.loads(json.dumps(report)))
    assert "| ours | 1 | 1 | 300 | 1.500 | 2.000 | 0.800 | - | 0.500 | 12.0 |" in text
    assert "| through the codec | - | - | 100 |" in text and "    python x" in text
    assert "- ours: run 7 steps, 56 rows in 60 s" in text
    assert "- reflow: pairs 16 of 8 x 2 passes in 12 s" in text
    tables.plot(report, tmp_path / "plot.png")
    seeds = bench.over_seeds([score | {"fd": fd} for fd in (3.0, 1.0, 9.0)])
    report["rows"], report["seeds"] = (
        [{"method": "ours", "steps": 1, "passes": 1} | seeds],
        {"training": [1, 2, 3]},
    )
    assert "| ours | 1 | 1 | 3.000 (1.000-9.000) |" in tables.markdown(json.loads(json.dumps(report)))
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_another_codec_is_refused_in_one_line(bench: ModuleType, store: FeatureStore) -> None:
    with pytest.raises(SystemExit, match="tiny_codec"):
        bench.main(["--store", str(store.folder)])
