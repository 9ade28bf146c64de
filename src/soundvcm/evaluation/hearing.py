"""What an independent listener hears in a sound, in words: YAMNet's strongest classes over the whole of it.

Knows YAMNet and resampling; used for the summary line of the command and in reports.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from soundvcm import media
from soundvcm.evaluation.yamnet import bundled_yamnet

LISTENING_RATE = 16_000


def hear(wave: NDArray[np.float32], sample_rate: int, count: int = 3) -> list[str]:
    """Names of the `count` classes heard most, strongest first; "Silence" where nothing sounds.

    Args:
        wave: [channels, samples]; channels are averaged.
        sample_rate: of the wave.
        count: how many names.
    """
    mono = np.asarray(wave, dtype=np.float32).mean(axis=0, keepdims=True)
    if not np.abs(mono).max(initial=0.0) > 1e-4:
        return ["Silence"]
    if sample_rate != LISTENING_RATE:
        mono = media.resample(mono, sample_rate, LISTENING_RATE)
    return [name for name, _ in bundled_yamnet().top(torch.from_numpy(mono[0]), count)]
