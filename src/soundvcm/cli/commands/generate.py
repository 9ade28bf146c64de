"""`soundvcm generate`: a clip (or several, a folder, a table) or a prompt in, soundtracks out.

One clip is done here; several are handed to `batch`. The work is in
`generate.render`; this file prints the summary.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from soundvcm.cli.loading import load_options, load_pipeline
from soundvcm.cli.options import flags_of_options
from soundvcm.cli.terminal import Phases, emit_json, in_words, note, say
from soundvcm.errors import OptionError
from soundvcm.generate.options import GenerateOptions
from soundvcm.systems.catalog import require

if TYPE_CHECKING:
    from soundvcm.generate.render import GenerateResult

Videos = Annotated[tuple[Path, ...], tyro.conf.Positional]


@flags_of_options
def generate(
    videos: Videos = (),
    /,
    *,
    video: tuple[Path, ...] = (),
    options: GenerateOptions,
    model: str = "tiny",
    device: str = "auto",
    dtype: str = "float32",
    compile: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    frame_reuse_threshold: Annotated[float, tyro.conf.arg(aliases=["--near_pictures"])] = 0.0,
    skip_existing: bool = True,
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(aliases=["-y"])] = False,
    ray: str | None = None,
    ray_workers: int = 0,
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> int:
    """Make a soundtrack: soundvcm generate clip.mp4 writes clip.sound.mp4 beside it.

    Several clips, a folder or a table (CSV, JSONL with video, prompt, seed) make a batch with a report.

    Args:
        videos: clips, folders or tables.
        video: the same, by name.
        options: a flag each, as `GenerateOptions` explains them.
        model: a name of: soundvcm models; or a network file (from train, average or adopt).
        device: auto, cpu, cuda or mps.
        dtype: number format of the network: float32 or bfloat16.
        compile: translate the network's blocks with torch.compile: a slow first call, quicker ones after it.
        frame_reuse_threshold: (the paper's systems) a picture that differs from the last encoded one by no
            more than this on average, of 255, is not encoded again; 2 is little. Exact repeats never are.
        skip_existing: in a batch, leave out what is there already with the same content and settings; with
            --no_skip_existing results of ours are made again, files of others still refused.
        overwrite: replace files that soundvcm did not make; in a batch, make everything again, in place of
            whatever lies there.
        ray: do a batch on the Ray cluster at this address: auto, HOST:PORT, or local for one of this machine.
        ray_workers: processes on the cluster; 0 for as many as it has room for.
        json: print one JSON object instead of the summary.
    """
    require(model)
    inputs, system = (*videos, *video), load_options(model, device, dtype, compile, frame_reuse_threshold)
    if len(inputs) > 1 or any(is_collection(path) for path in inputs):
        from soundvcm.cli.batch.run import run_batch

        cluster = None if ray is None else (ray, ray_workers)
        return run_batch(
            inputs,
            options,
            system,
            skip_existing=skip_existing,
            overwrite=overwrite,
            as_json=json,
            cluster=cluster,
        )
    if ray is not None:
        raise OptionError("--ray is for batches: name several clips, a folder or a table")
    return one_clip(
        replace(options, video=inputs[0] if inputs else None), system, as_json=json, overwrite=overwrite
    )


def is_collection(path: Path) -> bool:
    """A folder or a table of clips."""
    return path.is_dir() or path.suffix.lower() in (".csv", ".tsv", ".jsonl")


def one_clip(
    options: GenerateOptions, system: dict[str, Any], *, as_json: bool, overwrite: bool = False
) -> int:
    """Make the sound of one clip or prompt and say what came of it."""
    if options.video is None and not options.prompt.strip():
        raise OptionError("nothing to make a sound for: give a video, or --prompt and --duration")
    from soundvcm.generate.outputs import plan_outputs

    plan_outputs(options, overwrite=overwrite)  # refuses before anything large is loaded
    began = time.perf_counter()
    phases = Phases(False if as_json else None)
    phases("load", 0.0)
    from soundvcm.generate import render

    pipeline = load_pipeline(system)
    loaded = time.perf_counter() - began
    try:
        outcome = render.render(pipeline, options, phases, overwrite=overwrite)
    finally:
        phases.clear()
    outcome.timings = {"load": loaded, **outcome.timings}
    labels = classified_as(outcome)
    if system["device"] == "auto" and pipeline.device.type == "cpu":
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
