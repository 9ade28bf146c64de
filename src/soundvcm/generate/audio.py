"""The values around the pipeline: how a system samples, what was seen of a clip, the sound that came out.

Knows media (to write files) and nothing of networks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from soundvcm import media
from soundvcm.errors import NonFiniteError
from soundvcm.timeline import Timeline

Wave = NDArray[np.float32]


@dataclass(frozen=True)
class Sampling:
    """How a system turns noise into latents.

    Attributes:
        kind: "mean" follows the average velocity, one call a step; "flow" integrates the instantaneous one.
        steps: default number of steps.
        guidance: default guidance scale; None where guidance is trained in and cannot be changed.
        negative_prompt: whether a negative prompt has something to act on.
        temperature: the starting noise is multiplied by this; below 1 sounds are nearer to what the network
            is sure of, and takes differ less.
    """

    kind: Literal["mean", "flow"] = "mean"
    steps: int = 1
    guidance: float | None = None
    negative_prompt: bool = False
    temperature: float = 1.0


@dataclass(frozen=True)
class Ask:
    """What is wanted of a take, apart from the clip and the seed.

    Attributes:
        prompt: what should be heard; "" for the picture alone.
        negative_prompt: what should not be heard, where the system can act on it.
        steps: steps of the sampler; None for the system's own default.
        cfg_strength: guidance scale, where the system has that knob.
        ignore_pictures: use movement and words only, not what the pictures show.
    """

    prompt: str = ""
    negative_prompt: str | None = None
    steps: int | None = None
    cfg_strength: float | None = None
    ignore_pictures: bool = False

    def as_tags(self) -> dict[str, str]:
        """What was asked, for the file's metadata."""
        tags = {"prompt": self.prompt.strip()}
        if self.cfg_strength is not None:
            tags["cfg_strength"] = f"{self.cfg_strength:g}"
        if self.negative_prompt:
            tags["negative_prompt"] = self.negative_prompt
        if self.ignore_pictures:
            tags["ignore_pictures"] = "true"
        return tags


@dataclass(frozen=True)
class Watched:
    """What the pipeline saw of one clip; any number of takes can be made from it.

    Attributes:
        timeline: exact lengths.
        semantic: [f, p] or None where there is no picture.
        sync: [g, q] or None where there is no movement to see (no video, a still picture).
        warnings: what the reader found strange.
        facts: what the file is.
        timings: seconds spent decoding and encoding.
        parts: windows of a clip longer than the system takes at once; empty for the others.
        cuts: for the join before each further window: seconds into the overlap at which the shot changes.
    """

    timeline: Timeline
    semantic: Tensor | None = None
    sync: Tensor | None = None
    warnings: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    parts: tuple[Watched, ...] = ()
    cuts: tuple[Fraction | None, ...] = ()


@dataclass(frozen=True)
class Sound:
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
    """

    wave: Wave
    sample_rate: int
    seed: int
    seconds: Fraction
    settings: dict[str, str] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    calls: int = 0

    def __post_init__(self) -> None:
        refuse_non_finite(self.wave)

    @property
    def metadata(self) -> dict[str, str]:
        """Tags for the written file: how to make this sound again."""
        return {**self.settings, "seed": str(self.seed)}

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
