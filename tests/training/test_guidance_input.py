"""Guidance as an input, end to end: a toy whose guided flow has a closed form; store, loop, exported file and
pipeline with the knob; networks of one fixed scale that refuse it.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from standins import DIM, GreyMotion, GreyPictures, LetterWords, random_codec
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError
from soundvcm.generate.options import GenerateOptions, Sampling
from soundvcm.generate.pipeline import Pipeline
from soundvcm.network import VelocityNetwork
from soundvcm.objectives import build, config_of
from soundvcm.records import Conditions
from soundvcm.sampler import sample_mean, uniform_times
from soundvcm.systems.loading import saved_network
from soundvcm.training import TrainingConfig, export, train

NAMES = ("aa", "ee", "ii", "oo")  # LetterWords counts vowels: four distinct texts
SPREAD, CLASSES, UNTIL = 1.0, 1.0, 0.8


def slope(t: float, std: float) -> float:
    """a of the velocity a (x - (1 - t) mean) - mean of data N(mean, std^2)."""
    return (t - (1 - t) * std**2) / (t**2 + (1 - t) ** 2 * std**2)


def closed_form(w: float, steps: int = 100) -> tuple[float, float]:
    """(A, B) of the guided flow's end point A noise + B class, for classes N(0, 1) and data N(class, 1).

    A mixture of Gaussians without end: both velocities are linear, so w v_c + (1 - w) v is too, and the flow
    is one linear differential equation for A and B (Runge-Kutta of order 4).
    """
    whole, x, c = math.hypot(SPREAD, CLASSES), torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0])

    def velocity(t: float, x: Tensor, k: float) -> Tensor:
        drift = k * slope(t, SPREAD) + (1 - k) * slope(t, whole)
        return drift * x - k * ((1 - t) * slope(t, SPREAD) + 1) * c.double()

    for start, end, k in ((1.0, UNTIL, 1.0), (UNTIL, 0.0, w)):
        h = (end - start) / steps
        for number in range(steps):
            t = start + number * h
            k1 = velocity(t, x, k)
            k2 = velocity(t + h / 2, x + h / 2 * k1, k)
            k3 = velocity(t + h / 2, x + h / 2 * k2, k)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(t + h, x + h * k3, k))
    return float(x[0]), float(x[1])


class Plane(nn.Module):
    """u(x, t, s, class or nothing, w) in the plane; three layers."""

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        sizes = (2 + 2 + 1 + 5, hidden, hidden)
        layers = [nn.Sequential(nn.Linear(i, o), nn.SiLU()) for i, o in zip(sizes, sizes[1:], strict=False)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, 2))

    def forward(
        self, x: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        assert guidance is not None
        known = conditions.has_text.to(x.dtype)[:, None]
        times = torch.stack([t, t * t, t - s, (t - s) ** 2, guidance.log()], 1)
        return self.layers(torch.cat([x[:, 0], conditions.text[:, 0] * known, known, times], 1))[:, None]


def classes_of(c: Tensor) -> Conditions:
    """Classes [b 2] as text, no pictures."""
    none = torch.zeros(len(c), 1, 1)
    no = torch.zeros(len(c), dtype=torch.bool)
    return Conditions.of(semantic=none, sync=none, text=c[:, None], has_video=no)


def trained_plane(steps: int, batch: int = 256) -> Plane:
    """Velocity consistency with w drawn from [1, 4], null rows in between."""
    values = {"kind": "vcm", "guidance_input": True, "guidance_range": (1.0, 4.0), "power": 0.0}
    values |= {"ratio": 0.5, "endpoint_share": 0.25, "lambda_start": 1.0, "lambda_end": 0.02}
    torch.manual_seed(0)
    network, draws, objective = Plane(), torch.Generator().manual_seed(0), build(config_of(values))
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 5e-3 * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        c = CLASSES * torch.randn(batch, 2, generator=draws)
        data = (c + SPREAD * torch.randn(batch, 2, generator=draws))[:, None]
        terms = objective(network, network, data, classes_of(c), progress=step / steps, generator=draws)
        optimizer.zero_grad()
        terms.loss.backward()
        optimizer.step()
    return network


def test_the_closed_form_itself() -> None:
    """Without guidance the data's own flow; more of it goes further from the middle and spreads less."""
    noise, shift = closed_form(1.0)
    assert noise == pytest.approx(SPREAD, abs=1e-6) and shift == pytest.approx(1.0, abs=1e-6)
    found = [closed_form(w) for w in (1.0, 2.0, 4.0)]
    assert found[0][1] < found[1][1] < found[2][1] and found[0][0] > found[1][0] > found[2][0]
    assert closed_form(4.0, steps=200) == pytest.approx(found[2], abs=1e-6)
    assert found[2] == pytest.approx((0.385, 1.958), abs=1e-3)


