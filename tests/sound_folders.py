"""Small folders of sounds for the tests of the evaluation: bursts of noise over tones, made from a number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

Wave = np.ndarray


def bursts(number: int, rate: int = 16_000, seconds: float = 2.0, late: float = 0.0) -> Wave:
    """[samples] two decaying bursts whose times and colour follow from `number`, `late` seconds later."""
    rng = np.random.default_rng(number)
    time = np.arange(round(seconds * rate)) / rate
    wave = np.zeros(len(time))
    for start in (0.3 + 0.04 * (number % 5), 1.1 + 0.03 * (number % 7)):
        after = time - start - late
        tone = np.sin(2 * np.pi * (200 + 90 * number) * after) + 0.3 * rng.standard_normal(len(time))
        wave += np.where(after >= 0, np.exp(-np.maximum(after, 0) * 12) * tone, 0)
    return 0.3 * wave


def chirp(rate: int, seconds: float, channels: int = 1) -> Wave:
    """[samples] or [samples, channels] of a tone that pulses twice a second: the same at every rate."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * 440 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * time))
    return wave if channels == 1 else np.stack([wave] * channels, axis=1)


def save(path: Path, wave: Wave, rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, subtype="PCM_24" if path.suffix == ".wav" else None)
    return path


def folders(root: Path, count: int = 3, late: float = 0.02) -> tuple[Path, Path]:
    """(true sounds a0, a1, ..., the same `late` seconds later and with other noise)."""
    for number in range(count):
        save(root / "true" / f"a{number}.wav", bursts(number))
        save(root / "made" / f"a{number}.flac", bursts(number, late=late))
    return root / "true", root / "made"
