"""Blocks resampled one after another are the whole resampled at once."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from soundvcm.media.audio.wave import BlockResampler


@pytest.mark.parametrize(("from_rate", "to_rate"), [(16_000, 44_100), (44_100, 16_000)])
def test_blocks_are_the_whole(from_rate: int, to_rate: int) -> None:
    wave = np.random.default_rng(0).standard_normal((2, from_rate)).astype(np.float32)
    resampler = BlockResampler(from_rate, to_rate, 2)
    edges = [0, 1, 700, 701, 9000, from_rate]
    parts = [resampler.process(wave[:, a:b]) for a, b in zip(edges, edges[1:], strict=False)]
    made = np.concatenate([*parts, resampler.finish()], axis=1)
    right = soxr.resample(wave.T, from_rate, to_rate, quality="VHQ").T
    count = min(made.shape[1], right.shape[1])
    assert abs(made.shape[1] - to_rate) <= 1
    assert np.abs(made[:, :count] - right[:, :count]).max() < 1e-5


def test_equal_rates_pass_through() -> None:
    wave = np.ones((1, 50), np.float32)
    resampler = BlockResampler(16_000, 16_000, 1)
    assert resampler.process(wave) is wave and resampler.finish().shape == (1, 0)
