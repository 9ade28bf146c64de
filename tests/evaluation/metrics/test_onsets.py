"""Onsets: found within 50 ms on sounds whose starts are known; matched as mir_eval matches; energy and
motion.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from soundvcm.errors import InputError
from soundvcm.evaluation.metrics import (
    detect_onsets,
    energy,
    match_onsets,
    motion_correlation,
    onset_strength,
)

RATE = 16_000


def sounds(kind: str, times: NDArray[np.float64], background: float, rate: int = RATE) -> NDArray[np.float64]:
    """8 s with one decaying sound at each time, levels over 12 dB."""
    rng = np.random.default_rng(len(kind))
    wave = rng.normal(size=8 * rate) * background
    at = np.arange(int(0.4 * rate)) / rate
    for time in times:
        level = 0.5 * 10 ** (-rng.uniform(0, 12) / 20)
        if kind == "click":
            sound = level * (at < 0.001)
        elif kind == "noise":
            sound = level * rng.normal(size=len(at)) * np.exp(-at / 0.08) * 0.5
        else:
            sound = level * np.sin(2 * np.pi * rng.uniform(200, 1500) * at) * np.exp(-at / 0.15)
        start = int(time * rate)
        wave[start : start + len(at)] += sound[: len(wave) - start]
    return wave


@pytest.mark.parametrize("kind", ["click", "noise", "tone"])
@pytest.mark.parametrize("background", [0.0, 0.002, 0.01])
def test_starts_are_found(kind: str, background: float) -> None:
    times = np.cumsum(np.random.default_rng(7).uniform(0.18, 1.0, size=12))
    times = times[times < 7.5]
    found = match_onsets(times, detect_onsets(sounds(kind, times, background), RATE))
    assert found.f1 > 0.95
    assert abs(found.offset_seconds) < 0.005 and np.std(found.offsets) < 0.004


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_the_rate_does_not_matter(rate: int) -> None:
    times = np.asarray([0.5, 1.25, 3.0, 6.5])
    found = match_onsets(times, detect_onsets(sounds("noise", times, 0.001, rate), rate))
    assert found.f1 == 1 and abs(found.offset_seconds) < 0.006


def test_steady_sounds_have_no_onset() -> None:
    rng = np.random.default_rng(0)
    at = np.arange(4 * RATE) / RATE
    swell = np.sin(np.pi * at / 4)
    for wave in (
        np.zeros(4 * RATE),
        swell * rng.normal(size=4 * RATE) * 0.1,
        swell * np.sin(2 * np.pi * 120 * at),
    ):
        assert len(detect_onsets(wave, RATE)) == 0
    assert len(detect_onsets(np.zeros(0), RATE)) == 0


def test_loudness_hardly_matters() -> None:
    times = np.asarray([0.5, 1.5, 2.5, 5.0])
    wave = sounds("noise", times, 0.0)
    for gain in (1.0, 0.3, 0.1):
        assert match_onsets(times, detect_onsets(wave * gain, RATE)).f1 == 1


def test_strength_rises_where_the_sound_starts() -> None:
    strength = onset_strength(sounds("click", np.asarray([2.0]), 0.0), RATE)
    assert abs(int(strength.argmax()) * 0.005 - 2.0) < 0.015


def most_pairs(truth: list[float], found: list[float]) -> int:
    """The largest matching, by trying all of them."""
    best = 0
    short, long = sorted((truth, found), key=len)
    for order in itertools.permutations(range(len(long)), len(short)):
        best = max(best, sum(abs(a - long[k]) <= 0.05 for a, k in zip(short, order, strict=True)))
    return best


def test_matching_is_the_largest_possible() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        truth, found = (list(rng.uniform(0, 0.5, size=rng.integers(1, 6))) for _ in range(2))
        match = match_onsets(truth, found)
        assert len(match.pairs) == most_pairs(truth, found)
        assert len({a for a, _ in match.pairs}) == len({b for _, b in match.pairs}) == len(match.pairs)
        assert all(abs(truth[a] - found[b]) <= 0.05 + 1e-9 for a, b in match.pairs)


def test_scores_of_a_match() -> None:
    match = match_onsets([1.0, 2.0, 3.0, 4.0], [1.04, 2.06, 3.0])
    assert (match.precision, match.recall) == (pytest.approx(2 / 3), 0.5)
    assert match.f1 == pytest.approx(4 / 7)
    assert match.offset_seconds == pytest.approx(0.02)
    assert match_onsets([1.0], [1.05]).f1 == 1, "50 ms are still within"
    for truth, found in (([], [1.0]), ([1.0], []), ([], [])):
        empty = match_onsets(truth, found)
        assert (empty.precision, empty.recall, empty.f1) == (0, 0, 0) and math.isnan(empty.offset_seconds)
    with pytest.raises(InputError, match="finite"):
        match_onsets([math.nan], [1.0])


def test_one_found_onset_serves_one_true_onset() -> None:
    assert match_onsets([1.0, 1.02], [1.01]).recall == 0.5


def test_energy_is_the_root_mean_square() -> None:
    wave = np.concatenate([np.full(RATE, 0.5), np.zeros(RATE)])
    curve = energy(wave, RATE)
    assert curve.shape == (50,) and np.allclose(curve[:25], 0.5) and np.allclose(curve[25:], 0)


def test_sound_that_follows_motion_correlates() -> None:
    rng = np.random.default_rng(0)
    motion = np.repeat(rng.uniform(0, 1, size=20), 10)
    wave = np.repeat(motion, RATE // 25) * rng.normal(size=200 * (RATE // 25)) * 0.1
    assert motion_correlation(wave, RATE, motion) > 0.9
    assert abs(motion_correlation(wave, RATE, rng.permutation(motion))) < 0.4
    assert motion_correlation(wave, RATE, 1 - motion) < -0.8
    assert math.isnan(motion_correlation(wave, RATE, np.ones(200)))


def test_only_a_mono_wave_is_heard() -> None:
    for wave in (np.zeros((2, 10)), np.asarray([math.inf])):
        with pytest.raises(InputError, match="mono wave"):
            detect_onsets(wave, RATE)
