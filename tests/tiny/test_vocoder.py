"""Training the small vocoders: one learns, resumes to the same numbers, leaves a file that loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from soundvcm.codec import saved_vocoder
from tests.tiny.test_codec import Tones
from tiny.codec import vocoder as training
from tiny.codec.vocoder import VocoderRun, VocoderTrainingConfig, train_vocoder

SMALL = VocoderTrainingConfig(steps=6, batch=2, frames=16, save_every=2, log_every=3, bf16=False)


@pytest.mark.parametrize("mode", ["16k", "44k"])
def test_it_learns(mode: str) -> None:
    run = VocoderRun(SMALL.change({"mode": mode, "steps": 40, "rate": 3e-3}), [Tones(), Tones()])
    terms = [run.advance() for _ in range(40)]
    first, last = (np.mean([row["doubt"] for row in part]) for part in (terms[:8], terms[-8:]))
    assert last < first - 0.3


def test_stopping_and_resuming_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "sounds_of", lambda bank, config: [Tones()])
    straight = train_vocoder(SMALL, tmp_path, tmp_path / "a")
    train_vocoder(SMALL.change({"steps": 4}), tmp_path, tmp_path / "b")
    again = train_vocoder(SMALL.change({"steps": 4}), tmp_path, tmp_path / "b")
    assert not torch.equal(straight.head.weight, again.head.weight)
    halfway = VocoderRun(SMALL, [Tones()])
    for _ in range(3):
        halfway.advance()
    other = VocoderRun(SMALL, [Tones()])
    other.restore({name: value.clone() for name, value in halfway.tensors().items()}, 3)
    for _ in range(3):
        other.advance()
    for name, value in straight.state_dict().items():
        assert torch.equal(value, other.average[name]), name
    loaded = saved_vocoder(tmp_path / "a" / "vocoder.safetensors")
    assert torch.equal(loaded.head.weight, straight.head.weight)
