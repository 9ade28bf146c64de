"""BS.1770 against its own tables and the EBU's test signals."""

from __future__ import annotations

import numpy as np
import pytest

from soundvcm.media import Levels, integrated_loudness, true_peak
from soundvcm.media.audio.levels import apply_levels
from soundvcm.media.audio.loudness import k_weighting


def sine(level_db: float, seconds: float, rate: int = 48_000, pitch: float = 1000.0) -> np.ndarray:  # type: ignore[type-arg]
    return (
        10 ** (level_db / 20) * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)
    ).astype(np.float32)


def test_coefficients_of_the_standard_at_48_khz() -> None:
    (top, bottom), (_, high) = k_weighting(48_000)
    assert np.allclose(top, [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-9)
    assert np.allclose(bottom, [1, -1.69065929318241, 0.73248077421585], atol=1e-9)
    assert np.allclose(high, [1, -1.99004745483398, 0.99007225036621], atol=1e-9)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_a_sine_at_997_hz(rate: int) -> None:
    assert abs(integrated_loudness(sine(0, 5, rate, 997.0), rate) + 3.01) < (0.02 if rate > 40_000 else 0.05)
    stereo = np.stack([sine(-23, 20, rate)] * 2)
    assert abs(integrated_loudness(stereo, rate) + 23.0) < 0.1  # EBU Tech 3341, test 1


def test_gates() -> None:
    loud, soft = sine(-23, 60), sine(-36, 10)
    three = np.stack([np.concatenate([soft, loud, soft])] * 2)
    assert abs(integrated_loudness(three, 48_000) + 23.0) < 0.1  # EBU Tech 3341, test 3
    buried = np.stack([np.concatenate([sine(-72, 10), soft, loud, soft, sine(-72, 10)])] * 2)
    assert abs(integrated_loudness(buried, 48_000) + 23.0) < 0.1  # test 4


def test_silence_and_short_sounds() -> None:
    assert integrated_loudness(np.zeros((1, 48_000), np.float32), 48_000) == float("-inf")
    assert integrated_loudness(np.zeros((1, 0), np.float32), 48_000) == float("-inf")
    assert integrated_loudness(sine(-80, 1), 48_000) == float("-inf")
    assert abs(integrated_loudness(sine(0, 0.1, pitch=997.0), 48_000) + 3.01) < 0.3


def test_true_peak_between_the_samples() -> None:
    rate = 48_000
    wave = np.sin(2 * np.pi * rate / 4 * np.arange(4800) / rate + np.pi / 4).astype(
        np.float32
    )  # samples at 0.707
    assert abs(np.abs(wave).max() - 0.7071) < 1e-4 and abs(true_peak(wave, rate) - 1) < 0.02
    assert true_peak(np.zeros((1, 0), np.float32), rate) == 0


def test_reaching_a_loudness() -> None:
    wave, rate = sine(-30, 3)[None], 48_000
    out, report = apply_levels(wave, rate, Levels("loudness", target=-23))
    assert abs(integrated_loudness(out, rate) + 23) < 0.01 and report.loudness == pytest.approx(-23)
    spiky = wave.copy()
    spiky[0, 1000] = 0.9
    out, report = apply_levels(spiky, rate, Levels("loudness", target=-16))
    assert true_peak(out, rate) <= 10 ** (-1 / 20) + 1e-3
    assert any("would exceed the true peak" in line for line in report.messages)
    out, report = apply_levels(sine(-60, 3)[None], rate, Levels("loudness", target=-23))
    assert report.gain_db == pytest.approx(20) and any(
        "amplified by 20 dB only" in line for line in report.messages
    )
