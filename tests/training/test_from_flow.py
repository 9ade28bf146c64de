"""The recipe for flow weights at the size of mmaudio_small_16k: two steps on rule-made weights."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from soundvcm import weights
from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.data.store import FeatureStore
from soundvcm.network import SIZES, VelocityNetwork
from soundvcm.systems.loading import saved_network
from soundvcm.training import train
from soundvcm.training.finetune import export_finetuned, finetune_config, start_from

ROWS = 2


def write_start(path: Path) -> None:
    """A two-time network of 157 M parameters as `adopt` leaves it: mirrored, sampled as a flow."""
    torch.manual_seed(0)
    network = VelocityNetwork(SIZES["small_16k"].change({"second_time": "offset", "second_zero": True}))
    facts = {"format": "soundvcm-weights-1", "config": network.config.model_dump_json()}
    facts |= {"licence": "CC-BY-NC-4.0", "sampling": '{"kind": "flow", "steps": 25, "guidance": 4.5}'}
    weights.save(path, network.state_dict(), facts)


def write_store(folder: Path) -> FeatureStore:
    """Three clips of 8 s with features of the paper's widths."""
    names = {"codec": "vae-16k-0", "semantic": "clip", "sync": "sync", "text": "words"}
    writer = StoreWriter(folder, fingerprint=names, rates={"latents": Fraction(125, 4)})
    clips = [
        Clip(
            f"c{k}", "val" if k == 2 else "train", Fraction(8), ("rain",), torch.randn(250, 20),
            torch.full((250, 20), 0.1), torch.randn(64, 1024), torch.randn(192, 768),
        )
        for k in range(3)
    ]  # fmt: skip
    writer.write(0, clips)
    writer.finish(lambda texts: torch.randn(len(texts), 77, 1024))
    return FeatureStore(folder)


@pytest.mark.slow
def test_two_steps_at_full_size(tmp_path: Path) -> None:
    write_start(tmp_path / "start.safetensors")
    start, store = start_from(tmp_path / "start.safetensors", tmp_path), write_store(tmp_path / "store")
    changes = {"loop.steps": 2, "loop.rows": 2 * ROWS, "loop.accumulate": 2, "loop.validation_batches": 1}
    config = finetune_config(start, store.items, changes)
    assert config.objective.kind == "vcm" and config.loop.precision == "bf16"
    result = train(config, [store], tmp_path / "run", warm_start=start.path, device="cpu")
    assert result.finished and result.bad_steps == 0
    export_finetuned(tmp_path / "run", tmp_path / "mine.safetensors", start, config, 2)
    network, sampling = saved_network(tmp_path / "mine.safetensors")
    assert sampling.kind == "mean" and sampling.steps == 1 and network.config.hidden == 448
    before, after = start.path, network.state_dict()
    tensors, _ = weights.read(before)
    assert any(not torch.equal(value, after[name]) for name, value in tensors.items())
