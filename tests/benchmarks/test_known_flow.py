"""The truth bench: its truth is true, and a short run of it gives a table."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from soundvcm.objectives import build, config_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("known_flow")


@pytest.fixture(scope="module")
def classes(bench: ModuleType) -> ModuleType:
    return importlib.import_module("gaussian_classes")


def test_each_class_has_the_closed_form_velocity(classes) -> None:
    """Against the mean of noise - data given x_t, by Monte Carlo around one x_t."""
    world, t = classes.World(), 0.6
    draw = torch.Generator().manual_seed(0)
    data = world.means[1] + classes.WIDTH * torch.randn(400_000, 2, generator=draw, dtype=torch.float64)
    noise = torch.randn(400_000, 2, generator=draw, dtype=torch.float64)
    noisy = (1 - t) * data + t * noise
    here = torch.tensor([0.3, 0.5], dtype=torch.float64)
    near = (noisy - here).norm(dim=1) < 0.05
    each, _ = world.velocities(here[None], t)
    assert torch.allclose((noise - data)[near].mean(0), each[0, 1], atol=0.1)


def test_the_unconditional_velocity_weighs_classes_by_their_posterior(classes) -> None:
    world = classes.World()
    _, even = world.velocities(torch.zeros(1, 2, dtype=torch.float64), 0.5)
    assert torch.allclose(even, torch.full((1, 4), 0.25, dtype=torch.float64))
    _, near = world.velocities(0.8 * world.means[2:3], 0.2)
    assert float(near[0, 2]) > 0.99


def test_the_true_flow_is_known_to_1e_6_and_guidance_pushes_outwards(classes) -> None:
    world = classes.World()
    noise, label, ends = classes.make_truth(world, rows=64)  # refuses to go on if it were not
    assert torch.equal(ends, world.flow(noise, label).float())
    distance = (ends[:, 0] - world.means[label[:, 0]]).norm(dim=1)
    assert float(distance.median()) < 1.0
    radius = ends[:, 0].norm(dim=1).median()
    assert float(radius) > classes.RADIUS  # scale 2 drives samples beyond their class mean


def test_more_guidance_pushes_further_and_none_gives_the_class(classes) -> None:
    world = classes.World()
    radii = []
    for scale in (1.0, 2.0, 4.0):
        noise, label, ends = classes.make_truth(world, rows=256, scale=scale)
        radii.append(float((ends[:, 0] * world.means[label[:, 0]]).sum(1).mean() / classes.RADIUS))
    assert radii[0] == pytest.approx(classes.RADIUS, abs=0.05) and radii[0] < radii[1] < radii[2]


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
    (runs,) = found["equal steps"].values()
    assert runs[0].steps == 40 and all(error > 0 for error in runs[0].errors.values())
    assert json.loads(file.read_text(encoding="utf-8"))["results"].keys() == found.keys()
    assert picture.read_bytes()[:4] == b"\x89PNG"
    text = capsys.readouterr().out
    assert "| objective |" in text and text.count(name.removesuffix("*")) == 2


def test_equal_seconds_and_unknown_names(bench, capsys) -> None:
    found = bench.main(
        ["--seeds", "1", "--seconds", "0.3", "--batch", "64", "--hidden", "32", "--only", "ours, paper"]
    )
    assert list(found) == ["equal time"]
    (runs,) = found["equal time"].values()
    assert runs[0].steps >= 1 and 0.3 <= runs[0].seconds < 3
    with pytest.raises(SystemExit):
        bench.main(["--only", "nothing"])
    with pytest.raises(SystemExit):
        bench.main(["--batch", "8", "--latents", "16"])
    capsys.readouterr()


def test_both_budgets_in_one_run(bench, tmp_path, capsys) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "both.png"
    found = bench.main(
        ["--seeds", "2", "--steps", "5", "--seconds", "0.1", "--batch", "64", "--hidden", "16",
         "--only", "ours, paper", "flow*", "--plot", str(picture)]
    )  # fmt: skip
    assert {kind: list(map(len, runs.values())) for kind, runs in found.items()} == {
        "equal steps": [2, 2],
        "equal time": [2, 2],
    }
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert "equal time: " in capsys.readouterr().out


def test_a_second_run_goes_on_and_other_budgets_are_refused(bench, tmp_path, capsys, monkeypatch) -> None:
    words = ["--batch", "64", "--hidden", "16", "--only", "ours, paper", "--json", str(tmp_path / "all.json")]
    first = bench.main(["--seeds", "1", "--steps", "5", *words])
    done = []
    original = bench.run
    monkeypatch.setattr(bench, "run", lambda *given: done.append(given[:2]) or original(*given))
    second = bench.main(["--seeds", "2", "--steps", "5", *words])
    assert done == [("ours, paper", 1)]
    runs = second["equal steps"]["ours, paper"]
    assert len(runs) == 2 and runs[0] == first["equal steps"]["ours, paper"][0] != runs[1]
    with pytest.raises(SystemExit, match="use another file"):
        bench.main(["--seeds", "1", "--steps", "6", *words])
    capsys.readouterr()


def test_the_headline_is_of_known_methods(bench) -> None:
    assert set(bench.HEADLINE) <= set(bench.METHODS)


def test_passes_are_counted(bench, classes) -> None:
    world, budget = classes.World(), bench.Budget(6, None, 512, hidden=16, latents=16)
    truth = classes.make_truth(world, rows=8)
    plain = bench.run("flow matching, guided at sampling", 0, budget, world, truth)
    ours = bench.run("ours, paper", 0, budget, world, truth)
    assert plain.passes == 3.0 and 4.0 < ours.passes < 4.6