@pytest.mark.slow
def test_the_knob_moves_the_output_as_the_closed_form_says() -> None:
    """One network, one pass a step, three scales; end points are A noise + B class, by least squares."""
    network, draws = trained_plane(1500), torch.Generator().manual_seed(1)
    noise, c = torch.randn(2000, 1, 2, generator=draws), CLASSES * torch.randn(2000, 2, generator=draws)
    both, scales = torch.stack([noise.flatten(), c.flatten()], 1), (1.0, 2.0, 4.0)
    truth = {w: closed_form(w) for w in scales}
    for steps in (1, 4):
        found = {}
        for w in scales:
            told = torch.full((len(c),), w)
            with torch.no_grad():
                ends = sample_mean(
                    lambda x, t, s, w=told: network(x, t, s, classes_of(c), w), noise, uniform_times(steps)
                )
            found[w] = torch.linalg.lstsq(both, ends.flatten()[:, None]).solution.flatten().tolist()
            assert found[w] == pytest.approx(truth[w], abs=0.2), (steps, w)
        for part in (0, 1):
            moved = [found[w][part] - found[1.0][part] for w in (2.0, 4.0)]
            wanted = [truth[w][part] - truth[1.0][part] for w in (2.0, 4.0)]
            assert moved == pytest.approx(wanted, rel=0.35), (steps, part)


class Gains(nn.Module):
    """u = a x + b class, where a and b are an MLP of the times, w and whether the class is told."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)]
        self.gains = nn.Sequential(*layers)
        with torch.no_grad():  # as in our network, the second time starts silent
            self.gains[0].weight[:, 1] = 0

    def forward(
        self, x: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        assert guidance is not None
        known = conditions.has_text.to(x.dtype)
        a, b = self.gains(torch.stack([t, t - s, guidance.log(), known], 1)).unbind(1)
        return a[:, None, None] * x + (b * known)[:, None, None] * conditions.text


def test_guidance_from_one_to_eight_is_right_and_not_ignored() -> None:
    """One network trained with w in [1, 8], one pass a step: its end points at w = 1, 2, 4, 8.

    Tolerance, at 1 and at 4 steps: root mean square error at most a quarter of the answer's own size for each
    w (1.4, 1.6, 2.0, 2.2 for noise and classes of spread 1), 0.3 over all four. The best answer that does not
    depend on w is off by 0.58.
    """
    values = {"kind": "vcm", "guidance_input": True, "guidance_range": (1.0, 8.0), "power": 0.0}
    values |= {"ratio": 0.5, "endpoint_share": 0.25, "lambda_start": 1.0, "lambda_end": 0.02}
    torch.manual_seed(0)
    network, draws, objective = Gains(), torch.Generator().manual_seed(0), build(config_of(values))
    optimizer, steps = torch.optim.Adam(network.parameters(), lr=1e-2), 1000
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.98))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-2 * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        c = CLASSES * torch.randn(256, 8, generator=draws)
        data = (c + SPREAD * torch.randn(256, 8, generator=draws))[:, None]
        terms = objective(network, network, data, classes_of(c), progress=step / steps, generator=draws)
        optimizer.zero_grad()
        terms.loss.backward()
        optimizer.step()
        averaged.update_parameters(network)
    noise, c = torch.randn(1000, 1, 8, generator=draws), CLASSES * torch.randn(1000, 8, generator=draws)
    scales = (1.0, 2.0, 4.0, 8.0)
    truth = {w: a * noise[:, 0] + b * c for w in scales for a, b in [closed_form(w)]}
    middle = torch.stack(list(truth.values())).mean(0)  # the best answer that ignores w

    def error(found: dict[float, Tensor]) -> tuple[list[float], float]:
        squares = [float((found[w] - truth[w]).square().mean()) for w in scales]
        sizes = [float(truth[w].square().mean()) for w in scales]
        relative = [(value / size) ** 0.5 for value, size in zip(squares, sizes, strict=True)]
        return relative, (sum(squares) / 4) ** 0.5

    ignored = error(dict.fromkeys(scales, middle))[1]
    assert ignored > 0.55
    for count in (1, 4):
        found = {}
        for w in scales:
            told = torch.full((len(c),), w)
            with torch.no_grad():
                found[w] = sample_mean(
                    lambda x, t, s, w=told: averaged(x, t, s, classes_of(c), w), noise, uniform_times(count)
                )[:, 0]
        each, whole = error(found)
        assert max(each) < 0.25, (count, each)
        assert whole < 0.3 < 0.55 * ignored, (count, whole)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """40 sounds of one latent each, four channels, a text each."""
    names = {"codec": "plane", "semantic": "s", "sync": "y", "text": "letters"}
    writer = StoreWriter(tmp_path / "store", fingerprint=names, rates={"latents": Fraction(125, 4)})
    draws, spread = torch.Generator().manual_seed(0), torch.full((1, 4), SPREAD)
    means = [torch.randn(1, 4, generator=draws) for _ in NAMES]
    clips = [
        Clip(f"c{k:03d}", "train", Fraction(4, 125), (NAMES[k % 4],), means[k % 4], spread) for k in range(40)
    ]
    writer.write(0, clips)
    writer.finish(LetterWords().encode)
    return FeatureStore(tmp_path / "store")


def settings(guided: bool, steps: int) -> TrainingConfig:
    network = {"latent_dim": 4, "semantic_dim": DIM, "sync_dim": 4, "text_dim": DIM, "text_tokens": 1}
    network |= {"hidden": 48, "heads": 2, "joint_blocks": 1, "fused_blocks": 1, "segment_tokens": 0}
    network |= {"mlp_multiple": 16, "time_features": 32, "guidance_input": "log" if guided else "none"}
    for kernel in ("in_kernel", "in_mlp_kernel", "ffn_kernel", "out_kernel", "final_kernel"):
        network[kernel] = 1
    objective = {
        "kind": "vcm",
        "guidance_input": guided,
        "guidance": 2.0,
        "guidance_range": (1.0, 8.0),
        "power": 0.0,
    }
    objective |= {"ratio": 0.5, "endpoint_share": 0.25, "lambda_start": 1.0, "lambda_end": 0.02}
    loop = {"steps": steps, "rows": 16, "precision": "fp32", "validation_steps": 0, "log_steps": 100}
    loop |= {"snapshot_steps": 0, "workers": 0, "optimizer": {"rate": 4e-3, "betas": (0.9, 0.99)}}
    loop |= {"schedule": {"kind": "cosine", "warmup_steps": 20}}
    return TrainingConfig.build({"network": network, "objective": objective, "loop": loop})


def pipeline_of(path: Path) -> Pipeline:
    """A system around an exported network, its other parts stand-ins."""
    network, sampling = saved_network(path)
    return Pipeline(
        "plane", network, random_codec(), GreyPictures(), GreyMotion(), LetterWords(), sampling=sampling
    )


def test_a_trained_run_exports_its_knob(store: FeatureStore, tmp_path: Path) -> None:
    """Store => loop => file => pipeline: the knob is there, by default at the objective's w."""
    config = settings(True, 12)
    train(config, [store], tmp_path / "run", device="cpu")
    about = {"licence": "MIT", "guidance": config.objective.guidance}
    export(tmp_path / "run", tmp_path / "w.safetensors", sigma_rel=0.05, about=about)
    network, sampling = saved_network(tmp_path / "w.safetensors")
    assert sampling == Sampling(guidance=2.0) and network.guidance is not None
    assert float(network.guidance.outer.weight.abs().max()) > 0  # it began silent
    knob = pipeline_of(tmp_path / "w.safetensors")
    default, same, other = (
        knob.generate(prompt="aa", seed=1, duration=1, cfg_strength=w) for w in (None, 2.0, 6.0)
    )
    assert (default.wave == same.wave).all() and not (default.wave == other.wave).all()
    assert default.calls == other.calls == 1 and other.settings["cfg_strength"] == "6"


