"""One piece of work from request to written files: what the command line, batch runs and the web page share.

    Request => watch once, make each take, write => Outcome

Long films go to disk piece by piece. Knows the pipeline and media; prints nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from soundvcm import media, runtime
from soundvcm.errors import OptionError
from soundvcm.generate.audio import Sound, Watched, Wave
from soundvcm.generate.clip_encoder import timed
from soundvcm.generate.options import Request
from soundvcm.generate.pipeline import Pipeline
from soundvcm.generate.progress import LONG_PHASES, Progress, silent_progress

Make = Callable[..., Sound]


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
        sounds: the takes themselves; of a film that was streamed, its first piece.
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
    make: Make | None = None,
) -> Outcome:
    """Do the work; every file is complete or absent.

    Args:
        pipeline: the loaded system.
        request: what is asked for.
        progress: called with (phase, share done).
        watched: features from an earlier run on the same clip and range.
        check: called between phases; raises to cancel.
        make: gives a take in place of `pipeline.make`: one that was made in a batch with others.

    Raises:
        InputError: for requests that make no sense and files that cannot be read or written.
        NonFiniteError: if the network produced NaN or infinity.
    """
    check_request(pipeline, request)
    outputs = plan_outputs(pipeline, request)
    if request.video is None:
        return _work(pipeline, request, outputs, progress, watched, check, make or pipeline.make)
    with media.as_file(request.video) as video:
        here = replace(request, video=video)
        return _work(pipeline, here, outputs, progress, watched, check, make or pipeline.make)


def _work(
    pipeline: Pipeline,
    request: Request,
    outputs: list[Path],
    progress: Progress,
    watched: Watched | None,
    check: Callable[[], None],
    make: Make,
) -> Outcome:
    first = runtime.pick_seed(request.seed)
    outcome = Outcome()
    if watched is None:
        watched = pipeline.watch(
            request.video, start=request.start, seconds=request.duration, progress=progress
        )
    for take, output in enumerate(outputs):
        check()
        told = of_takes(progress, take, len(outputs))
        if streams(request, watched):
            timings: dict[str, float] = {}
            sound, written, messages, peak = write_film(
                pipeline, request, watched, output, first + take, timings, told, check
            )
            seconds = 0.0
        else:
            sound = make(watched, request.ask, seed=first + take, progress=told)
            check()
            began = time.perf_counter()
            progress("write", 0.0)
            written, messages = write(request, sound, output)
            peak = sound.peak
            progress("write", 1.0)
            seconds = time.perf_counter() - began
        outcome.peak_dbfs = media.decibels(peak)
        _note(outcome, watched, sound, written, messages, seconds, take)
    outcome.calls = pipeline.calls(request.ask) * max(1, len(watched.parts)) * request.takes
    return outcome


def of_takes(progress: Progress, take: int, takes: int) -> Progress:
    """Progress of one of several takes: the long phase of a film counts all of them."""

    def told(phase: str, share: float) -> None:
        progress(phase, (take + share) / takes if phase in LONG_PHASES else share)

    return told


def streams(request: Request, watched: Watched) -> bool:
    """Films go to disk piece by piece; a wanted loudness needs the whole sound first."""
    return bool(watched.parts) and request.loudness is None


def write_film(
    pipeline: Pipeline,
    request: Request,
    watched: Watched,
    output: Path,
    seed: int,
    timings: dict[str, float],
    progress: Progress,
    check: Callable[[], None],
) -> tuple[Sound, Path, list[str], float]:
    """Make and write a long film piece by piece, so that memory does not grow with its length.

    Returns:
        Its first piece (for who listens to it), the file, what the user should know, and the largest sample.
    """
    factor = np.float32(10 ** (request.gain / 20))
    tags = {**pipeline.tags(request.ask), "seed": str(seed)}
    writer = film_writer(request, output, pipeline.sample_rate, tags)
    head: list[Wave] = []
    peak = 0.0
    with writer:
        for piece in pipeline.pieces(watched, request.ask, seed=seed, timings=timings, progress=progress):
            check()
            head = head or [piece]
            peak = max(peak, float(np.abs(piece).max()))
            with timed(timings, "write", silent_progress):
                writer.append(piece * factor)
        with timed(timings, "write", silent_progress):
            report = writer.finish()
    timings = {**watched.timings, **timings}
    warnings = watched.warnings + tuple(pipeline.text.warnings(request.prompt))
    rate, length = pipeline.sample_rate, watched.timeline.seconds
    sound = Sound(head[0], rate, seed, length, pipeline.tags(request.ask), timings, warnings)
    quiet = media.quiet_message(peak)
    return sound, report.path, [*([quiet] if quiet else []), *report.messages], peak


def film_writer(
    request: Request, output: Path, rate: int, tags: dict[str, str]
) -> media.MuxWriter | media.SoundWriter:
    """What takes the pieces of a film: a video with its pictures, or a sound file."""
    channels = request.channels or 1
    if request.video is None or request.audio_only:
        never = request.video
        return media.SoundWriter(output, rate, channels, to_rate=request.sample_rate, tags=tags, never=never)
    settings = media.MuxSettings(tags=tags, **request.muxing)
    span: dict[str, Any] = {"start": request.start, "seconds": request.duration}
    return media.MuxWriter(request.video, output, rate, channels, settings=settings, **span)


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
    if request.video is not None and media.is_pipe(request.video) and request.output is None:
        raise OptionError(f"{media.pipe_name(request.video)}: say where to write: add --output FILE")
    if request.seed > runtime.MAX_SEED - request.takes:
        raise OptionError(f"seed {request.seed} is out of range: use -1 (random) or 0 .. 2**63 - 1")


def plan_outputs(pipeline: Pipeline, request: Request) -> list[Path]:
    """The files the takes will be written to; checked before the work (case 17).

    Raises:
        MediaError: if an output is the input itself.
    """
    suffix = ".wav" if request.audio_only or request.video is None else None
    return media.output_paths(
        None if request.video is None else media.pipe_name(request.video),
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
    levels, channels = request.levels, request.channels
    if request.audio_only or request.video is None:
        rate, never = request.sample_rate, request.video
        saved = sound.save(output, levels=levels, to_rate=rate, channels=channels, never=never)
        return saved.path, list(saved.messages)
    span = {"start": request.start, "seconds": request.duration}
    muxed = sound.mux(request.video, output, levels=levels, channels=channels, **span, **request.muxing)
    return muxed.path, list(muxed.messages)


def _note(
    outcome: Outcome,
    watched: Watched,
    sound: Sound,
    output: Path,
    messages: list[str],
    seconds: float,
    take: int,
) -> None:
    outcome.outputs.append(output)
    outcome.seeds.append(sound.seed)
    outcome.sounds.append(sound)
    outcome.seconds, outcome.length = float(watched.timeline.seconds), str(watched.timeline.seconds)
    watching = ("decode", "encode")
    for name, value in sound.timings.items():
        if take == 0 or name not in watching:
            outcome.timings[name] = outcome.timings.get(name, 0.0) + value
    outcome.timings["write"] = outcome.timings.get("write", 0.0) + seconds
    for line in (*sound.warnings, *messages):
        if line not in outcome.warnings:
            outcome.warnings.append(line)
