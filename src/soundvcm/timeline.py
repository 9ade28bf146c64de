"""Every length and rate of one clip, from its exact duration: samples, latents, semantic and sync frames;
what pictures an encoder wants.

Rational arithmetic throughout, so that 8 s at 24000/1001 frames a second means one thing only (cases 01, 09).
Knows no tensors, no files and no global state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Literal

from soundvcm.errors import InputError

Seconds = Fraction | int | float | str
_CLOCK = re.compile(r"-?(\d+:[0-5]?\d|\d+):[0-5]?\d(\.\d*)?")
#: a few letters that would be a number of millions of digits
_HUGE = re.compile(r"[eE][+-]?_*0*_*[0-9_]{3,}")


def exact_seconds(value: Seconds) -> Fraction:
    """The duration as a fraction; floats are read as the decimal number a person would write (0.1 is 1/10).

    Texts may also be MM:SS or HH:MM:SS, with a decimal part: "1:30" is 90, "00:01:02.5" is 62.5.

    Raises:
        InputError: if the value is not a finite number, or minutes or seconds after a colon reach 60.
    """
    if isinstance(value, Fraction):
        return value
    text = str(value).strip()
    try:
        if _HUGE.search(text):
            raise ValueError
        if not _CLOCK.fullmatch(text):
            return Fraction(text)
        whole = Fraction(0)
        for part in text.removeprefix("-").split(":"):
            whole = 60 * whole + Fraction(part)
        return -whole if text.startswith("-") else whole
    except (ValueError, ZeroDivisionError):
        raise InputError(f"not a duration: {value!r} (seconds, MM:SS or HH:MM:SS)") from None


@dataclass(frozen=True)
class FrameSpec:
    """The pictures an encoder wants: how many a second, how large, how fitted.

    Attributes:
        rate: pictures a second.
        height: rows; None keeps the source's.
        width: columns; None keeps the source's.
        fit: "stretch" ignores the aspect ratio; "cover" scales the shorter side and crops the centre.
        exact: True resizes as torchvision-trained encoders expect (bicubic, antialias, uint8); False may use
            the decoder's own scaler while decoding (4 x less memory).
        every: the encoder looks at pictures 0, every, 2 every ... only: the reader may repeat these in place
            of the others, which are then not scaled.
    """

    rate: Fraction
    height: int | None
    width: int | None
    fit: Literal["stretch", "cover"] = "stretch"
    exact: bool = False
    every: int = 1


@dataclass(frozen=True)
class Timeline:
    """The lengths that belong to one duration under one system's rates.

    Attributes:
        seconds: exact duration of the clip.
        sample_rate: samples a second of the sound.
        latent_hop: samples one latent stands for (mel hop x 2 in the paper's codecs).
        semantic_rate: pictures a second for the semantic encoder.
        sync_rate: pictures a second for the sync encoder.
        segment_frames: sync frames in one segment; 1 means the encoder gives one token a frame.
        segment_hop: sync frames between the starts of two segments.
        segment_tokens: sync tokens one segment yields.
    """

    seconds: Fraction
    sample_rate: int = 16_000
    latent_hop: int = 512
    semantic_rate: Fraction = Fraction(8)
    sync_rate: Fraction = Fraction(25)
    segment_frames: int = 16
    segment_hop: int = 8
    segment_tokens: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", exact_seconds(self.seconds))
        object.__setattr__(self, "semantic_rate", Fraction(self.semantic_rate))
        object.__setattr__(self, "sync_rate", Fraction(self.sync_rate))
        if self.seconds <= 0:
            raise InputError(f"a clip lasts more than 0 seconds, not {float(self.seconds):g}")
        if self.segment_frames < 1 or self.segment_hop < 1 or self.segment_tokens < 1:
            raise InputError("segment_frames, segment_hop and segment_tokens are at least 1")

    def at(self, seconds: Seconds) -> Timeline:
        """The same rates for another duration."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Timeline(**{**fields, "seconds": exact_seconds(seconds)})

    @property
    def samples(self) -> int:
        """Samples of sound written for this duration (nearest whole sample, at least one)."""
        return max(1, floor(self.seconds * self.sample_rate + Fraction(1, 2)))

    @property
    def latent_rate(self) -> Fraction:
        """Latents a second."""
        return Fraction(self.sample_rate, self.latent_hop)

    @property
    def latents(self) -> int:
        """Latents that cover all samples: ceil(seconds x sample_rate / latent_hop) (as in MMAudio)."""
        return max(1, ceil(self.seconds * self.sample_rate / self.latent_hop))

    @property
    def semantic_frames(self) -> int:
        """Pictures for the semantic encoder: floor(rate x seconds), at least one (case 09)."""
        return max(1, floor(self.seconds * self.semantic_rate))

    @property
    def sync_frames(self) -> int:
        """Pictures for the sync encoder: floor(rate x seconds), at least one."""
        return max(1, floor(self.seconds * self.sync_rate))

    @property
    def whole_segments(self) -> int:
        """Segments that the clip fills by itself; 0 for clips shorter than one segment (case 09)."""
        if self.sync_frames < self.segment_frames:
            return 0
        return (self.sync_frames - self.segment_frames) // self.segment_hop + 1

    @property
    def sync_segments(self) -> int:
        """Segments encoded: a clip shorter than one has its last picture repeated to fill one."""
        return max(1, self.whole_segments)

    @property
    def sync_tokens(self) -> int:
        """Tokens of the sync stream."""
        return self.sync_segments * self.segment_tokens
