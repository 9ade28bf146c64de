"""Windows are joined without a click, a hole or a lost sample (case 18)."""

from __future__ import annotations

import numpy as np
import pytest

from soundvcm import runtime
from soundvcm.generate.long_form import fade_in, joined, window_seed
from soundvcm.generate.options import MAX_SEED


def noise(samples: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, samples)).astype(np.float32)


@pytest.mark.parametrize("last", [20, 100, 300, 1000])
def test_no_sample_is_lost_or_added(last: int) -> None:
    windows = [noise(1000, 0), noise(1000, 1), noise(last, 2)]
    whole = np.concatenate(list(joined(windows, 100)), axis=1)
    assert whole.shape[1] == 900 + 900 + max(last, 100)


def test_one_window_is_itself() -> None:
    wave = noise(500, 3)
    assert np.array_equal(np.concatenate(list(joined([wave], 100)), axis=1), wave)


def test_nothing_gives_nothing() -> None:
    assert list(joined([], 10)) == []


def test_power_stays_level_across_a_join() -> None:
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(300):
        pair = [rng.standard_normal((1, 400)).astype(np.float32) for _ in range(2)]
        rows.append(np.concatenate(list(joined(pair, 200)), axis=1)[0])
    power = np.mean(np.square(rows), axis=0)
    assert power.min() > 0.7 and power.max() < 1.35


def test_no_click_at_the_join_of_tones() -> None:
    """Largest step across a join at most twice the largest inside (case 18)."""
    time = np.arange(16_000) / 16_000
    waves = [np.sin(2 * np.pi * f * time + p)[None].astype(np.float32) for f, p in ((220, 0.3), (331, 2.0))]
    whole = np.concatenate(list(joined(waves, 2000)), axis=1)[0]
    inside = max(np.abs(np.diff(wave[0])).max() for wave in waves)
    assert np.abs(np.diff(whole)).max() <= 2 * inside


def test_a_shot_change_moves_the_fade_to_the_cut() -> None:
    ones, zeros = np.ones((1, 1000), np.float32), np.zeros((1, 1000), np.float32)
    whole = np.concatenate(list(joined([ones, zeros], 400, [100], fade=20)), axis=1)[0]
    assert whole[:685].min() == 1.0 and whole[715:].max() == 0.0
    assert fade_in(400, None, 20)[200] == pytest.approx(0.7071, abs=2e-3)


def test_pieces_come_as_soon_as_they_can() -> None:
    seen = []

    def windows():  # type: ignore[no-untyped-def]
        for k in range(3):
            seen.append(k)
            yield noise(100, k)

    pieces = joined(windows(), 10)
    assert next(pieces).shape == (1, 90) and seen == [0]


def test_seeds_of_windows() -> None:
    assert window_seed(7, 0) == 7
    seeds = {window_seed(7, k) for k in range(1000)} | {window_seed(8, k) for k in range(1000)}
    assert len(seeds) == 2000 and max(seeds) <= MAX_SEED == runtime.MAX_SEED and min(seeds) >= 0
