"""The factory gives the numbers it gave on 2026-12-01, when the bank came to 48 kHz: same seed, same losses.
Those of scenes are of 2026-12-01, when captions as typed, rooms and borrowed movements came in.

Exact where only NumPy draws; within rounding of other processors where torch adds up.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest

from soundvcm import training
from soundvcm.data.store import FeatureStore
from soundvcm.training import recipes
from tiny import quality
from tiny.codec.training import CodecRun, CodecTrainingConfig
from tiny.drawing import parts_of
from tiny.sounds.bank import load_bank
from tiny.sounds.snippets import Snippets
from tiny.store import FoleyPlan, scene_writer, write_shards

SIZES = {
    "dim": 8,
    "width": 16,
    "fast_width": 16,
    "mels": 32,
    "encoder_blocks": 1,
    "decoder_blocks": [1, 1, 1],
    "sample_rate": 16_000,
    "hop": 256,
    "head_fft": 512,
}
FIRST = [
    {"log": 0.420009, "doubt": 1.210268, "bands": 0.370296, "root": 0.155886, "kl": 2.196682, "norm": 16.290},
    {"log": 0.313044, "doubt": 0.865022, "bands": 0.288187, "root": 0.095296, "kl": 2.429707, "norm": 6.4083},
]
SUMS = {"mean": -655.1499, "semantic": -15.2459, "sync": 906.7579}
LOSSES = [0.171871, 0.111111, 0.056529]


@pytest.mark.slow
def test_the_codec_begins_as_it_did() -> None:
    snippets = Snippets(load_bank(), "train", 1, variants=0)
    found = snippets.batch(0, 2, 4096)
    config = CodecTrainingConfig().change({f"codec.{name}": value for name, value in SIZES.items()})
    config = config.change({"power_weight": 0, "flux_weight": 0, "decoder_from": 0.5})
    run = CodecRun(config.change({"batch": 2, "bf16": False, "steps": 4, "seconds": 0.256}), snippets)
    for wanted in FIRST:
        terms = run.advance()
        assert {name: terms[name] for name in wanted} == pytest.approx(wanted, rel=1e-3)
    assert float(found.abs().mean()) == pytest.approx(0.0447181, rel=1e-4)
    assert found[:, 2048].tolist() == pytest.approx([-0.1684616, 0.0663632], rel=1e-3)


@pytest.mark.slow
def test_scenes_and_the_network_begin_as_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = parts_of(None)
    write_shards(tmp_path / "s", load_bank(), parts, FoleyPlan({"train": 4, "val": 2}), codec_name="c")
    scene_writer(tmp_path / "s", parts, "c").finish(parts.text.encode)
    store = FeatureStore(tmp_path / "s")
    assert store.items[0].id == "train-100000000" and len(store) == 6
    sums = {name: float(store.read(0, name).double().sum()) for name in SUMS}
    assert sums == pytest.approx(SUMS, abs=0.05)
    words = {"network.hidden": 32, "network.heads": 2, "network.fused_blocks": 1, "data.crop_seconds": [2.0]}
    words |= {"loop.steps": 3, "loop.rows": 2, "loop.log_steps": 1, "loop.workers": 0}
    training.train(recipes.recipe("tiny").change(words), [store], tmp_path / "r", device="cpu")
    losses = [row["loss"] for row in training.read_log(tmp_path / "r", "train")]
    assert losses == pytest.approx(LOSSES, rel=2e-3)
    monkeypatch.setattr(sys, "argv", ["quality", "--run", str(tmp_path / "r"), "--scenes", "3"])
    monkeypatch.setattr(quality, "CURVE", (("contrary", 1),))
    monkeypatch.setattr(quality, "KindClassifier", partial(quality.KindClassifier, per_kind=1))
    quality.main()
    [row] = json.loads((tmp_path / "r" / "scores.json").read_text(encoding="utf-8"))
    assert row["step"] == 3 and row["told"] == "contrary" and 0 <= row["kind_top3"] <= 1 and row["fd"] > 0
    monkeypatch.setattr(quality, "make", None)
    quality.main()
    assert capsys.readouterr().out.count("contrary") == 2, "what is known is printed, not made again"
