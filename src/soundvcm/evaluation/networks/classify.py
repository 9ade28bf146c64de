"""The classes that YAMNet gives a sound, strongest first, over the parts where it sounds.

Knows YAMNet and resampling; used for the summary line of the command and in reports.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from soundvcm import media
from soundvcm.evaluation.networks.yamnet import SAMPLE_RATE, bundled_yamnet


def classify(wave: NDArray[np.float32], sample_rate: int, count: int = 3) -> list[str]:
    """Names of YAMNet's `count` highest classes, highest first; "Silence" where nothing sounds."""
    return [name for name, _ in class_scores(wave, sample_rate, count)]


def class_scores(wave: NDArray[np.float32], sample_rate: int, count: int = 3) -> list[tuple[str, float]]:
    """YAMNet's `count` highest classes with their scores (0 .. 1), highest first.

    Args:
        wave: [channels, samples]; channels are averaged.
        sample_rate: of the wave.
        count: how many names.
    """
    mono = np.asarray(wave, dtype=np.float32).mean(axis=0, keepdims=True)
    if not np.abs(mono).max(initial=0.0) > 1e-4:
        return [("Silence", 1.0)]
    if sample_rate != SAMPLE_RATE:
        mono = media.resample(mono, sample_rate, SAMPLE_RATE)
    network = bundled_yamnet()
    sound = torch.from_numpy(np.ascontiguousarray(mono[0]))
    # Patches count by their energy: a few short sounds in a long pause still decide the class.
    energy = network.patches(sound).exp().mean(dim=(1, 2))
    scores = (network.scores(sound) * (energy / energy.sum())[:, None]).sum(dim=0)
    scores[network.classes.index("Silence")] = 0.0
    best = scores.topk(count)
    return [
        (network.classes[int(k)], float(score)) for k, score in zip(best.indices, best.values, strict=True)
    ]
