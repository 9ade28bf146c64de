"""`soundvcm generate`: a clip (or several, a folder, a table) or a prompt in, soundtracks out.

One clip is done here; several are handed to `batch`. The work is in
`generate.render`; this file prints the summary.
"""

from __future__ import annotations

import os
import secrets
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from soundvcm.cli.options import SystemOptions, flags_of_options, load_pipeline, read_ahead, settling
from soundvcm.cli.terminal import Phases, emit_json, in_words, note, say, summary
from soundvcm.cli.words import inputs
from soundvcm.errors import DeviceError, OptionError
from soundvcm.generate.options import GenerateOptions, plan_outputs
from soundvcm.systems.catalog import TINY, require

if TYPE_CHECKING:
    from soundvcm.generate.audio import Audio
    from soundvcm.generate.render import GenerateResult

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("float32", "bfloat16", "float16")
Videos = Annotated[tuple[Path, ...], tyro.conf.Positional]


@flags_of_options
def generate(
    videos: Videos = (),
    /,
    *,
    video: tuple[Path, ...] = (),
    options: GenerateOptions,
    system: SystemOptions,
    skip_existing: bool = True,
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(aliases=["-y"])] = False,
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(aliases=["-n"])] = False,
    name: str | None = None,
    ray: str | None = None,
    ray_workers: int = 0,
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> int:
    """Make a soundtrack: soundvcm generate clip.mp4 writes clip.sound.mp4 beside it.

    Several clips, a folder or a table (CSV, JSONL with video, prompt, seed) make a batch with a report.

    Args:
        videos: clips, folders or tables; a pattern in quotes ("takes/*.mp4") names all files that match.
        video: the same, by name.
        options: a flag each, as `GenerateOptions` explains them.
        system: the same, as `SystemOptions` explains them.
        skip_existing: in a batch, skip results that exist already with the same content and settings; with
            --no_skip_existing results of ours are made again, files of others still refused.
        overwrite: replace files that soundvcm did not make; in a batch, make everything again, in place of
            whatever lies there.
        dry_run: only print what would be written; nothing is loaded or made.
        name: how results in a folder are named, such as "{stem}_{seed}"; also {prompt} and {model}. The
            suffix is added.
        ray: do a batch on the Ray cluster at this address: auto, HOST:PORT, or local for one of this machine.
        ray_workers: processes on the cluster; 0 for as many as it has room for.
        json: print one JSON object instead of the summary.
    """
    _check_system(system, options)
    files, model = inputs((*videos, *video)), system.model
    if len(files) > 1 or any(_is_collection(path) for path in files):
        from soundvcm.cli.batch.items import plan

        replace(options, video=Path("clip")).check()  # what would fail for each clip in turn
        work = plan(files, options, None if name is None else (name, model))
        if dry_run:
            return _tell_plan([(item.source, item.output, item.fault) for item in work.items], as_json=json)
        from soundvcm.cli.batch.run import run_batch

        return run_batch(
            work,
            options,
            system.given(),
            skip_existing=skip_existing,
            overwrite=overwrite,
            as_json=json,
            cluster=None if ray is None else (ray, ray_workers),
        )
    if ray is not None:
        raise OptionError("--ray is for batches: name several clips, a folder or a table")
    one = replace(options, video=files[0] if files else None)
    one.check()
    if name is not None:
        one = named(one, name, model)
    outputs = plan_outputs(one, overwrite=overwrite or dry_run)
    _check_files(one, outputs)
    if dry_run:
        return _tell_plan([(one.video, path, "") for path in outputs], as_json=json)
    return _one_clip(one, system.given(), as_json=json, overwrite=overwrite)


def _check_system(system: SystemOptions, options: GenerateOptions) -> None:
    """Refuse what the table of systems already says no to; torch is not loaded for it.

    Raises:
        OptionError, DeviceError: naming the option.
    """
    require(system.model, system.vocoder)
    if system.device.split(":")[0] not in DEVICES:
        raise DeviceError(f"unknown device {system.device!r}: use one of {', '.join(DEVICES)}")
    if system.dtype not in DTYPES:
        raise OptionError(f"unknown dtype {system.dtype!r}: use one of {', '.join(DTYPES)}")
    if system.model != TINY.name:
        return
    for option, given in (
        ("cfg_strength", options.cfg_strength is not None),
        ("negative_prompt", (options.negative_prompt or "").strip()),
    ):
        if given:
            raise OptionError(f"{option} has nothing to act on: guidance is trained into tiny; leave it out")


