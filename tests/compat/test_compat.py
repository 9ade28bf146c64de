"""Sounds and file formats stay what they were: ten takes of `tiny`, a feature store, a training checkpoint.

Store and checkpoint were written by the code of 29 November 2026, the sounds by that of 30 November, which
let reference recordings sound (see `recorded.py`).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from compat.recorded import HERE, digest, levels, machine, sounds
from training.parts import make_clip, make_store, small_loop

from soundvcm.data.mixture import Mixture, MixtureConfig
from soundvcm.data.store import FeatureStore
from soundvcm.training import LoopConfig, latest_checkpoint
from soundvcm.training.checkpoint import read_checkpoint, write_checkpoint


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_ten_takes_sound_as_recorded() -> None:
    recorded = json.loads((HERE / "sounds.json").read_text(encoding="utf-8"))
    waves = sounds()
    for wave, expected in zip(waves, recorded["levels"], strict=True):
        assert levels(wave) == pytest.approx(expected, abs=2e-3)
    if machine() == recorded["machine"]:
        assert [digest(wave) for wave in waves] == recorded["sha256"]


def test_an_earlier_store_is_read_and_written_alike(tmp_path: Path) -> None:
    store = FeatureStore(HERE / "store")
    for k in range(8):
        clip = make_clip(k)
        assert store.items[k].id == clip.id and store.items[k].seconds == clip.seconds
        assert torch.equal(store.read(k, "mean"), clip.mean.half().float())
    make_store(tmp_path / "store", [make_clip(k) for k in range(8)])
    assert files(tmp_path / "store") == files(HERE / "store")


def test_an_earlier_checkpoint_is_read_written_alike_and_resumed(tmp_path: Path) -> None:
    last = latest_checkpoint(HERE / "run")
    assert last is not None
    saved = read_checkpoint(last)
    for known in ("format", "step", "sizes"):
        assert known in saved.facts
    written = write_checkpoint(tmp_path, saved.facts["step"], saved)
    assert files(written) == files(last)
    values = {"steps": 6, "rows": 4, "precision": "fp32", "seed": 1, "checkpoint_steps": 6, "workers": 0}
    config = LoopConfig.build({**values, "schedule": {"warmup_steps": 1}})
    mixture = Mixture([FeatureStore(HERE / "store")], MixtureConfig(), rows=4, seed=1)
    small_loop(config, mixture, tmp_path).run()
    assert read_checkpoint(latest_checkpoint(tmp_path) or tmp_path).facts["step"] == 6
