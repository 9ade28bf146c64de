"""What a person could do without any network: a recording of the right kind, put where things move.

Clips are of the bank's validation split, which no scene and no shipped bank uses. Knows the bank and
motion features; nothing of networks.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundvcm.encoders.motion import motion_level
from soundvcm.media import resample
from soundvcm.reference import BANK_RATE, ReferenceClip, place
from tiny.reference import is_lasting
from tiny.sounds.bank import Bank

Wave = NDArray[np.float32]
EVERY_SECONDS = 1.2  # between hits where there is nothing to see
MOTION_RATE = 25


def clips_of(bank: Bank, kind: str, split: str = "valid") -> tuple[tuple[ReferenceClip, ...], bool]:
    """Clips of a kind in a split, and whether they go on."""
    lasting = is_lasting(bank.kinds[kind])
    found = bank.clips(kind, split, "ambience" if lasting else "event") or bank.clips(kind, split)
    names = ("id", "kind", "source", "origin", "licence", "author", "link")
    clips = tuple(ReferenceClip(*(getattr(clip, name) for name in names), clip.wave) for clip in found)
    return clips, lasting


def at_motion(bank: Bank, kind: str, motion: Tensor, samples: int, seed: int, split: str = "valid") -> Wave:
    """Clips at the peaks of motion features [g, q], or under the amount of motion, [samples]."""
    level = motion_level(motion).numpy()
    return _under(bank, kind, level / max(float(level.max(initial=0.0)), 1e-9), samples, seed, split)


def by_prompt_alone(bank: Bank, kind: str, samples: int, seed: int, split: str = "valid") -> Wave:
    """Clips at even distances, or going on, [samples]."""
    count = int(samples / BANK_RATE * MOTION_RATE)
    level = np.zeros(count)
    level[5 :: round(EVERY_SECONDS * MOTION_RATE)] = 1.0
    lasting = is_lasting(bank.kinds[kind])
    return _under(bank, kind, np.ones(count) if lasting else level, samples, seed, split)


def _under(bank: Bank, kind: str, level: NDArray[np.float64], samples: int, seed: int, split: str) -> Wave:
    """Clips in the time of noise with a loudness curve of 25 values a second."""
    clips, lasting = clips_of(bank, kind, split)
    at = np.arange(samples) * (MOTION_RATE / BANK_RATE)
    shape = np.interp(at, np.arange(len(level)), level)
    guide = 0.1 * shape * np.random.default_rng(seed).standard_normal(samples)
    wave, _ = place(guide.astype(np.float32), clips, lasting, seed)
    return wave


def through_codec(codec: torch.nn.Module, wave: Wave) -> Wave:
    """The same sound after the codec: the most that any network in front of it can reach."""
    rate = int(codec.sample_rate)  # type: ignore[arg-type]
    with torch.inference_mode():
        given = torch.from_numpy(resample(wave[None], BANK_RATE, rate))
        copy = codec.copy(given).numpy()  # type: ignore[operator]
    return resample(copy, rate, BANK_RATE)[0, : len(wave)]
