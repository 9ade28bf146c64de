"""WAV files above 4 GiB are RF64; one of unknown length that grows so large is refused, not broken."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from soundvcm.errors import MediaError
from soundvcm.media import SoundWriter, read_sound, save_sound
from soundvcm.media.write import sound_file

WAVE = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000).astype(np.float32)


def test_rf64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_file, "LARGEST_WAV", 10_000)
    save_sound(tmp_path / "a.wav", WAVE, 16_000, encoding="float")
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64" and (
        read_sound(tmp_path / "a.wav")[0] == WAVE
    ).all()
    with SoundWriter(tmp_path / "b.wav", 16_000, seconds=Fraction(1)) as writer:
        writer.append(WAVE)
        writer.finish()
    assert (tmp_path / "b.wav").read_bytes()[:4] == b"RF64" and read_sound(tmp_path / "b.wav")[0].shape == (
        1,
        16_000,
    )


def test_unknown_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_file, "LARGEST_WAV", 10_000)
    with pytest.raises(MediaError, match="flac"), SoundWriter(tmp_path / "c.wav", 16_000) as writer:
        writer.append(WAVE)
        writer.finish()
    assert list(tmp_path.iterdir()) == []
