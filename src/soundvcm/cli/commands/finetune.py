"""`soundvcm finetune CLIPS --from WEIGHTS -o FILE`: from a folder of clips to weights, in one command.

    extract => hold out => train => listen to held-out clips => keep the best average => samples, FILE

Joins extraction, training and scores; prints progress. Stopped at any point, the same command goes on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from soundvcm.cli.terminal import emit_json, note, say
from soundvcm.config import parse_overrides
from soundvcm.errors import OptionError

if TYPE_CHECKING:
    import torch

    from soundvcm.cli.commands.held_out import HeldOut, Scores
    from soundvcm.codec import AudioCodec
    from soundvcm.data.catalog import Catalog
    from soundvcm.data.store import FeatureStore
    from soundvcm.training import TrainingConfig
    from soundvcm.training.finetune import Start
    from soundvcm.training.view import View

SAMPLES, HELD_OUT = 3, 1 / 8


def finetune(
    clips: Annotated[Path, tyro.conf.Positional],
    overrides: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    /,
    *,
    start: Annotated[str | None, tyro.conf.arg(name="from")] = None,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("finetuned.safetensors"),
    lora: int = 0,
    mix: tuple[Path, ...] = (),
    share: float = 0.5,
    work: Path | None = None,
    workers: int = 0,
    device: str = "auto",
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    gpu_tflops: float = 165.0,
) -> int:
    """Teach a model your own clips: soundvcm finetune my_clips --from tiny -o mine.safetensors

    Clips need sound; the caption of a clip is the .txt file beside it, or else its name. Some files are held
    out: training never sees them, and the weights that come nearest to their sound are kept. Run the same
    command again to continue. Fields of the recipe are changed by words such as loop.steps=200.

    Args:
        clips: a folder of clips, or a table of them (see: soundvcm extract --catalog).
        overrides: fields of the recipe, name=value.
        start: weights to begin with: tiny, a name such as mmaudio_small_16k, or a file.
        output: the file to write, for: soundvcm generate --model FILE.
        lora: train low-rank adapters of this rank only: less memory, and a small file beside OUTPUT.
        mix: feature stores to mix in, so that what the weights know is kept.
        share: share of the rows that are your clips, where others are mixed in.
        work: folder for features, run and samples; OUTPUT without its ending and ".finetune" if left out.
        workers: processes that extract; 0: one for each GPU, or two.
        device: auto, cpu, cuda or mps.
        overwrite: replace OUTPUT if it exists.
        dry_run: extract nothing and train nothing: print the recipe and what it costs.
        gpu_tflops: dense bf16 peak of the GPU that hours are predicted for (165: a 24 GB RTX 4090; 989: an
            H100).
    """
    if start is None:
        raise OptionError("say what to begin with: --from tiny, --from mmaudio_small_16k, or --from FILE")
    if output.suffix != ".safetensors":
        raise OptionError(f"--output {output}: name it FILE.safetensors")
    if output.exists() and not overwrite:
        raise OptionError(f"{output} is there already: give --overwrite, or another --output")
    if not clips.exists():
        raise OptionError(f"{clips} is not here: give a folder of clips, or a table of them")
    if gpu_tflops <= 0:
        raise OptionError(f"--gpu-tflops is the peak of a GPU, more than 0, not {gpu_tflops:g}")
    from soundvcm import runtime
    from soundvcm.data.store import FeatureStore
    from soundvcm.training.finetune import finetune_config, start_from

    folder = work or output.with_name(f"{output.stem}.finetune")
    found = _held_out_catalog(clips)
    began = start_from(start, None if dry_run else folder)
    changes = parse_overrides(overrides) | ({"adapter_rank": lora} if lora else {})
    if dry_run:
        return _tell_cost(began, found, changes, gpu_tflops)
    if not 0 < share < 1:
        raise OptionError(f"--share is a share of the rows between 0 and 1, not {share:g}")
    store = extracted(found, began, folder / "store", workers, device)
    config = finetune_config(began, store.items, changes)
    listener = listening(store, began, runtime.resolve_device(device))
    before = _first_scores(listener, began, folder)
    say(f"before: {before}; the real sound through the codec: {listener.ceiling()}")
    mixed = [store, *(FeatureStore(path) for path in mix)]
    if not trained(config, mixed, share, folder / "run", began, listener, device):
        return 130
    return _keep_best(config, folder, output, began, listener, before)


def _held_out_catalog(clips: Path) -> Catalog:
    """The clips: whole files in windows; at least one file is for validation.

    Raises:
        OptionError: if no file can be held out.
    """
    from soundvcm.cli.commands.catalogs import length_of, remark
    from soundvcm.data.catalog import from_folder, hold_out, read_catalog

    found = from_folder(clips, val_every=0, duration=length_of) if clips.is_dir() else read_catalog(clips)
    found = hold_out(found, HELD_OUT)
    splits = {name: {row.file for row in found.rows if row.split == name} for name in ("train", "val")}
    count = len({row.file for row in found.rows})
    if not splits["train"] or not splits["val"]:
        raise OptionError(
            f"{clips}: at least two files with sound are needed, one of which is held out to see whether"
            f" training helps; here {'is' if count == 1 else 'are'} {count}"
        )
    if splits["train"] & splits["val"]:
        raise OptionError(f"{clips}: one file is in train and in val: a held-out file must not be trained on")
    remark(found)
    files = sum(map(len, splits.values()))
    say(f"{len(found.rows)} clips of {files} files; held out: {len(splits['val'])}")
    return found


def extracted(found: Catalog, began: Start, folder: Path, workers: int, device: str) -> FeatureStore:
    """The feature store of the clips, made or completed."""
    from soundvcm.cli.commands.extract import extract_catalog
    from soundvcm.data.extract import Extraction
    from soundvcm.data.store import FeatureStore

    if not (
        (folder / "store.json").exists()
        and Extraction.load(folder).digest() == Extraction(found.rows).digest()
    ):
        extract_catalog(found, folder, str(began.path), workers=workers, device=device)
    store = FeatureStore(folder)
    for split in ("train", "val"):
        if not any(item.split == split for item in store.items):
            raise OptionError(
                f"no clip of the split {split} could be used, see {folder / 'report.tsv'}: give a"
                " table of clips whose column split says which are held out (val)"
            )
    return store


def listening(store: FeatureStore, began: Start, device: torch.device) -> HeldOut:
    """The held-out clips with the codec that made their features."""
    from dataclasses import replace

    from soundvcm.cli.commands.held_out import HeldOut, held_out_clips
    from soundvcm.codec import paper_codec
    from soundvcm.systems import catalog, loading

    stack = catalog.stack_of(began.network)
    lines = loading.timeline_of(str(began.path))
    if stack == "embedded":
        lines = replace(lines, segment_frames=1, segment_hop=1, segment_tokens=1)
        codec: AudioCodec = loading.saved_codec("tiny_codec").to(device)
    else:
        codec = paper_codec(str(stack), device)
    return HeldOut(store, held_out_clips(store.folder, codec, lines), codec, lines, device)


def _first_scores(listener: HeldOut, began: Start, folder: Path) -> Scores:
    """Scores and samples of the weights as they were; measured once, read again when going on."""
    from soundvcm import weights
    from soundvcm.cli.commands.held_out import Scores

    path = folder / "before.json"
    if path.exists():
        return Scores(**json.loads(path.read_text(encoding="utf-8")))
    tensors, _ = weights.read(began.path)
    scores = listener.score(began.network, tensors, began.sampling)
    made = listener.takes(began.network, tensors, began.sampling, 1)
    listener.write(folder / "samples" / "before", made[:SAMPLES])
    listener.write(
        folder / "samples" / "real", [(k, clip.wave) for k, clip in enumerate(listener.clips)][:SAMPLES]
    )
    path.write_text(json.dumps(vars(scores)), encoding="utf-8")
    return scores


def trained(
    config: TrainingConfig,
    stores: list[FeatureStore],
    share: float,
    run: Path,
    began: Start,
    listener: HeldOut,
    device: str,
) -> bool:
    """Train to the end, listening as it goes; says whether the end was reached."""
    from soundvcm import training
    from soundvcm.cli.commands.train import command_line, shares_of, show
    from soundvcm.training.finetune import tuned_sampling

    sampling = tuned_sampling(began)

    def listen(view: View) -> dict[str, float]:
        tensors = view.weights()
        if not view.leads:
            return {}
        scores = listener.score(began.network, tensors, sampling)
        say(f"step {view.step}: held-out clips: {scores}")
        return scores.numbers() | {"updates": float(view.state.ema.updates)}

    last = training.latest_checkpoint(run)
    if last is not None:
        say(f"going on with {run} at step {int(last.name.removeprefix('step-'))}")
    result = training.train(
        config,
        stores,
        run,
        weights=shares_of(stores, {stores[0].folder.name: share}) if stores[1:] else None,
        hooks=[listen],
        device=device,
        warm_start=began.path,
        on_progress=show,
        command=command_line(),
        about={"licence": began.licence},
    )
    if not result.finished:
        note(f"stopped at step {result.step}; the state is saved: run the same command again to go on")
    return result.finished


def _keep_best(
    config: TrainingConfig, folder: Path, output: Path, began: Start, listener: HeldOut, before: Scores
) -> int:
    """Write the average that came nearest to held-out clips, its samples, and one line that says so."""
    from soundvcm import weights
    from soundvcm.cli.commands.held_out import Scores
    from soundvcm.training.finetune import adapter_file, best_average, export_finetuned, tuned_sampling

    best = best_average(folder / "run")
    after = Scores(best.values["cosine"], float(best.values.get("onset_f1", "nan")))
    export_finetuned(folder / "run", output, began, config, best.updates)
    small = f" and {adapter_file(output).name}" if config.adapter_rank else ""
    tensors, _ = weights.read(output)
    made = listener.takes(began.network, tensors, tuned_sampling(began), 1)
    listener.write(folder / "samples" / "after", made[:SAMPLES])
    say(
        f"wrote {output}{small} ({began.licence}), the average at step {best.step} of {config.loop.steps}; on"
        f" {len(listener.clips)} held-out clips: {before} before, {after} after; listen: {folder / 'samples'}"
    )
    if after.held_out <= before.held_out:
        note("nothing got better on held-out clips: give more clips, or begin with other weights")
    return 0


def _tell_cost(began: Start, found: Catalog, changes: dict[str, Any], tflops: float) -> int:
    """Print the recipe for these clips and what it costs on one GPU."""
    from soundvcm.training.estimate import estimate
    from soundvcm.training.finetune import finetune_config

    config = finetune_config(began, found.rows, changes)
    say(config.to_yaml())
    emit_json(estimate(config, gpus=1, peak=tflops * 1e12))
    return 0
