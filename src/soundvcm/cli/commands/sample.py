"""`soundvcm sample --store S --split test --output DIR`: a sound file for each clip of a feature store.

    features, captions => network => codec => DIR/ID.flac

What the paper's tables are scored on: no video is opened. Clips that are there already are passed over, so
that the same command goes on, and several processes or GPUs share the work (--part). Knows systems by name.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from soundvcm.cli.terminal import in_words, say
from soundvcm.errors import OptionError

if TYPE_CHECKING:
    from soundvcm.data.store import FeatureStore
    from soundvcm.generate.pipeline import Pipeline


def sample(
    *,
    store: Path,
    output: Path,
    model: str = "tiny",
    split: str = "test",
    num_steps: int | None = None,
    seed: int = 0,
    batch: int = 8,
    part: str = "1/1",
    device: str = "auto",
) -> int:
    """Make a sound file for each clip of a feature store. Run it again to continue.

    Args:
        store: feature store (soundvcm extract makes it).
        output: folder; files are named ID.flac, in folders where the ids have some.
        model: tiny, or a file of weights that fit the store.
        split: which clips.
        num_steps: network calls; the system's own if left out.
        seed: clip number k of the split gets seed + k.
        batch: clips made at once.
        part: which part of the work this process does, 1/2 or 2/2 for two GPUs.
        device: auto, cpu, cuda or mps.
    """
    number, _, of = part.partition("/")
    if not (number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise OptionError(f"--part is K/N, such as 1/2, not {part!r}")
    if batch < 1:
        raise OptionError(f"--batch is at least 1, not {batch}")
    from soundvcm import media
    from soundvcm.data.store import FeatureStore

    features = FeatureStore(store)
    places = features.split(split)
    wanted = list(enumerate(places))[int(number) - 1 :: int(of)]
    targets = {place: _file_of(output, features.items[place].id) for _, place in wanted}
    left = [(k, place) for k, place in wanted if not targets[place].exists()]
    if len(left) < len(wanted):
        say(f"{len(wanted) - len(left)} of {len(wanted)} are there already")
    if not left:
        return 0
    pipeline = _pipeline_for(model, features, device)
    output.mkdir(parents=True, exist_ok=True)
    began, done = time.perf_counter(), 0
    for rows in batches(features, left, batch):
        for place, wave in made(pipeline, features, rows, seed, num_steps):
            targets[place].parent.mkdir(parents=True, exist_ok=True)
            media.save_sound(targets[place], wave, pipeline.sample_rate)
        done += len(rows)
        speed = done / (time.perf_counter() - began)
        say(f"{done} of {len(left)}, {speed:.2f} clips/s, {in_words((len(left) - done) / speed)} left")
    return 0


def _file_of(folder: Path, clip: str) -> Path:
    """The file of a clip, named as `soundvcm evaluate` pairs it: ids of folders are paths below them."""
    parts = [part for part in clip.split("/") if part not in ("", ".", "..")] or ["clip"]
    return folder.joinpath(*parts[:-1], f"{parts[-1]}.flac")


def _pipeline_for(model: str, store: FeatureStore, device: str) -> Pipeline:
    """Network and codec of a system, on the features of a store.

    Raises:
        OptionError: if the store was made with another codec.
    """
    from dataclasses import replace

    from soundvcm import runtime
    from soundvcm.cli.commands.extract import codec_name
    from soundvcm.cli.commands.held_out import on_features
    from soundvcm.cli.commands.train import starting_file
    from soundvcm.codec import AudioCodec, paper_codec
    from soundvcm.systems import catalog, loading

    where, path = runtime.resolve_device(device), starting_file(model)
    network, sampling = loading.saved_network(path)
    lines, stack = loading.timeline_of(str(path)), catalog.stack_of(network.config)
    made_by = store.fingerprint["codec"]
    if stack == "embedded":
        fits = made_by == codec_name()
        lines = replace(lines, segment_frames=1, segment_hop=1, segment_tokens=1)
        codec: AudioCodec = loading.saved_codec("tiny_codec").to(where)
    else:
        fits = made_by.startswith(f"vae-{stack}")
        codec = paper_codec(str(stack), where)
    if not fits:
        raise OptionError(f"{store.folder} was made with another codec ({made_by}) than {model} has")
    return on_features(network, sampling, codec, store, lines, where)


def batches(store: FeatureStore, clips: list[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    """Neighbouring clips of one length and the same kinds of features."""
    rows: list[tuple[int, int]] = []
    for clip in clips:
        item = store.items[clip[1]]
        alike = rows and store.items[rows[0][1]].lengths == item.lengths
        if rows and (len(rows) == size or not alike):
            yield rows
            rows = []
        rows.append(clip)
    if rows:
        yield rows


def made(
    pipeline: Pipeline, store: FeatureStore, rows: list[tuple[int, int]], seed: int, steps: int | None
) -> Iterator[tuple[int, object]]:
    """(place, wave [s]) of each clip; a clip's sound does not depend on its batch but for rounding."""
    import torch

    from soundvcm.cli.commands.held_out import features_of
    from soundvcm.generate.options import GenerateOptions

    options = GenerateOptions(num_steps=steps)
    pipeline.check(options)
    with torch.inference_mode():
        told = [features_of(store, place, pipeline.clip_encoder.timeline) for _, place in rows]
        single = [pipeline.conditions(features, prompt) for features, prompt in told]
        together = single[0].cat(single)
        seeds = [seed + k for k, _ in rows]
        latents = pipeline.latents(told[0][0], together, options, *seeds)
        waves = pipeline.codec.decode(latents.float())
    for (_, place), wave, (features, _) in zip(rows, waves, told, strict=True):
        yield place, wave[: features.timeline.samples].cpu().numpy()
