"""The truth bench: its truth is true, and a short run of it gives a table."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from soundvcm.objectives import build, config_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("known_flow", ROOT / "benchmarks" / "known_flow.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["known_flow"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_each_class_has_the_closed_form_velocity(bench) -> None:
    """Against the mean of noise - data given x_t, by Monte Carlo around one x_t."""
    world, t = bench.World(), 0.6
    draw = torch.Generator().manual_seed(0)
    data = world.means[1] + bench.WIDTH * torch.randn(400_000, 2, generator=draw, dtype=torch.float64)
    noise = torch.randn(400_000, 2, generator=draw, dtype=torch.float64)
    noisy = (1 - t) * data + t * noise
    here = torch.tensor([0.3, 0.5], dtype=torch.float64)
    near = (noisy - here).norm(dim=1) < 0.05
    each, _ = world.velocities(here[None], t)
    assert torch.allclose((noise - data)[near].mean(0), each[0, 1], atol=0.1)


def test_the_unconditional_velocity_weighs_classes_by_their_posterior(bench) -> None:
    world = bench.World()
    _, even = world.velocities(torch.zeros(1, 2, dtype=torch.float64), 0.5)
    assert torch.allclose(even, torch.full((1, 4), 0.25, dtype=torch.float64))
    _, near = world.velocities(0.8 * world.means[2:3], 0.2)
    assert float(near[0, 2]) > 0.99


def test_the_true_flow_is_known_to_1e_6_and_guidance_pushes_outwards(bench) -> None:
    world = bench.World()
    noise, label, ends = bench.make_truth(world, rows=64)  # refuses to go on if it were not
    assert torch.equal(ends, world.flow(noise, label).float())
    distance = (ends[:, 0] - world.means[label[:, 0]]).norm(dim=1)
    assert float(distance.median()) < 1.0
    radius = ends[:, 0].norm(dim=1).median()
    assert float(radius) > bench.RADIUS  # scale 2 drives samples beyond their class mean


def test_every_method_is_a_valid_configuration(bench) -> None:
    for name in bench.METHODS:
        build(config_of(bench.settings_of(name)))


@pytest.mark.parametrize("name", ["ours, pinned, r=.5, guidance input", "reflow*", "flow matching*"])
def test_a_short_run_learns_and_reports(bench, tmp_path, capsys, name) -> None:
    file, picture = tmp_path / "all.json", tmp_path / "all.png"
    pytest.importorskip("matplotlib")
    found = bench.main(
        ["--seeds", "1", "--steps", "40", "--batch", "64", "--hidden", "32", "--only", name,
         "--json", str(file), "--plot", str(picture)]
    )  # fmt: skip
    (runs,) = found.values()
    assert runs[0].steps == 40 and all(error > 0 for error in runs[0].errors.values())
    assert json.loads(file.read_text(encoding="utf-8")).keys() == found.keys()
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert "| objective |" in capsys.readouterr().out


def test_equal_seconds_and_unknown_names(bench, capsys) -> None:
    found = bench.main(
        ["--seeds", "1", "--seconds", "0.3", "--batch", "64", "--hidden", "32", "--only", "ours, paper"]
    )
    (runs,) = found.values()
    assert runs[0].steps >= 1 and 0.3 <= runs[0].seconds < 3
    with pytest.raises(SystemExit):
        bench.main(["--only", "nothing"])
    with pytest.raises(SystemExit):
        bench.main(["--batch", "8", "--latents", "16"])
    capsys.readouterr()


def test_passes_are_counted(bench) -> None:
    world, budget = bench.World(), bench.Budget(6, None, 512, hidden=16, latents=16)
    truth = bench.make_truth(world, rows=8)
    plain = bench.run("flow matching, guided at sampling", 0, budget, world, truth)
    ours = bench.run("ours, paper", 0, budget, world, truth)
    assert plain.passes == 3.0 and 4.0 < ours.passes < 4.6
