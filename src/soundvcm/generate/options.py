"""What can be asked of soundvcm: one class, from which every door takes names and defaults of its options.

The command line, `Pipeline.generate`, `render`, the page, the HTTP service and the ComfyUI nodes read them
here (case 27); what a system cannot act on is refused, and the files to be written are named and checked,
before any work. Loads neither torch nor av.
"""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from soundvcm import media
from soundvcm.errors import OptionError, nearest
from soundvcm.generate.segments import segments_of
from soundvcm.timeline import exact_seconds

Existing = Literal["replace", "mix", "keep"]
MAX_TAKES = 100
MAX_SEED = 2**63 - 1  # as in `runtime`, which loads torch
Renderer = Literal["auto", "network", "bank"]
#: options that say how files are written: `render` uses them, a take in memory has none
FILE_OPTIONS = frozenset(
    "output takes audio_only existing_audio gain loudness sample_rate stereo exact_cut".split()
)
#: the spelling of Python's keywords before 30 November 2026 => today's
RENAMED = {"steps": "num_steps", "seconds": "duration"}


@dataclass(frozen=True)
class GenerateOptions:
    """What is asked for; the defaults of every door.

    Attributes:
        video: the clip; None for sound from a prompt alone.
        prompt: what should be heard; "" to go by the picture alone.
        negative_prompt: what should not be heard, where the system can act on it.
        duration: length to use, seconds or MM:SS; None for the whole clip. Needed without a video.
        start: where in the clip to begin, seconds, MM:SS or HH:MM:SS.
        num_steps: network calls; None for the system's default (1 for tiny).
        seed: of the first take; -1 picks one.
        takes: how many takes, with seeds counting up; the clip is encoded once.
        cfg_strength: guidance scale, where the system has that knob.
        ignore_pictures: use motion and the prompt only, not what the pictures show.
        kind: (tiny) take the reference sounds of this kind, such as "rain", whatever the prompt names.
        like: (tiny) a recording of yours: the sound is made from it, at the moments of the clip.
        renderer: (tiny) "network": the network's own sound; "bank": reference recordings at the network's
            moments; "auto": the bank where a kind it has is meant, else the network.
        output: file to write (or folder); None puts it beside the clip. A sound's suffix (.wav, .flac, .mp3,
            .ogg, .opus, .m4a) means a sound file, a video's a video.
        audio_only: write a sound file instead of a video, also without such a suffix.
        existing_audio: what becomes of sound the clip already has.
        gain: dB added to the new sound.
        loudness: LUFS to bring it to (BS.1770); None leaves the level alone.
        sample_rate: of the written sound; None keeps the system's.
        stereo: write two identical channels.
        exact_cut: cut a part of a video exactly, which encodes the picture again.
        segments: parts of the clip with prompts of their own: a table (CSV: start,end,prompt,gain,mute,seed),
            in Python also a list of the same; joined without a click, silent where there is none.
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
    kind: str | None = None
    like: Path | None = None
    renderer: Renderer = "auto"
    output: Path | None = None
    audio_only: bool = False
    existing_audio: Existing = "replace"
    gain: float = 0.0
    loudness: float | None = None
    sample_rate: int | None = None
    stereo: bool = False
    exact_cut: bool = False
    segments: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", segments_of(self.segments))

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> GenerateOptions:
        """Options by name; names of the version before are accepted with a warning.

        Raises:
            OptionError: for an unknown name, with the nearest one.
        """
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name in RENAMED:
                told = f"{name} is called {RENAMED[name]} now; the old name goes with the next version"
                warnings.warn(told, DeprecationWarning, stacklevel=3)
                name = RENAMED[name]
            if name not in known:
                raise OptionError(f"no option {name!r}{nearest(name, known)}")
            exact = name in ("duration", "start") and value is not None
            values[name] = str(value) if exact else value
        return cls(**values)

    def check(self) -> None:
        """Refuse what no system could do, before anything heavy is loaded.

        Raises:
            OptionError, InputError: naming the option.
        """
        if not 1 <= self.takes <= MAX_TAKES:
            raise OptionError(f"takes must be 1 .. {MAX_TAKES}, not {self.takes}")
        if not -1 <= self.seed <= MAX_SEED - self.takes:
            raise OptionError(f"seed {self.seed} is out of range: use -1 (random) or 0 .. 2**63 - 1")
        if self.num_steps is not None and not 1 <= self.num_steps <= 1000:
            raise OptionError(f"num_steps must be 1 .. 1000, not {self.num_steps}")
        if exact_seconds(self.start) < 0:
            raise OptionError(f"start is 0 or later, not {self.start}")
        if self.duration is not None and exact_seconds(self.duration) <= 0:
            raise OptionError(f"duration is more than 0 seconds, not {self.duration}")
        if self.video is None and not self.prompt.strip():
            raise OptionError("nothing to make a sound for: give a video, or --prompt and --duration")
        if self.video is None and self.duration is None:
            raise OptionError("without a video the length must be given: add --duration SECONDS")

    @property
    def sound_only(self) -> bool:
        """A sound file is written: asked for, or said by the output's suffix, or there is no video."""
        named = self.output is not None and self.output.suffix.lower() in media.SOUND_OUTPUTS
        return self.video is None or self.audio_only or named

    @property
    def levels(self) -> media.Levels:
        """How loud the written sound is: only what clips is scaled down, unless a loudness is asked for."""
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

    @property
    def tags(self) -> dict[str, str]:
        """What was asked of the take, for the file's metadata."""
        tags = {"prompt": self.prompt.strip()}
        if self.cfg_strength is not None:
            tags["cfg_strength"] = f"{self.cfg_strength:g}"
        if self.negative_prompt:
            tags["negative_prompt"] = self.negative_prompt
        if self.ignore_pictures:
            tags["ignore_pictures"] = "true"
        if self.segments:
            tags["segments"] = json.dumps([vars(one) for one in self.segments])
        if self.kind:
            tags["kind"] = self.kind
        if self.like is not None:
            tags["like"] = Path(self.like).name
        if self.renderer != "auto":
            tags["renderer"] = self.renderer
        return tags


