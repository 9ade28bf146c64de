"""The sound that came out: one take as samples, with all that is known of it.

Knows media (to write files) and nothing of networks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundvcm import media
from soundvcm.errors import NonFiniteError

Wave = NDArray[np.float32]


@dataclass(frozen=True)
class Audio:
    """One take.

    Attributes:
        wave: float32 [channels, samples].
        sample_rate: samples a second.
        seed: the seed that makes exactly this take again.
        seconds: exact length.
        settings: model, prompt, steps and the rest, as written into the file's metadata.
        timings: seconds spent in each phase.
        warnings: sentences for the user.
        calls: network calls that were made.
        credits: reference recordings in the sound, one line each: what, by whom, under which licence.
    """

    wave: Wave
    sample_rate: int
    seed: int
    seconds: Fraction
    settings: dict[str, str] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    calls: int = 0
    credits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse_non_finite(self.wave)

    @property
    def metadata(self) -> dict[str, str]:
        """Tags for the written file: how to make this sound again."""
        credits = {"credits": "; ".join(self.credits)} if self.credits else {}
        return {**self.settings, "seed": str(self.seed), **credits}

    @property
    def peak(self) -> float:
        """Largest absolute sample."""
        return float(np.abs(self.wave).max(initial=0.0))

    def save(self, path: str | Path, **options: Any) -> media.SoundReport:
        """Write a sound file; the suffix decides the format (wav, flac, ogg, ...).

        Args:
            path: where; an existing file is replaced only when the new one is complete.
            options: of `media.save_sound`: levels, encoding, sample rate, channels.

        Returns:
            What was written, with remarks on its level.

        Raises:
            MediaError: if the file cannot be written.
        """
        return media.save_sound(path, self.wave, self.sample_rate, tags=self.metadata, **options)

    def mux(self, video: str | Path, output: str | Path, **options: Any) -> media.MuxReport:
        """Write the video with this sound: picture packets are copied, not re-encoded.

        Args:
            video: the clip the sound was made for.
            output: where; never the input itself.
            options: of `media.mux`: existing sound, levels, range.

        Returns:
            What was written, with remarks.

        Raises:
            MediaError: if the video cannot be read or the result not written.
        """
        return media.mux(video, self.wave, self.sample_rate, output, tags=self.metadata, **options)


def refuse_non_finite(wave: Wave) -> None:
    """Raise if any sample is NaN or infinite (case 23).

    Raises:
        NonFiniteError: naming the first such sample.
    """
    bad = ~np.isfinite(wave)
    if bad.any():
        sample = int(np.argmax(bad.any(axis=0)))
        raise NonFiniteError(f"model produced non-finite values at sample {sample}: nothing was written")
