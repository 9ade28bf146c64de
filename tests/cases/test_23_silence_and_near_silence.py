"""Case 23: silence stays silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundvcm.errors import NonFiniteError
from soundvcm.media import Levels, mux, save_sound

RATE = 16_000
MODES = ("none", "limit", "peak", "loudness")
HISS = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
HISS *= np.float32(0.0205) / np.abs(HISS).max()


@pytest.mark.parametrize("mode", MODES)
def test_zeros_stay_zeros(tmp_path: Path, mode: str) -> None:
    report = save_sound(tmp_path / "a.wav", np.zeros(RATE, np.float32), RATE, levels=Levels(mode))  # type: ignore[arg-type]
    data, _ = soundfile.read(report.path, dtype="int16")
    assert not data.any() and report.gain_db == 0
    assert report.messages == ["output is silent (all samples are zero)"]


def test_near_silence_is_left_alone_and_told(tmp_path: Path) -> None:
    report = save_sound(tmp_path / "a.wav", HISS, RATE, encoding="float")
    data, _ = soundfile.read(report.path, dtype="float32")
    assert (data == HISS).all()
    assert any("output nearly silent (peak -33.8 dBFS" in line for line in report.messages)


def test_near_silence_is_lifted_by_20_db_at_most(tmp_path: Path) -> None:
    report = save_sound(tmp_path / "a.wav", HISS, RATE, levels=Levels("peak", target=0))
    assert abs(report.gain_db - 20) < 1e-9 and abs(report.peak_dbfs + 13.8) < 0.05
    assert any("would take 33.8 dB: amplified by 20 dB only" in line for line in report.messages)
    assert any("nearly silent (peak -33.8 dBFS" in line for line in report.messages)
    report = save_sound(tmp_path / "a.wav", HISS, RATE, levels=Levels("peak", target=0, max_gain=60))
    assert abs(report.gain_db - 33.76) < 0.01 and abs(report.peak_dbfs) < 1e-3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".m4a", ".ogg"])
def test_non_finite_is_refused(tmp_path: Path, suffix: str, bad: float, mode: str) -> None:
    wave = np.zeros((2, 500), np.float32)
    wave[1, 321] = bad
    old = tmp_path / f"old{suffix}"
    old.write_bytes(b"old")
    with pytest.raises(NonFiniteError, match="non-finite values at sample 321") as caught:
        save_sound(old, wave, RATE, levels=Levels(mode), to_rate=48_000)  # type: ignore[arg-type]
    assert caught.value.exit_code == 3
    assert old.read_bytes() == b"old" and list(tmp_path.iterdir()) == [old]


def test_non_finite_is_refused_by_mux(tmp_path: Path) -> None:
    wave = np.zeros(500, np.float32)
    wave[7] = np.nan
    with pytest.raises(NonFiniteError, match="sample 7"):
        mux(tmp_path / "none.mp4", wave, RATE, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []
