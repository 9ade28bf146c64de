"""Samples of a run: the same clips from the same noise, as sound and picture, at each validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor
from training.parts import make_clip, make_store

from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError
from soundvcm.network import VelocityNetwork
from soundvcm.training import TrainingConfig, train
from soundvcm.training.samples import Samples

RATE = 8000


def decode(latents: Tensor) -> Tensor:
    """[b n 6] -> [b 256 n]: each latent's first channel, held."""
    return (latents[..., 0] / 20).clamp(-1, 1).repeat_interleave(256, 1)


def draw(waves: Sequence[np.ndarray], sample_rate: int) -> list[bytes]:
    assert sample_rate == RATE
    return [f"{len(wave)} {wave[0]:.4f}".encode() for wave in waves]


def test_clips_are_written_at_each_validation(
    store: FeatureStore, config: TrainingConfig, tmp_path: Path
) -> None:
    config = config.change({"loop.steps": 4, "loop.validation_steps": 2, "loop.samples": 3})
    hook = Samples(config, [store], decode, RATE, draw)
    train(config, [store], tmp_path / "with", device="cpu", hooks=[hook])
    folder = tmp_path / "with" / "samples"
    found = {path.name: sorted(file.name for file in path.iterdir()) for path in folder.iterdir()}
    assert set(found) == {"recorded", "step-00000002", "step-00000004"}
    names = found["recorded"]
    assert found["step-00000002"] == found["step-00000004"] == names and len(names) == 6
    assert all(name[0] in "012" and "clip" in name for name in names)
    split = {store.items[k].id for k in store.split("val")}
    assert {name[2:].rsplit(".", 1)[0] for name in names} <= split
    first = names[1]
    waves = [soundfile.read(folder / step / first)[0] for step in ("step-00000002", "step-00000004")]
    assert len(waves[0]) == 12 * 256 and not np.array_equal(*waves)  # it has learned meanwhile
    assert (folder / "recorded" / first.replace(".wav", ".png")).read_bytes().startswith(b"3072 ")

    plain = config.change({"loop.samples": 0})
    train(plain, [store], tmp_path / "without", device="cpu")
    weights = [
        (tmp_path / run / "checkpoints" / "step-00000004" / "weights.safetensors").read_bytes()
        for run in ("with", "without")
    ]
    assert weights[0] == weights[1]  # listening changes nothing


def test_each_objective_is_sampled_its_own_way(store: FeatureStore, config: TrainingConfig) -> None:
    """Mean velocity in one call, the instantaneous one integrated, the guidance scale told to who asks."""
    asked: list[tuple[list[float], list[float], float | None]] = []

    class Spy(VelocityNetwork):
        def forward(self, noisy, t, s, conditions, guidance=None):  # type: ignore[no-untyped-def]
            asked.append((t.tolist(), s.tolist(), None if guidance is None else float(guidance[0])))
            return super().forward(noisy, t, s, conditions, guidance)

    def sampled(**changes: object) -> list[tuple[list[float], list[float], float | None]]:
        chosen = config.change({"loop.samples": 1, **changes})
        hook = Samples(chosen, [store], decode, RATE, draw)
        network = Spy(chosen.network).eval()
        asked.clear()
        with torch.inference_mode():
            latents = hook.latents(network, hook.batch(network))
        assert latents.shape == (1, 12, 6)
        return list(asked)

    assert sampled() == [([1.0], [0.0], None)]
    assert sampled(**{"loop.sample_steps": 2}) == [([1.0], [0.5], None), ([0.5], [0.0], None)]
    flow = sampled(**{"objective.kind": "flow_matching", "loop.sample_steps": 2})
    assert [(t, s) for t, s, _ in flow] == [([1.0], [1.0]), ([0.5], [0.5])]
    told = {"objective.guidance_input": True, "objective.guidance": 3.0, "network.guidance_input": "log"}
    assert sampled(**told) == [([1.0], [0.0], 3.0)]


def test_without_validation_clips_it_says_so(config: TrainingConfig, tmp_path: Path) -> None:
    store = make_store(tmp_path / "s", [make_clip(k) for k in range(4)])
    with pytest.raises(OptionError, match="loop.samples"):
        Samples(config.change({"loop.samples": 1}), [store], decode, RATE, draw)
