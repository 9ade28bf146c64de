"""The streaming limiter: never above full scale, nothing else touched, the same in any blocks."""

from __future__ import annotations

import numpy as np
import pytest

from soundvcm.media.audio.levels import Limiter


def run(wave: np.ndarray, sizes: list[int]) -> tuple[np.ndarray, Limiter]:  # type: ignore[type-arg]
    limiter, out, at = Limiter(16_000), [], 0
    while at < wave.shape[1]:
        size = sizes[len(out) % len(sizes)]
        out.append(limiter.process(wave[:, at : at + size]))
        at += size
    held = limiter.finish()
    return np.concatenate([*out, *([] if held is None else [held])], axis=1), limiter


@pytest.mark.parametrize("sizes", [[16_000], [7], [160], [1, 500, 159]])
def test_any_blocks_give_the_same(sizes: list[int]) -> None:
    wave = np.random.default_rng(0).standard_normal((2, 3333)).astype(np.float32)
    out, _ = run(wave, sizes)
    right, _ = run(wave, [4000])
    assert out.shape == wave.shape and np.abs(out).max() <= 1
    assert np.abs(out[:, :3000] - right[:, :3000]).max() < 1e-6


def test_quiet_sound_passes_bit_for_bit() -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, (1, 5000)).astype(np.float32)
    out, limiter = run(wave, [999])
    assert (out == wave).all() and limiter.lowest == 1


def test_only_the_surroundings_of_a_peak_change() -> None:
    wave = np.full((1, 8000), 0.5, np.float32)
    wave[0, 4000] = 2.0
    out, limiter = run(wave, [8000])
    assert np.abs(out).max() <= 1 and limiter.lowest == 0.5
    changed = np.flatnonzero(out[0] != wave[0])
    assert 3840 <= changed.min() and changed.max() < 4320
    assert np.abs(np.diff(out[0, :4000])).max() < 0.01  # the gain moves, it does not jump
    assert Limiter(16_000).finish() is None
