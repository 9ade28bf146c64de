"""One piece of work from request to written files: what the command line, batch runs and the web page share.

    Request => watch once, make each take, write => Outcome

Defaults live here and nowhere else (case 27: a test reads command line, Python and page). Knows the pipeline
and media; prints nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from soundvcm import media, runtime
from soundvcm.errors import OptionError
from soundvcm.pipeline import Pipeline
from soundvcm.sound import Ask, Progress, Sound, Watched
from soundvcm.watching import silent_progress

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


DEFAULTS = Request()


@dataclass
class Outcome:
    """What came of a request.

    Attributes:
        outputs: files written, a take each.
        seeds: of the takes.
        seconds: exact length as a fraction and as a number.
        timings: seconds by phase.
        calls: network calls.
        warnings: sentences for the user.
        sounds: the takes themselves.
    """

    outputs: list[Path] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    seconds: float = 0.0
    length: str = "0"
    timings: dict[str, float] = field(default_factory=dict)
    calls: int = 0
    peak_dbfs: float = 0.0
    warnings: list[str] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For machines: everything but the samples."""
        return {
            "outputs": [str(path) for path in self.outputs],
            "seeds": self.seeds,
            "seconds": self.seconds,
            "length": self.length,
            "timings": {name: round(value, 4) for name, value in self.timings.items()},
            "network_calls": self.calls,
            "peak_dbfs": self.peak_dbfs,
            "warnings": self.warnings,
        }


def run(
    pipeline: Pipeline,
    request: Request,
    progress: Progress = silent_progress,
    watched: Watched | None = None,
    check: Callable[[], None] = lambda: None,
) -> Outcome:
    """Do the work; every file is complete or absent.

    Args:
        pipeline: the loaded system.
        request: what is asked for.
        progress: called with (phase, share done).
        watched: features from an earlier run on the same clip and range.
        check: called between phases; raises to cancel.

    Raises:
        InputError: for requests that make no sense and files that cannot be read or written.
        NonFiniteError: if the network produced NaN or infinity.
    """
    check_request(pipeline, request)
    outputs = plan_outputs(pipeline, request)
    first = runtime.pick_seed(request.seed)
    outcome = Outcome()
    if watched is None:
        watched = pipeline.watch(
            request.video, start=request.start, seconds=request.duration, progress=progress
        )
    for take, output in enumerate(outputs):
        check()
        sound = pipeline.make(watched, request.ask, seed=first + take, progress=progress)
        check()
        began = time.perf_counter()
        progress("write", 0.0)
        written, messages = write(request, sound, output)
        progress("write", 1.0)
        _note(outcome, sound, written, messages, time.perf_counter() - began, take)
    return outcome


def check_request(pipeline: Pipeline, request: Request) -> None:
    """Refuse what cannot be done before any work is done.

    Raises:
        OptionError: naming the option.
    """
    pipeline.check(request.ask)
    if not 1 <= request.takes <= 100:
        raise OptionError(f"takes must be 1 .. 100, not {request.takes}")
    if request.video is None and not request.prompt.strip():
        raise OptionError("nothing to make a sound for: give a video, or --prompt and --duration")
    if request.video is None and request.duration is None:
        raise OptionError("without a video the length must be given: add --duration SECONDS")
    if request.seed > runtime.MAX_SEED - request.takes:
        raise OptionError(f"seed {request.seed} is out of range: use -1 (random) or 0 .. 2**63 - 1")


def plan_outputs(pipeline: Pipeline, request: Request) -> list[Path]:
    """The files the takes will be written to; checked before the work (case 17).

    Raises:
        MediaError: if an output is the input itself.
    """
    suffix = ".wav" if request.audio_only or request.video is None else None
    return media.output_paths(
        request.video,
        request.output,
        prompt=request.prompt,
        seed=request.seed,
        suffix=suffix,
        takes=request.takes,
    )


def write(request: Request, sound: Sound, output: Path) -> tuple[Path, list[str]]:
    """Write one take as sound or video; returns the file (its suffix may have had to change) and remarks.

    Raises:
        MediaError: if it cannot be written; nothing is left behind.
    """
    levels = levels_of(request)
    channels = 2 if request.stereo else None
    if request.audio_only or request.video is None:
        report = sound.save(
            output, levels=levels, to_rate=request.sample_rate, channels=channels, never=request.video
        )
    else:
        report = sound.mux(
            request.video,
            output,
            levels=levels,
            to_rate=request.sample_rate,
            channels=channels,
            existing=request.existing_audio,
            start=request.start,
            seconds=request.duration,
            cut="exact" if request.exact_cut else "packets",
        )
    return report.path, list(report.messages)


def levels_of(request: Request) -> media.Levels:
    """The level settings of a request: only what clips is scaled down unless a loudness is asked for."""
    if request.loudness is None:
        return media.Levels(gain=request.gain)
    return media.Levels(mode="loudness", target=request.loudness, gain=request.gain)


def _note(
    outcome: Outcome, sound: Sound, output: Path, messages: list[str], seconds: float, take: int
) -> None:
    outcome.outputs.append(output)
    outcome.seeds.append(sound.seed)
    outcome.sounds.append(sound)
    outcome.seconds, outcome.length = float(sound.seconds), str(sound.seconds)
    outcome.calls += sound.calls
    outcome.peak_dbfs = media.decibels(sound.peak)
    watching = ("decode", "encode")
    for name, value in sound.timings.items():
        if take == 0 or name not in watching:
            outcome.timings[name] = outcome.timings.get(name, 0.0) + value
    outcome.timings["write"] = outcome.timings.get("write", 0.0) + seconds
    for line in (*sound.warnings, *messages):
        if line not in outcome.warnings:
            outcome.warnings.append(line)


def with_seed(request: Request, seed: int) -> Request:
    """The same request with another seed."""
    return replace(request, seed=seed)
