"""Recorded pairs: each sound is what the teacher makes of the recorded noise; reflow trains on them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from training.parts import make_clip, make_store

from soundvcm.data.store import FeatureStore
from soundvcm.errors import StoreError
from soundvcm.network import VelocityNetwork
from soundvcm.sampler import guided, integrate, uniform_times
from soundvcm.training import TrainingConfig, read_log, train
from soundvcm.training.pairs import _conditions, record_pairs


@pytest.fixture
def teacher(config: TrainingConfig) -> VelocityNetwork:
    torch.manual_seed(0)
    network = VelocityNetwork(config.network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        network.latent_mean.fill_(1.0)
        network.latent_std.fill_(2.0)
    return network.eval()


@pytest.fixture
def small(tmp_path: Path) -> FeatureStore:
    clips = [make_clip(0), make_clip(1, n=25, video=False), make_clip(2, split="val")]
    return make_store(tmp_path / "own", clips)


def test_each_sound_is_made_from_its_noise(
    small: FeatureStore, teacher: VelocityNetwork, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    pairs = record_pairs(
        teacher, small, tmp_path / "pairs", steps=3, report=lambda *place: seen.append(place)
    )
    assert seen == [(3, 3)]
    assert [item.id for item in pairs.items] == [item.id for item in small.items]
    assert [item.split for item in pairs.items] == ["train", "train", "val"]
    assert [pairs.texts[k] for item in pairs.items for k in item.captions] == [
        small.texts[k] for item in small.items for k in item.captions
    ]
    assert torch.equal(pairs.text(0), small.text(small.texts.index(pairs.texts[0])))
    for k, length in enumerate((12, 25, 12)):
        noise, sample = pairs.read(k, "noise"), pairs.read(k, "mean")
        assert noise.shape == (length, 6) and pairs.read(k, "std").abs().max() == 0
        conditions = _conditions(teacher, small, k)
        assert bool(conditions.has_semantic[0]) == (k != 1)
        with torch.inference_mode():
            field = guided(teacher, conditions, conditions.empty(), 4.5)
            again = teacher.unstandardise(integrate(field, noise[None], uniform_times(3)))[0]
        torch.testing.assert_close(sample, again, rtol=2e-3, atol=2e-3)  # the store keeps half precision
    assert torch.equal(pairs.read(0, "semantic"), small.read(0, "semantic"))


def test_pairs_keep_what_the_store_knows_of_the_channels(
    small: FeatureStore, teacher: VelocityNetwork, tmp_path: Path
) -> None:
    """Else a student trained with emphasis would see other latents than its teacher."""
    assert record_pairs(teacher, small, tmp_path / "untold", steps=1).importance is None
    small.importance = torch.tensor([1.0, 0.5, 0.25, 0.2, 0.1, 0.05])
    pairs = record_pairs(teacher, small, tmp_path / "told", steps=1)
    assert pairs.importance is not None and torch.allclose(pairs.importance, small.importance)


def test_a_second_call_keeps_shards_and_the_seed_decides(
    small: FeatureStore, teacher: VelocityNetwork, tmp_path: Path
) -> None:
    first = record_pairs(teacher, small, tmp_path / "a", steps=1, guidance=1.0)
    shard = tmp_path / "a" / "shards" / "00000.safetensors"
    before = shard.stat().st_mtime_ns
    record_pairs(teacher, small, tmp_path / "a", steps=1, guidance=1.0)
    assert shard.stat().st_mtime_ns == before
    same = record_pairs(teacher, small, tmp_path / "b", steps=1, guidance=1.0)
    other = record_pairs(teacher, small, tmp_path / "c", steps=1, guidance=1.0, seed=1)
    assert torch.equal(first.read(0, "noise"), same.read(0, "noise"))
    assert not torch.equal(first.read(0, "noise"), other.read(0, "noise"))
    with pytest.raises(StoreError, match="do not mix"):
        record_pairs(teacher, make_store(tmp_path / "x", [make_clip(0)], codec="c2"), tmp_path / "a")


@pytest.mark.parametrize("kind", ["reflow", "distill"])
def test_the_loop_trains_on_pairs(
    teacher: VelocityNetwork, config: TrainingConfig, tmp_path: Path, kind: str
) -> None:
    own = make_store(tmp_path / "own", [make_clip(k) for k in range(8)])
    pairs = record_pairs(teacher, own, tmp_path / "pairs", steps=2)
    changed = config.change({"objective.kind": kind, "loop.steps": 6, "loop.log_steps": 1})
    weights = {name: value for name, value in teacher.state_dict().items()}
    train(changed, [pairs], tmp_path / "run", device="cpu", warm_start=weights)
    losses = [row["loss"] for row in read_log(tmp_path / "run", "train")]
    assert len(losses) == 6 and losses[-1] < losses[0]
