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
        module = importlib.import_module("known_flow")
        patch.setattr(module, "ROUNDS", 1)  # the cost of a step need not be exact here
        yield module


@pytest.fixture(scope="module")
def classes(bench: ModuleType) -> ModuleType:
    return importlib.import_module("gaussian_classes")


def test_each_class_has_the_closed_form_velocity(classes) -> None:
    """Against the mean of noise - data given x_t, by Monte Carlo around one x_t."""
    world, t = classes.circle(), 0.6
    draw = torch.Generator().manual_seed(0)
    data = world.means[1] + 0.3 * torch.randn(400_000, 2, generator=draw, dtype=torch.float64)
    noise = torch.randn(400_000, 2, generator=draw, dtype=torch.float64)
    noisy = (1 - t) * data + t * noise
    here = torch.tensor([0.3, 0.5], dtype=torch.float64)
    near = (noisy - here).norm(dim=1) < 0.05
    each, _ = world.parts(here[None], t)
    assert torch.allclose((noise - data)[near].mean(0), each[0, 1], atol=0.1)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_class_of_several_modes_has_the_velocity_of_its_samples(classes, scale) -> None:
    """Monte Carlo again, with the guided velocity made of the class's samples and everybody's."""
    world, t, count = classes.modes(), 0.6, 400_000
    data, label = world.sample(1, count, torch.Generator().manual_seed(0))
    noise = torch.randn(1, count, 2, generator=torch.Generator().manual_seed(1))
    noisy, velocity = (1 - t) * data + t * noise, noise - data
    here = torch.tensor([0.2, 0.3])
    near = (noisy - here).norm(dim=2) < 0.1
    first, all_of_them = velocity[near & (label == 0)].mean(0), velocity[near].mean(0)
    wanted = world.guided(here[None].double(), t, torch.tensor([0]), scale)
    assert torch.allclose((scale * first + (1 - scale) * all_of_them).double(), wanted[0], atol=0.15)


@pytest.mark.parametrize("name", ["modes", "modes8"])
def test_modes_have_their_shares_and_widths(classes, name) -> None:
    world = classes.WORLDS[name]()
    assert len(set(world.widths.tolist())) == len(world.widths)
    assert torch.allclose(world.shares.sum(1), torch.ones(world.classes, dtype=torch.float64))
    data, label = world.sample(1, 100_000, torch.Generator().manual_seed(0))
    for number in range(world.classes):
        mean = data[label == number].double().mean(0)
        assert torch.allclose(mean, world.shares[number] @ world.means, atol=0.05)
    noise, label, ends = classes.make_truth(world, rows=16, scale=4.0, until=1.0)
    assert ends.shape == (16, 1, world.dimensions)


def test_the_unconditional_velocity_weighs_classes_by_their_posterior(classes) -> None:
    world = classes.circle()
    _, even = world.parts(torch.zeros(1, 2, dtype=torch.float64), 0.5)
    assert torch.allclose(even.softmax(1), torch.full((1, 4), 0.25, dtype=torch.float64))
    _, near = world.parts(0.8 * world.means[2:3], 0.2)
    assert float(near.softmax(1)[0, 2]) > 0.99


def test_the_true_flow_is_known_to_1e_6_and_guidance_pushes_outwards(classes) -> None:
    world = classes.circle()
    noise, label, ends = classes.make_truth(world, rows=64)  # refuses to go on if it were not
    assert torch.allclose(ends, world.flow(noise, label, steps=800).float(), atol=1e-6)
    distance = (ends[:, 0] - world.means[label[:, 0]]).norm(dim=1)
    assert float(distance.median()) < 1.0
    radius = ends[:, 0].norm(dim=1).median()
    assert float(radius) > 2.0  # scale 2 drives samples beyond their class mean


def test_more_guidance_pushes_further_and_none_gives_the_class(classes) -> None:
    world = classes.circle()
    radii = []
    for scale in (1.0, 2.0, 4.0):
        noise, label, ends = classes.make_truth(world, rows=256, scale=scale)
        radii.append(float((ends[:, 0] * world.means[label[:, 0]]).sum(1).mean() / 2))
    assert radii[0] == pytest.approx(2.0, abs=0.05) and radii[0] < radii[1] < radii[2]


def test_every_method_is_a_valid_configuration(bench) -> None:
    for name in bench.METHODS:
        settings = dict(bench.settings_of(name))
        assert settings.pop("targets", "live") in ("live", "average")  # the bench's own: which weights answer
        settings.pop("restart", None)  # the bench's own too: a second cosine
        build(config_of(settings))


@pytest.mark.parametrize(
    "name", ["ours, pinned, r=.5, guidance input", "reflow + distill (*", "flow matching*"]
)
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


def test_several_guidance_scales_on_a_flow_with_modes(bench, capsys) -> None:
    found = bench.main(
        ["--seeds", "1", "--steps", "5", "--batch", "64", "--hidden", "16", "--world", "modes8",
         "--guidance", "1", "4", "--until", "1", "--only", "ours, paper", "reflow + distill (*"]
    )  # fmt: skip
    assert list(found) == ["equal steps, w = 1", "equal steps, w = 4"]
    one, four = (runs["ours, paper"][0].errors[1] for runs in found.values())
    assert one != four and "guidance=4.0" in capsys.readouterr().out


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
    world, budget = classes.circle(), bench.Budget(6, None, 512, hidden=16, latents=16)
    truth = classes.make_truth(world, rows=8)
    plain = bench.run("flow matching, guided at sampling", 0, budget, world, truth)
    ours = bench.run("ours, paper", 0, budget, world, truth)
    assert plain.passes == 3.0 and 4.0 < ours.passes < 4.6
