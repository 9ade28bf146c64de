"""Case 22: samples beyond +-1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundvcm.errors import OptionError
from soundvcm.media import Levels, read_sound, save_sound

RATE = 16_000
SINE = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
LOUD, SOFT = (1.7 * SINE).astype(np.float32), (0.3 * SINE).astype(np.float32)
KINDS = [(".wav", "pcm16"), (".flac", "pcm16"), (".wav", "pcm24"), (".flac", "pcm24")]


@pytest.mark.parametrize(("suffix", "encoding"), KINDS)
def test_none_cuts_without_wrapping_and_says_how_much(tmp_path: Path, suffix: str, encoding: str) -> None:
    report = save_sound(tmp_path / f"a{suffix}", LOUD, RATE, levels=Levels("none"), encoding=encoding)  # type: ignore[arg-type]
    assert report.clipped == 9520
    assert "9520 of 16000 samples (59.5 %) are beyond full scale and were cut" in report.messages
    data, _ = soundfile.read(report.path, dtype="int16")
    assert data.min() == -32_768 and data.max() == 32_767
    assert np.abs(np.diff(data.astype(int))).max() < 33_000


def test_float_keeps_the_peak(tmp_path: Path) -> None:
    report = save_sound(tmp_path / "a.wav", LOUD, RATE, levels=Levels("none"), encoding="float")
    wave, rate = read_sound(report.path)
    assert rate == RATE and (wave[0] == LOUD).all() and abs(np.abs(wave).max() - 1.7) < 1e-3
    assert not any("cut" in line for line in report.messages)


@pytest.mark.parametrize(("suffix", "encoding"), [*KINDS, (".wav", "float")])
def test_limit_scales_only_what_is_too_loud(tmp_path: Path, suffix: str, encoding: str) -> None:
    report = save_sound(tmp_path / f"a{suffix}", LOUD, RATE, encoding=encoding)  # type: ignore[arg-type]
    wave, _ = soundfile.read(report.path, dtype="float32")
    assert abs(np.abs(wave).max() - 1) < 1e-4 and np.corrcoef(wave, LOUD)[0, 1] > 0.99999
    assert report.clipped == 0 and any("scaled down by 4.6 dB" in line for line in report.messages)
    half = save_sound(
        tmp_path / f"c{suffix}", LOUD, RATE, levels=Levels("limit", ceiling=-6), encoding=encoding
    )  # type: ignore[arg-type]
    assert abs(half.peak_dbfs + 6) < 1e-3
    report = save_sound(tmp_path / f"b{suffix}", SOFT, RATE, encoding=encoding)  # type: ignore[arg-type]
    assert report.gain_db == 0 and report.messages == []
    wave, _ = soundfile.read(report.path, dtype="float32")
    step = {"pcm16": 2.0**-15, "pcm24": 2.0**-23, "float": 0}[encoding]
    assert np.abs(wave - SOFT).max() <= step / 2 + 1e-9


@pytest.mark.parametrize("wave", [LOUD, SOFT])
@pytest.mark.parametrize(("suffix", "encoding"), [*KINDS, (".wav", "float")])
def test_peak_brings_both_to_the_target(tmp_path: Path, suffix: str, encoding: str, wave: np.ndarray) -> None:  # type: ignore[type-arg]
    report = save_sound(
        tmp_path / f"a{suffix}", wave, RATE, levels=Levels("peak", target=-1), encoding=encoding
    )  # type: ignore[arg-type]
    data, _ = soundfile.read(report.path, dtype="float32")
    assert abs(np.abs(data).max() - 0.8913) < 0.0005 and abs(report.peak_dbfs + 1) < 1e-3


def test_the_ends_of_the_scale(tmp_path: Path) -> None:
    save_sound(tmp_path / "a.wav", np.array([-1.0, 1.0, 0.0, 0.5], np.float32), RATE, levels=Levels("none"))
    data, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert data.tolist() == [-32_768, 32_767, 0, 16_384]


def test_gain_comes_before_everything(tmp_path: Path) -> None:
    report = save_sound(tmp_path / "a.wav", SOFT, RATE, levels=Levels("limit", gain=6))
    assert abs(report.peak_dbfs - 20 * np.log10(0.3) - 6) < 1e-3
    report = save_sound(tmp_path / "a.wav", SOFT, RATE, levels=Levels("limit", gain=20))
    assert abs(report.peak_dbfs) < 1e-5


@pytest.mark.parametrize(
    "values",
    [{"mode": "loud"}, {"target": 3}, {"ceiling": 1}, {"gain": 500}, {"max_gain": -1}, {"target": -200}],
)
def test_levels_that_make_no_sense(values: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        Levels(**values)  # type: ignore[arg-type]
