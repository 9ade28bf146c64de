"""What an independent listener hears in a sound, in words: YAMNet's strongest classes where it sounds.

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
    listener = bundled_yamnet()
    sound = torch.from_numpy(np.ascontiguousarray(mono[0]))
    # A few short sounds in a long pause are still what is heard: patches count by their energy.
    energy = listener.patches(sound).exp().mean(dim=(1, 2))
    scores = (listener.scores(sound) * (energy / energy.sum())[:, None]).sum(dim=0)
    scores[listener.classes.index("Silence")] = 0.0
    return [listener.classes[int(k)] for k in scores.topk(count).indices]
