"""What can be said of a finished take by listening to it: its loudness, and what a classifier takes it for.

    WAV => LUFS (BS.1770), the strongest classes (YAMNet) and whether it is sure

Knows evaluation's classifier and media; nothing of jobs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from soundvcm import media
from soundvcm.evaluation import class_scores

SURE = 0.2  # score of the best class, of 1


@dataclass(frozen=True)
class Impression:
    """What was heard.

    Attributes:
        loudness: LUFS; None of silence.
        classes: (name, score 0 .. 1), the strongest first.
        unsure: whether even the strongest is weak.
    """

    loudness: float | None = None
    classes: list[tuple[str, float]] = field(default_factory=list)
    unsure: bool = False


def listen_to(path: Path, count: int = 3) -> Impression:
    """Listen to a sound file.

    Raises:
        MediaError: if it cannot be read.
    """
    wave, rate = media.read_sound(path)
    loudness = media.integrated_loudness(wave, rate)
    told = round(float(loudness), 1) if isfinite(loudness) else None
    classes = [(name, round(score, 3)) for name, score in class_scores(wave, rate, count)]
    return Impression(told, classes, classes[0][1] < SURE or told is None)
