"""The comparison of vocoders: what is equal has no distance, and each way gets its numbers."""

from __future__ import annotations

import pytest
import torch
from scripts_by_path import load_script

from tiny.sounds.bank import BANK


def test_it_scores_what_is_here() -> None:
    bench = load_script("benchmarks/vocoders.py", "vocoders_bench")
    wave = 0.1 * torch.randn(1, 8192, generator=torch.Generator().manual_seed(0))
    assert bench.spectral_distance(wave, wave) == 0 < bench.spectral_distance(0.5 * wave, wave)
    assert bench.spectral_distance(0.5 * wave, wave) == pytest.approx(6.02, abs=1.0)
    found = bench.measure("16k", BANK, None, 3)
    assert {"Griffin-Lim", "small"} <= set(found)
    assert all(0 < row["cosine"] <= 1 and row["dB"] > 0 and row["core s"] > 0 for row in found.values())
