"""From options to written files: the one function that the command line, batch runs, page and Python share.

    GenerateOptions => encode the clip once, make each take, write => GenerateResult

Long clips go to disk window by window, so that memory does not grow with their length. Prints nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from soundvcm import media, runtime
from soundvcm.generate.audio import Audio, Wave
from soundvcm.generate.clip_encoder import ClipFeatures, asked_range
from soundvcm.generate.options import GenerateOptions, plan_outputs, settled
from soundvcm.generate.pipeline import Pipeline
from soundvcm.generate.progress import LONG_PHASES, Progress, silent_progress, timed
from soundvcm.generate.segmented import SegmentNotes, stream_segments

TakeFunction = Callable[..., Audio]


@dataclass
class GenerateResult:
    """What came of the options.

    Attributes:
        outputs: files written, a take each.
        seeds: of the takes.
        seconds: exact length as a fraction and as a number.
        timings: seconds by phase.
        calls: network calls.
        warnings: sentences for the user.
        credits: reference recordings in the takes, one line each.
        sounds: the takes themselves; of a long clip that was streamed, its first piece.
        streamed: whether the takes went to disk piece by piece.
    """

    outputs: list[Path] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    seconds: float = 0.0
    length: str = "0"
    timings: dict[str, float] = field(default_factory=dict)
    calls: int = 0
    peak_dbfs: float = 0.0
    warnings: list[str] = field(default_factory=list)
    credits: list[str] = field(default_factory=list)
    sounds: list[Audio] = field(default_factory=list)
    streamed: bool = False

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
            "credits": self.credits,
        }


def render(
    pipeline: Pipeline,
    options: GenerateOptions,
    progress: Progress = silent_progress,
    features: ClipFeatures | None = None,
    check: Callable[[], None] = lambda: None,
    take: TakeFunction | None = None,
    *,
    overwrite: bool = False,
) -> GenerateResult:
    """Make and write the takes; every file is complete or absent.

        soundvcm.render(soundvcm.load("tiny"), GenerateOptions(video=Path("film.mp4"), prompt="rain"))

    Args:
        pipeline: the loaded system.
        options: what is asked for.
        progress: called with (phase, share done).
        features: features from an earlier run on the same clip and range.
        check: called between phases; raises to cancel.
        take: makes a take in place of `pipeline.take`: one that was made in a batch with others.
        overwrite: replace files that soundvcm did not make; without it they are refused.

    Raises:
        InputError: for options that make no sense and files that cannot be read or written.
        NonFiniteError: if the network produced NaN or infinity.
    """
    check_options(pipeline, options)
    outputs = plan_outputs(options, overwrite=overwrite)
    if options.video is None:
        return _work(pipeline, options, outputs, progress, features, check, take or pipeline.take)
    with media.as_file(options.video) as video:
        here = replace(options, video=video)
        outputs = settled(here, outputs, overwrite=overwrite)
        return _work(pipeline, here, outputs, progress, features, check, take or pipeline.take)


def _work(
    pipeline: Pipeline,
    options: GenerateOptions,
    outputs: list[Path],
    progress: Progress,
    features: ClipFeatures | None,
    check: Callable[[], None],
    take: TakeFunction,
) -> GenerateResult:
    first = runtime.pick_seed(options.seed)
    result = GenerateResult()
    if options.segments:
        start, end = asked_range(options.video, options)
        features = ClipFeatures(pipeline.clip_encoder.timeline.at(end - start))
        take = segmented(pipeline)
    if features is None:
        features = pipeline.encode_clip(
            options.video, start=options.start, duration=options.duration, progress=progress
        )
    result.streamed = streams(options, features, pipeline.clip_encoder.longest)
    for number, output in enumerate(outputs):
        check()
        told = _progress_of_take(progress, number, len(outputs))
        if result.streamed:
            timings: dict[str, float] = {}
            sound, written, messages, peak = _write_long(
                pipeline, options, features, output, first + number, timings, told, check
            )
            seconds = 0.0
        else:
            sound = take(features, options, seed=first + number, progress=told)
            check()
            began = time.perf_counter()
            progress("write", 0.0)
            written, messages = write(options, sound, output)
            peak = sound.peak
            progress("write", 1.0)
            seconds = time.perf_counter() - began
        result.peak_dbfs = media.decibels(peak)
        _note(result, features, sound, written, messages, seconds, number)
    result.calls = pipeline.calls(options) * max(1, len(features.parts)) * options.takes
    if options.segments:
        result.calls = sum(sound.calls for sound in result.sounds)
    return result


def segmented(pipeline: Pipeline) -> TakeFunction:
    """Takes of segments, in place of takes of the whole clip."""

    def take(_: ClipFeatures, options: GenerateOptions, *, seed: int, progress: Progress) -> Audio:
        return pipeline.take_segments(options.video, options, seed=seed, progress=progress)

    return take


def _progress_of_take(progress: Progress, take: int, takes: int) -> Progress:
    """Progress of one of several takes: the long phase of a long clip counts all of them."""

    def told(phase: str, share: float) -> None:
        progress(phase, (take + share) / takes if phase in LONG_PHASES else share)

    return told


def streams(options: GenerateOptions, features: ClipFeatures, longest: Fraction) -> bool:
    """Long clips go to disk piece by piece; a wanted loudness needs the whole sound first."""
    long = bool(features.parts) or bool(options.segments) and features.timeline.seconds > longest
    return long and options.loudness is None


def _write_long(
    pipeline: Pipeline,
    options: GenerateOptions,
    features: ClipFeatures,
    output: Path,
    seed: int,
    timings: dict[str, float],
    progress: Progress,
    check: Callable[[], None],
) -> tuple[Audio, Path, list[str], float]:
    """Make and write a long clip piece by piece, so that memory does not grow with its length.

    Returns:
        Its first piece (for who listens to it), the file, what the user should know, and the largest sample.
    """
    factor = np.float32(10 ** (options.gain / 20))
    tags = {**pipeline.tags(options), "seed": str(seed)}
    writer = _streaming_writer(options, output, pipeline.sample_rate, tags, features.timeline.seconds)
    head: list[Wave] = []
    notes = SegmentNotes(timings)
    if options.segments:
        pieces = stream_segments(pipeline, options.video, options, notes, seed=seed, progress=progress)
    else:
        pieces = pipeline.stream(
            features, options, seed=seed, timings=timings, progress=progress, credits=notes.credits
        )
        notes.warnings += [*features.warnings, *pipeline.remarks(options)]
    peak = 0.0
    with writer:
        for piece in pieces:
            check()
            head = head or [piece]
            peak = max(peak, float(np.abs(piece).max()))
            with timed(timings, "write", silent_progress):
                writer.append(piece * factor)
        with timed(timings, "write", silent_progress):
            report = writer.finish()
    timings = {**features.timings, **timings}
    rate, length = pipeline.sample_rate, features.timeline.seconds
    told: tuple[Any, ...] = (timings, tuple(notes.warnings), notes.calls, tuple(notes.credits))
    sound = Audio(head[0], rate, seed, length, pipeline.tags(options), *told)
    quiet = media.quiet_message(peak)
    return sound, report.path, [*([quiet] if quiet else []), *report.messages], peak


def _streaming_writer(
    options: GenerateOptions, output: Path, rate: int, tags: dict[str, str], seconds: Fraction | None = None
) -> media.MuxWriter | media.SoundWriter:
    """What takes the pieces of a long clip: a video with its pictures, or a sound file."""
    channels = options.channels or 1
    if options.sound_only:
        never = options.video
        more: dict[str, Any] = {"to_rate": options.sample_rate, "tags": tags, "never": never}
        return media.SoundWriter(output, rate, channels, seconds=seconds, **more)
    settings = media.MuxSettings(tags=tags, **options.muxing)
    span: dict[str, Any] = {"start": options.start, "seconds": options.duration}
    return media.MuxWriter(options.video, output, rate, channels, settings=settings, **span)


def check_options(pipeline: Pipeline, options: GenerateOptions) -> None:
    """Refuse what cannot be done before any work is done.

    Raises:
        OptionError: naming the option.
    """
    options.check()
    pipeline.check(options)


def write(options: GenerateOptions, sound: Audio, output: Path) -> tuple[Path, list[str]]:
    """Write one take as sound or video; returns the file (its suffix may have had to change) and remarks.

    Raises:
        MediaError: if it cannot be written; nothing is left behind.
    """
    levels, channels = options.levels, options.channels
    if options.sound_only:
        rate, never = options.sample_rate, options.video
        saved = sound.save(output, levels=levels, to_rate=rate, channels=channels, never=never)
        return saved.path, list(saved.messages)
    assert options.video is not None
    span = {"start": options.start, "seconds": options.duration}
    muxed = sound.mux(options.video, output, levels=levels, channels=channels, **span, **options.muxing)
    return muxed.path, list(muxed.messages)


def _note(
    result: GenerateResult,
    features: ClipFeatures,
    sound: Audio,
    output: Path,
    messages: list[str],
    seconds: float,
    take: int,
) -> None:
    result.outputs.append(output)
    result.seeds.append(sound.seed)
    result.sounds.append(sound)
    result.seconds, result.length = float(features.timeline.seconds), str(features.timeline.seconds)
    watching = ("decode", "encode")
    for name, value in sound.timings.items():
        if take == 0 or name not in watching:
            result.timings[name] = result.timings.get(name, 0.0) + value
    result.timings["write"] = result.timings.get("write", 0.0) + seconds
    result.credits += [line for line in sound.credits if line not in result.credits]
    for line in (*sound.warnings, *messages):
        if line not in result.warnings:
            result.warnings.append(line)