def _check_files(options: GenerateOptions, outputs: list[Path]) -> None:
    """Refuse a clip that is not there and a place that cannot be written to.

    Raises:
        OptionError: naming the file.
    """
    from soundvcm import media

    clip = options.video
    if clip is not None and not media.is_pipe(clip) and not clip.exists():
        raise OptionError(f"{clip} is not here")
    for output in outputs:
        if output.is_dir():
            raise OptionError(f"{output}: is a folder")
        place = next(parent for parent in output.absolute().parents if parent.exists())
        if not os.access(place, os.W_OK):
            raise OptionError(f"{output}: {place} cannot be written to")


def named(options: GenerateOptions, template: str, model: str) -> GenerateOptions:
    """The options with their output named by a template; a seed that is asked for is drawn now.

    Raises:
        OptionError: if there is no folder to name something in, or the template is not understood.
    """
    from soundvcm import media

    folder = options.output or (Path() if options.video is None else options.video.parent)
    if options.output is not None and options.output.suffix and not options.output.is_dir():
        raise OptionError(f"--name names results in a folder, but --output {options.output} is a file")
    seed = secrets.randbelow(2**31) if options.seed < 0 else options.seed
    stem = "sound" if options.video is None else Path(media.pipe_name(options.video)).stem
    ending = ".wav" if options.sound_only else media.output_paths(options.video)[0].suffix
    text = media.named_stem(template, stem=stem, seed=seed, prompt=options.prompt, model=model)
    return replace(options, seed=seed, output=folder / (text + ending))


def _tell_plan(planned: list[tuple[Path | None, Path, str]], *, as_json: bool) -> int:
    """Say what would be written of (source, output, why not), a line each; 2 if it is nothing at all."""
    if as_json:
        emit_json({"would_write": [str(output) for _, output, fault in planned if not fault]})
    for source, output, fault in () if as_json else planned:
        there = " (there already)" if output.is_file() else ""
        say(f"not: {fault}" if fault else f"{'' if source is None else f'{source} -> '}{output}{there}")
    return 0 if any(not fault for *_, fault in planned) else 2


def _is_collection(path: Path) -> bool:
    """A folder or a table of clips."""
    return path.is_dir() or path.suffix.lower() in (".csv", ".tsv", ".jsonl")


def _one_clip(
    options: GenerateOptions, system: dict[str, Any], *, as_json: bool, overwrite: bool = False
) -> int:
    """Make the sound of one clip or prompt and say what came of it."""
    began = time.perf_counter()
    phases = Phases(False if as_json else None)
    phases("load", 0.0)
    ahead = read_ahead(system["name"], options)
    with settling():
        from soundvcm.generate import render

        pipeline = load_pipeline(system)
    loaded = time.perf_counter() - began
    try:
        render.check_options(pipeline, options)
        features = None
        if ahead is not None:
            features = pipeline.encode_clip(
                ahead, start=options.start, duration=options.duration, progress=phases
            )
        with ThreadPoolExecutor(1, thread_name_prefix="soundvcm-classify") as aside:
            listened: list[Future[list[str]]] = []

            def take(*given: Any, **more: Any) -> Audio:
                """A take; the first one is classified while it is written."""
                sound = pipeline.take(*given, **more)
                if not listened:
                    listened.append(aside.submit(classified_as, sound))
                return sound

            outcome = render.render(pipeline, options, phases, features, take=take, overwrite=overwrite)
            outcome.timings = {"load": loaded, **outcome.timings}
            written = time.perf_counter()
            labels = listened[0].result() if listened else classified_as(outcome.sounds[0])
            outcome.timings["classify"] = time.perf_counter() - written
    finally:
        phases.clear()
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
        _summarise(outcome, labels, time.perf_counter() - began)
    return 0


def classified_as(sound: Audio) -> list[str]:
    """The three highest classes that YAMNet, which took no part in making it, gives a take."""
    from soundvcm.evaluation import classify

    return classify(sound.wave, sound.sample_rate)


def _summarise(outcome: GenerateResult, labels: list[str], total: float) -> None:
    """One line: files, length, kind of sound, seconds by phase, seed."""
    phases = ", ".join(f"{name} {value:.2f}" for name, value in outcome.timings.items())
    seeds = " ".join(str(seed) for seed in outcome.seeds)
    files = ", ".join(str(path) for path in outcome.outputs)
    summary(
        f"{files}: {outcome.seconds:.3f} s of sound, classified as {' / '.join(labels).lower()} (YAMNet);"
        f" {in_words(total)} ({phases}); seed {seeds}"
    )
    if outcome.credits:
        summary(f"with {'; '.join(outcome.credits)}")
