"""WAV files above 4 GiB are RF64; one of unknown length that grows so large is refused, not broken."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundvcm.errors import MediaError
from soundvcm.media import SoundReader, SoundWriter, read_sound, save_sound
from soundvcm.media.write import encode_sound

WAVE = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000).astype(np.float32)


def test_rf64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode_sound, "LARGEST_WAV", 10_000)
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
    monkeypatch.setattr(encode_sound, "LARGEST_WAV", 10_000)
    with pytest.raises(MediaError, match="flac"), SoundWriter(tmp_path / "c.wav", 16_000) as writer:
        writer.append(WAVE)
        writer.finish()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_four_gibibytes_for_real(tmp_path: Path) -> None:
    """One frame more than a WAV can hold: written in blocks, read back at both ends."""
    channels, block = 8, np.zeros((8, 1 << 20), np.float32)
    block[:, 0] = 0.5
    blocks = (1 << 32) // block.nbytes + 1
    seconds = Fraction(blocks * block.shape[1], 192_000)
    path = tmp_path / "large.wav"
    with SoundWriter(path, 192_000, channels, encoding="float", seconds=seconds) as writer:
        for _ in range(blocks):
            writer.append(block)
        writer.finish()
    assert path.stat().st_size > 1 << 32
    with path.open("rb") as file:
        assert file.read(4) == b"RF64"
    with soundfile.SoundFile(path) as sound:
        assert (sound.frames, sound.channels, sound.samplerate) == (
            blocks * block.shape[1],
            channels,
            192_000,
        )
        sound.seek((blocks - 1) * block.shape[1])
        assert sound.read(2, dtype="float32", always_2d=True)[:, 0].tolist() == [0.5, 0.0]
    with SoundReader(path) as reader:
        assert reader.take(2)[0].tolist() == [0.5, 0.0]
