"""`soundvcm generate`: a clip (or several, a folder, a table) or a prompt in, soundtracks out.

One clip is done here; several are handed to `batch`. Knows the shared `job`, prints the summary.
"""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from soundvcm.cli.terminal import Phases, emit_json, in_words, note, say
from soundvcm.errors import OptionError
from soundvcm.systems.catalog import require

if TYPE_CHECKING:
    from soundvcm.generate.options import GenerateOptions
    from soundvcm.generate.pipeline import Pipeline
    from soundvcm.generate.render import GenerateResult

Videos = Annotated[tuple[Path, ...], tyro.conf.Positional]


def generate(
    videos: Videos = (),
    /,
    *,
    video: tuple[Path, ...] = (),
    prompt: str = "",
    negative_prompt: str | None = None,
    duration: str | None = None,
    start: str = "0",
    num_steps: int | None = None,
    seed: int = -1,
    takes: int = 1,
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    model: str = "tiny",
    device: str = "auto",
    dtype: str = "float32",
    compile: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    frame_reuse_threshold: Annotated[float, tyro.conf.arg(aliases=["--near_pictures"])] = 0.0,
    audio_only: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    cfg_strength: float | None = None,
    ignore_pictures: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    existing_audio: Literal["replace", "mix", "keep"] = "replace",
    gain: float = 0.0,
    loudness: float | None = None,
    sample_rate: int | None = None,
    stereo: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    exact_cut: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    skip_existing: bool = True,
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    ray: str | None = None,
    ray_workers: int = 0,
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> int:
    """Make a soundtrack: soundvcm generate clip.mp4 writes clip.sound.mp4 beside it.

    Several clips, a folder or a table (CSV, JSONL with video, prompt, seed) make a batch with a report.

    Args:
        videos: clips, folders or tables.
        video: the same, by name.
        prompt: what should be heard; leave it out to go by the picture alone.
        negative_prompt: what should not be heard (only where the model can act on it).
        duration: seconds to use; the whole clip if left out. Needed without a video.
        start: first second to use.
        num_steps: network calls; one is the default of tiny.
        seed: of the first take; -1 picks one and prints it.
        takes: how many takes, with seeds counting up; the clip is encoded once.
        output: file to write, or a folder for several.
        model: a name of: soundvcm models; or a network file (from train, average or adopt).
        device: auto, cpu, cuda or mps.
        dtype: number format of the network: float32 or bfloat16.
        compile: translate the network's blocks with torch.compile: a slow first call, quicker ones after it.
        frame_reuse_threshold: (the paper's systems) a picture that differs from the last encoded one by no
            more than this on average, of 255, is not encoded again; 2 is little. Exact repeats never are.
        audio_only: write a sound file (wav, flac, ...) instead of a video.
        cfg_strength: guidance scale (only where the model has that knob).
        ignore_pictures: go by movement and words, not by what the pictures show.
        existing_audio: what becomes of sound the clip already has.
        gain: dB added to the new sound.
        loudness: bring it to this loudness, LUFS (broadcast: -23).
        sample_rate: of the written sound.
        stereo: two identical channels.
        exact_cut: cut a part exactly, encoding the picture again.
        skip_existing: in a batch, leave out what is there already with the same content and settings; with
            --no_skip_existing results of ours are made again, files of others still refused.
        overwrite: in a batch, make everything again, in place of whatever lies there.
        ray: do a batch on the Ray cluster at this address: auto, HOST:PORT, or local for one of this machine.
        ray_workers: processes on the cluster; 0 for as many as it has room for.
        json: print one JSON object instead of the summary.
    """
    given = dict(locals())
    require(model)
    inputs = (*videos, *video)
    if len(inputs) > 1 or any(is_collection(path) for path in inputs):
        from soundvcm.cli.batch.run import run_batch

        cluster = None if ray is None else (ray, ray_workers)
        return run_batch(
            inputs,
            request_from(given),
            load_options(given),
            skip_existing=skip_existing,
            overwrite=overwrite,
            as_json=json,
            cluster=cluster,
        )
    if ray is not None:
        raise OptionError("--ray is for batches: name several clips, a folder or a table")
    request = request_from({**given, "video": inputs[0] if inputs else None})
    return one_clip(request, load_options(given), as_json=json)


def is_collection(path: Path) -> bool:
    """A folder or a table of clips."""
    return path.is_dir() or path.suffix.lower() in (".csv", ".tsv", ".jsonl")


def request_from(given: dict[str, Any]) -> GenerateOptions:
    """The request with the fields that the command and the request share."""
    from soundvcm.generate.options import GenerateOptions

    names = {field.name for field in fields(GenerateOptions)}
    values = {name: value for name, value in given.items() if name in names}
    if isinstance(values.get("video"), tuple):
        values["video"] = None
    return GenerateOptions(**values)


def load_options(given: dict[str, Any]) -> dict[str, Any]:
    """What `systems.loading.load` is told."""
    names = ("device", "dtype", "compile", "frame_reuse_threshold")
    return {"name": given["model"], **{name: given[name] for name in names}}


def load_pipeline(options: dict[str, Any]) -> Pipeline:
    """Load the system; what compiling does, and what it does not, is said."""
    from soundvcm.systems.loading import load

    pipeline = load(**options)
    if options.get("compile"):
        blocks = len(pipeline.network.joint) + len(pipeline.network.fused)
        note(
            f"compiling the {blocks} blocks of the network at their first call, which takes longer; encoders"
            " and codec are not compiled"
        )
    return pipeline


def one_clip(request: GenerateOptions, options: dict[str, Any], *, as_json: bool) -> int:
    """Do one request and say what came of it."""
    if request.video is None and not request.prompt.strip():
        raise OptionError("nothing to make a sound for: give a video, or --prompt and --duration")
    began = time.perf_counter()
    phases = Phases(False if as_json else None)
    phases("load", 0.0)
    from soundvcm.generate import render

    pipeline = load_pipeline(options)
    loaded = time.perf_counter() - began
    try:
        outcome = render.render(pipeline, request, phases)
    finally:
        phases.clear()
    outcome.timings = {"load": loaded, **outcome.timings}
    labels = classified_as(outcome)
    if options["device"] == "auto" and pipeline.device.type == "cpu":
        note("no GPU that PyTorch can use: made on the CPU")
    for line in outcome.warnings:
        note(line)
    if as_json:
        device = str(pipeline.device)
        # "heard" is the key of version 0.1, kept beside it for one version.
        labelled = {"classified_as": labels, "heard": labels}
        emit_json({**outcome.as_dict(), "model": pipeline.name, "device": device, **labelled})
    else:
        summarise(outcome, labels, time.perf_counter() - began)
    return 0


def classified_as(outcome: GenerateResult) -> list[str]:
    """The three highest classes that YAMNet, which took no part in making it, gives the first take."""
    from soundvcm.evaluation import classify

    sound = outcome.sounds[0]
    return classify(sound.wave, sound.sample_rate)


def summarise(outcome: GenerateResult, labels: list[str], total: float) -> None:
    """One line: files, length, kind of sound, seconds by phase, seed."""
    phases = ", ".join(f"{name} {value:.2f}" for name, value in outcome.timings.items())
    seeds = " ".join(str(seed) for seed in outcome.seeds)
    files = ", ".join(str(path) for path in outcome.outputs)
    say(
        f"{files}: {outcome.seconds:.3f} s of sound, classified as {' / '.join(labels).lower()} (YAMNet);"
        f" {in_words(total)} ({phases}); seed {seeds}"
    )
