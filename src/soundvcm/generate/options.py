"""What can be asked of soundvcm and its defaults, in one table for command line, Python and page (case 27).

Knows the asked-for values only; `job` does the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from soundvcm import media
from soundvcm.generate.audio import Ask

Existing = Literal["replace", "mix", "keep"]


@dataclass(frozen=True)
class Request:
    """What is asked for; the defaults of every door.

    Attributes:
        video: the clip; None for sound from words alone.
        prompt: what should be heard; "" for the picture alone.
        negative_prompt: what should not be heard, where the system can act on it.
        duration: seconds; None for the whole clip.
        start: first second of the clip.
        num_steps: network calls; None for the system's default.
        seed: of the first take; -1 picks one.
        takes: how many, with seeds counting up.
        cfg_strength: guidance, where the system has that knob.
        ignore_pictures: use movement and words only, not what the pictures show.
        output: file to write (or folder); None puts it beside the clip.
        audio_only: write a sound file instead of a video.
        existing_audio: what becomes of sound the clip already has.
        gain: dB added to the new sound.
        loudness: LUFS to bring it to (BS.1770); None leaves the level alone.
        sample_rate: of the written sound; None keeps the system's.
        stereo: write two identical channels.
        exact_cut: cut a part of a video exactly, which encodes the picture again.
    """

    video: Path | None = None
    prompt: str = ""
    negative_prompt: str | None = None
    duration: str | None = None
    start: str = "0"
    num_steps: int | None = None
    seed: int = -1
    takes: int = 1
    cfg_strength: float | None = None
    ignore_pictures: bool = False
    output: Path | None = None
    audio_only: bool = False
    existing_audio: Existing = "replace"
    gain: float = 0.0
    loudness: float | None = None
    sample_rate: int | None = None
    stereo: bool = False
    exact_cut: bool = False

    @property
    def ask(self) -> Ask:
        """The part that concerns the take itself."""
        return Ask(self.prompt, self.negative_prompt, self.num_steps, self.cfg_strength, self.ignore_pictures)

    @property
    def levels(self) -> media.Levels:
        """Only what clips is scaled down, unless a loudness is asked for."""
        if self.loudness is None:
            return media.Levels(gain=self.gain)
        return media.Levels(mode="loudness", target=self.loudness, gain=self.gain)

    @property
    def channels(self) -> int | None:
        """Channels to write; None keeps those of the sound."""
        return 2 if self.stereo else None

    @property
    def muxing(self) -> dict[str, Any]:
        """How a video is written, as `media.MuxSettings` takes it."""
        cut = "exact" if self.exact_cut else "packets"
        return {"existing": self.existing_audio, "to_rate": self.sample_rate, "cut": cut}


DEFAULTS = Request()