def test_the_exported_file_decides_whether_there_is_a_knob(tmp_path: Path) -> None:
    """One pass a step with the knob; by default the scale it was exported with; fixed ones refuse."""
    from safetensors.torch import save_file

    asked: list[float | None] = []

    class Spy(VelocityNetwork):
        def forward(self, noisy, t, s, conditions, guidance=None):  # type: ignore[no-untyped-def]
            asked.append(None if guidance is None else float(guidance[0]))
            return super().forward(noisy, t, s, conditions, guidance)

    def saved(guided: bool) -> Path:
        config = settings(guided, 1)
        torch.manual_seed(0)
        network = VelocityNetwork(config.network)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        header = {
            "config": config.network.model_dump_json(),
            "guidance": "3.0",
            "format": "soundvcm-weights-1",
        }
        path = tmp_path / f"{guided}.safetensors"
        save_file(network.state_dict(), path, header)
        return path

    knob = pipeline_of(saved(True))
    knob.network.__class__ = Spy
    waves = [
        knob.generate(prompt="aa", seed=1, duration=1, cfg_strength=w).wave for w in (None, 1.0, 3.0, 8.0)
    ]
    assert asked == [3.0, 1.0, 3.0, 8.0] and knob.calls(GenerateOptions(cfg_strength=8.0)) == 1
    assert (waves[0] == waves[2]).all() and abs(waves[1] - waves[3]).max() > 1e-4
    with pytest.raises(OptionError, match="cfg_strength"):
        knob.check(GenerateOptions(cfg_strength=0.0))
    with pytest.raises(OptionError, match="negative_prompt"):
        knob.check(GenerateOptions(negative_prompt="rain"))

    fixed = pipeline_of(saved(False))
    with pytest.raises(OptionError, match="cfg_strength"):
        fixed.generate(prompt="aa", seed=1, duration=1, cfg_strength=2.0)
    assert fixed.generate(prompt="aa", seed=1, duration=1).calls == 1


def test_network_and_objective_have_to_agree(store: FeatureStore, tmp_path: Path) -> None:
    config = settings(True, 1).change({"network.guidance_input": "none"})
    with pytest.raises(OptionError, match="guidance_input"):
        train(config, [store], tmp_path / "run", device="cpu")
