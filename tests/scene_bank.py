"""A tiny made-up bank for scene tests: each clip is a tone of its own that begins at full strength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tiny.sounds.bank import BANK_RATE, SPLITS, Kind

EVENTS = ("hammer", "ball_bounce", "dog_bark", "glass_break", "splash", "footstep", "piano")
LASTING = ("rain", "car_engine", "motor")


@dataclass(frozen=True)
class FakeClip:
    """As much of a bank's clip as scenes use."""

    kind: str
    split: str
    mode: str
    wave: np.ndarray


class FakeBank:
    """Seven kinds of events, three that last, two clips of each; `asked` remembers every request."""

    def __init__(self) -> None:
        self.kinds = {
            name: Kind(
                name,
                "event" if name in EVENTS else "ambience",
                tuple(text.format(name.replace("_", " ")) for text in ("a {} sounds", "the {}", "{} heard")),
                (f"{name} thing", f"{name} maker") if name != "splash" else (),
            )
            for name in (*EVENTS, *LASTING)
        }
        self.sample_rate = BANK_RATE
        self.asked: list[tuple[str, str, str | None]] = []

    def clips(self, kind: str, split: str, mode: str | None = None) -> list[FakeClip]:
        """Two clips: events of 0.15 s, lasting ones of 1 s."""
        self.asked.append((kind, split, mode))
        own = self.kinds[kind].mode
        if mode not in (None, own):
            return []
        first = 200.0 + 97.0 * list(self.kinds).index(kind) + 31.0 * SPLITS.index(split)
        return [FakeClip(kind, split, own, _wave(own, first + 11.0 * i)) for i in range(2)]


def _wave(mode: str, frequency: float) -> np.ndarray:
    t = np.arange(int(BANK_RATE * (0.15 if mode == "event" else 1.0))) / BANK_RATE
    tone = np.sin(2 * np.pi * frequency * t + 0.5 * np.pi)
    wave = 0.7 * tone * np.exp(-t / 0.03) if mode == "event" else 0.14 * tone
    return wave.astype(np.float32)