DEFAULTS = GenerateOptions()


def explained(options: type = GenerateOptions) -> dict[str, str]:
    """What each option means, by name: the "Attributes:" of a class of options, for the help of doors."""
    told, name = (inspect.getdoc(options) or "").partition("Attributes:\n")[2].splitlines(), ""
    found: dict[str, str] = {}
    for line in told:
        if line.startswith("     "):
            found[name] += f" {line.strip()}"
        else:
            name, _, words = line.strip().partition(": ")
            found[name] = words
    return found


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

    def check(self, options: GenerateOptions, name: str, has_reference: bool) -> None:
        """Refuse options that the system has nothing to act on, in words, before any work is done (case 27).

        Args:
            options: what is asked.
            name: of the system, for messages.
            has_reference: whether it has reference sounds.

        Raises:
            OptionError: naming the option and what to do.
        """
        told = [name for name in ("kind", "like") if getattr(options, name) is not None]
        told += ["renderer"] if options.renderer == "bank" else []
        if told and not has_reference:
            raise OptionError(
                f"{told[0]} has nothing to act on: {name} has no reference sounds; leave it out"
            )
        if options.kind is not None and options.like is not None:
            raise OptionError("kind and like each say what to sound like: give one of them")
        if options.num_steps is not None and not 1 <= options.num_steps <= 1000:
            raise OptionError(f"num_steps must be 1 .. 1000, not {options.num_steps}")
        trained_in = f"has nothing to act on: guidance is trained into {name}"
        if options.cfg_strength is not None and self.guidance is None:
            raise OptionError(f"cfg_strength {trained_in}; leave it out")
        strength, least = self.strength(options), 0.0 if self.kind == "flow" else 0.01
        if strength is not None and not (isfinite(strength) and strength >= least):
            raise OptionError(f"cfg_strength is a number from {least:g} upwards, not {strength:g}")
        negative = (options.negative_prompt or "").strip()
        if negative and not self.negative_prompt:
            raise OptionError(f"negative_prompt {trained_in}; say in --prompt what should be heard")
        if negative and strength is not None and strength <= 1:
            raise OptionError(
                f"negative_prompt has nothing to act on with cfg_strength {strength:g}: set it above 1"
            )

    def strength(self, options: GenerateOptions) -> float | None:
        """The guidance scale that would be used; None without."""
        return self.guidance if options.cfg_strength is None else options.cfg_strength


def plan_outputs(options: GenerateOptions, *, overwrite: bool = True) -> list[Path]:
    """The files the takes are asked to be written to.

    Args:
        options: what is asked for.
        overwrite: False refuses a file that is there and that soundvcm did not make.

    Raises:
        MediaError: if one cannot or must not be written (case 17).
        OptionError: if it is no kind of file that is written.
    """
    video = options.video
    if video is not None and media.is_pipe(video):
        video = media.pipe_name(video)
        if options.output is None:
            raise OptionError(f"{video}: say where to write: add --output FILE")
    sound = options.sound_only
    found = media.output_paths(
        video,
        options.output,
        prompt=options.prompt,
        seed=options.seed,
        suffix=".wav" if sound else None,
        takes=options.takes,
    )
    for path in found:
        check = media.check_sound_target if sound else media.check_video_target
        check(path, never=video, overwrite=overwrite)
    return found


def settled(options: GenerateOptions, outputs: list[Path], *, overwrite: bool = True) -> list[Path]:
    """The files that will really be written: where the asked kind cannot hold the pictures, another is.

    Args:
        options: with the clip as a file that can be read more than once.
        outputs: from `plan_outputs`.
        overwrite: as for `plan_outputs`.

    Raises:
        MediaError: if the clip cannot be read, or a file cannot or must not be written.
        OptionError: if a kind of file cannot hold what is asked for.
    """
    if options.sound_only or options.video is None:
        return outputs
    never, muxing = options.video, options.muxing
    return [
        media.settle_output(options.video, path, overwrite=overwrite, never=never, **muxing)
        for path in outputs
    ]
