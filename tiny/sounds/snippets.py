"""Short mixtures of bank sounds to train and judge the embedded codec: one to three clips, scaled, placed.

A batch is a pure function of (seed, step), so that a resumed run sees the same sounds. Knows the bank only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tiny.sounds.bank import Bank
from tiny.sounds.variation import vary

Wave = NDArray[np.float32]


class Snippets:
    """A pool of varied clips in memory, mixed anew for every batch.

    Args:
        bank: the labelled sounds.
        split: "train", "valid" or "test"; clips of other splits are never used.
        seed: decides the pool and every batch.
        variants: varied copies of each clip beside the clip itself.
    """

    def __init__(self, bank: Bank, split: str, seed: int, variants: int = 2) -> None:
        rng = np.random.default_rng((seed, 1))
        self.seed, self.sample_rate = seed, bank.sample_rate
        self.kinds: list[list[Wave]] = []
        for name in sorted(bank.kinds):
            clips: list[Any] = bank.clips(name, split)
            waves = [clip.wave for clip in clips]
            waves += [
                vary(clip.wave, rng, sample_rate=bank.sample_rate) for clip in clips for _ in range(variants)
            ]
            if waves:
                self.kinds.append([np.asarray(wave, dtype=np.float32) for wave in waves])

    def batch(self, step: int, rows: int, samples: int) -> Tensor:
        """[rows, samples] float32 within [-1, 1]; kinds are drawn evenly, levels over 30 dB."""
        rng = np.random.default_rng((self.seed, 2, step))
        out = np.zeros((rows, samples), dtype=np.float32)
        for row in out:
            for _ in range(rng.choice((1, 1, 2, 3))):
                kind = self.kinds[rng.integers(len(self.kinds))]
                _place(row, kind[rng.integers(len(kind))], rng, self.sample_rate // 40)
            row *= 10.0 ** (-1.5 * rng.random() ** 2)
            peak = float(np.abs(row).max())
            if peak > 1.0:
                row /= peak
        return torch.from_numpy(out)


def _place(row: Wave, wave: Wave, rng: np.random.Generator, least: int) -> None:
    """Add `wave` at random places, at least `least` samples before the end."""
    samples = len(row)
    gain = np.float32(rng.uniform(0.3, 1.0))
    # Short sounds strike one to three times so that most rows hold something from start to end.
    for _ in range(1 if len(wave) >= samples else rng.integers(1, 4)):
        start = int(rng.integers(-min(len(wave) // 2, samples), samples - least))
        left, right = max(0, start), min(samples, start + len(wave))
        if right > left:
            row[left:right] += gain * wave[left - start : right - start]
