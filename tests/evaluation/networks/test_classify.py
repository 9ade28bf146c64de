"""The words of the summary line: what is loud counts, pauses do not, every rate is heard alike."""

from __future__ import annotations

import numpy as np

from soundvcm import media
from soundvcm.evaluation import classify


def telephone(seconds: float, rate: int = 16_000) -> np.ndarray:
    """A tone that warbles as a telephone bell does."""
    time = np.arange(int(seconds * rate)) / rate
    warble = np.sin(2 * np.pi * (440 + 40 * np.sign(np.sin(2 * np.pi * 20 * time))) * time)
    return (0.5 * warble).astype(np.float32)[None]


def test_silence_is_silence() -> None:
    assert classify(np.zeros((1, 16_000), np.float32), 16_000) == ["Silence"]


def test_a_pause_is_not_what_is_heard() -> None:
    short = telephone(1.0)
    long = np.concatenate([np.zeros((1, 64_000), np.float32), short, np.zeros((1, 64_000), np.float32)], 1)
    assert "Silence" not in classify(long, 16_000)
    assert set(classify(long, 16_000)) & set(classify(short, 16_000))


def test_stereo_and_other_rates_are_heard_alike() -> None:
    mono = telephone(2.0)
    high = media.resample(np.repeat(mono, 2, axis=0), 16_000, 48_000)
    assert classify(high, 48_000)[0] == classify(mono, 16_000)[0]
    assert len(classify(mono, 16_000, count=5)) == 5
