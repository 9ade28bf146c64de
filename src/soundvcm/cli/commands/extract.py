"""`soundvcm extract`: a catalog of clips => a feature store, by several processes; run it again to go on.

Finds the catalog, the encoders and the codec; each process makes every n-th shard. Knows the published tables
and the systems by name; the work itself is in `data.extract`.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from soundvcm.cli.commands.catalogs import Kind, find_catalog, remark, tell_catalog
from soundvcm.cli.terminal import note, say
from soundvcm.errors import OptionError, SoundVCMError, StoreError

if TYPE_CHECKING:
    from soundvcm.data.catalog import Catalog
    from soundvcm.data.extract import Parts


def extract(
    *,
    catalog: Path | None = None,
    folder: Path | None = None,
    kind: Kind = "table",
    output: Path = Path("store"),
    model: str = "tiny",
    seconds: str | None = None,
    windows: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    split: str | None = None,
    hold_out: float = 0.0,
    sound_only: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    fill: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    keep_levels: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    catalog_report: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    workers: int = 0,
    readers: int = 1,
    batch: int = 0,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    ray: str | None = None,
    ray_workers: int = 0,
    device: str = "auto",
) -> int:
    """Make a feature store for training from clips and their captions. Run it again to resume.

    Clips that cannot be used are listed in report.tsv in the store, with the reason; none is replaced.

    Args:
        catalog: table of clips (.tsv, .jsonl), or the published table that --kind names.
        folder: where the media files are; alone, every file in it is a clip, its caption the .txt file beside
            it or else its name.
        kind: whose table the catalog is.
        output: folder of the store.
        model: the system whose encoders and codec are used (see: soundvcm models); its network is not needed.
        seconds: length of the clips of a folder without a catalog; 8 if left out.
        windows: of a folder without a catalog take each file to its end, in windows of that length (shorter
            ones for shorter files); without it, its beginning.
        split: split of all rows of a table that names none (audiocaps, clotho, wavcaps); train if left out.
        hold_out: share of the files that are kept for validation (split val), where the table has none.
        sound_only: leave out the pictures, even if there are some.
        fill: fill clips that are too short with silence and their last picture, instead of rejecting them.
        keep_levels: do not scale training clips to a peak of 0.95.
        catalog_report: only print which files and captions pair and which do not; nothing is written.
        workers: processes that share the work, each with its own encoders; 0: one for each GPU, or two.
        readers: threads of each process that read and decode the next clips while one is encoded.
        batch: pictures encoded at a time by the paper's systems; 0: 64 on a GPU, 4 on a CPU.
        dtype: number format of the paper's encoders (CLIP, Synchformer); codecs are always float32.
        ray: do it on the Ray cluster at this address: auto, HOST:PORT, or local for one of this machine.
        ray_workers: processes on the cluster; 0 for as many as it has room for.
        device: auto, cpu, cuda or mps.
    """
    if not 0 <= hold_out < 1:
        raise OptionError(f"--hold-out is a share of the files from 0 to below 1, not {hold_out:g}")
    found = find_catalog(catalog, folder, kind, seconds, split, windows)
    if hold_out:
        from soundvcm.data import catalog as tables

        found = tables.hold_out(found, hold_out)
    if catalog_report:
        return tell_catalog(found)
    if workers < 0 or readers < 0 or batch < 0:
        raise OptionError("--workers, --readers and --batch are counts: 0 or more")
    if ray_workers and ray is None:
        raise OptionError("--ray-workers is for --ray: say which cluster, or give --workers")
    say(found.report())
    remark(found)
    plan = {"sound_only": sound_only, "fill": fill, "keep_levels": keep_levels, "dtype": dtype}
    return extract_catalog(found, output, model, plan, workers, device, ray, ray_workers, readers, batch)


def extract_catalog(
    found: Catalog,
    output: Path,
    model: str,
    options: Mapping[str, Any] = MappingProxyType({}),
    workers: int = 0,
    device: str = "auto",
    ray: str | None = None,
    ray_workers: int = 0,
    readers: int = 1,
    batch: int = 0,
) -> int:
    """Extract the clips of a catalog; see `extract` for the arguments, `Extraction` for the options."""
    from soundvcm import runtime
    from soundvcm.data.extract import Extraction, finish, write_shards

    plan = Extraction(found.rows, **options)
    load = partial(parts_of, dtype=plan.dtype, readers=readers, batch=batch)
    parts = load(model, device)
    devices = runtime.device_of_each(device, workers)
    plan.save(output)
    done = parts.writer(
        output
    ).finished()  # says once, before any process starts, that the folder does not fit
    if ray is not None:
        from soundvcm.cli.commands.extract_cluster import spread_out

        del parts
        spread_out(output, plan, done, load, model, device, ray, ray_workers)
        parts = load(model, device)
    elif len(devices) == 1:
        with runtime.threads(1):  # the same sums whatever the number of processes
            write_shards(output, plan, parts, report=_progress(0))
    else:
        del parts  # not two copies on one device
        share(output, model, devices, readers, batch)
        parts = load(model, device)
    return tell(output, finish(output, plan, parts), found)


def parts_of(model: str, device: str, *, dtype: str = "float32", readers: int = 0, batch: int = 0) -> Parts:
    """Encoders and codec of a system, without its network; see `extract` for the arguments.

    Raises:
        OptionError, WeightsError, MissingExtraError, DeviceError: if they cannot be loaded here.
    """
    from dataclasses import replace

    from soundvcm import runtime, weights
    from soundvcm.data.extract import Parts
    from soundvcm.systems import catalog, loading, mmaudio

    where, timeline = runtime.resolve_device(device), loading.timeline_of(model)
    stack = _stack(model)
    if stack == "embedded":
        from soundvcm.encoders import ImageEncoder, MotionEncoder, TextEmbedder

        lines = replace(timeline, segment_frames=1, segment_hop=1, segment_tokens=1)
        if dtype != "float32" or batch:
            raise OptionError(
                f"{model} has small encoders that compute in float32, one clip at a time: --dtype"
                " and --batch are for the paper's systems"
            )
        codec = loading.saved_codec("tiny_codec").to(where)
        pictures, words = ImageEncoder(), TextEmbedder()
        return Parts(codec, pictures, MotionEncoder(), words, codec_name(None), lines, where, readers)
    from soundvcm.codec import paper_codec

    for row in catalog.parts_of(stack):  # what is missing is said before anything is loaded
        weights.locate(row.name)
    name = f"vae-{stack}-{weights.digest(weights.locate(f'vae_{stack}'))[:12]}"
    encoders = mmaudio.encoders(where, runtime.resolve_dtype(dtype, where), batch=batch)
    return Parts(paper_codec(stack, where), *encoders, name, timeline, where, readers)


def codec_name(codec: Path | None = None) -> str:
    """What a store remembers of an embedded codec (a file, or the shipped one): the name of its
    latents, which a better decoder keeps, or its hash.
    """
    from soundvcm.weights import digest, header, locate

    path = codec or locate("tiny_codec")
    return header(path).get("latents") or f"neural-{digest(path)[:12]}"


def _stack(model: str) -> str:
    from soundvcm import weights
    from soundvcm.systems import catalog

    if catalog.is_path(model):
        config = catalog.saved_config(model, weights.header(Path(model)))
        stack = catalog.stack_of(config)
        if stack is None:
            raise OptionError(f"{model}: {catalog.misfit(config)}")
        return stack
    row = catalog.preset(model)
    if row.stack == "embedded":
        return row.stack
    return "16k" if row.sample_rate == 16_000 else "44k"


def share(output: Path, model: str, devices: Sequence[str], readers: int = 1, batch: int = 0) -> None:
    """Run a process on each of the devices and wait for them.

    Raises:
        StoreError: if one failed; the shards that are finished are kept.
    """
    command = [sys.executable, "-m", "soundvcm.cli.commands.extract", str(output), model]
    rest = [str(len(devices)), str(readers), str(batch)]
    processes = [
        subprocess.Popen([*command, device, str(part), *rest]) for part, device in enumerate(devices)
    ]
    try:
        codes = [process.wait() for process in processes]
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    if any(codes):
        raise StoreError(
            f"a process that extracts failed (exit code {next(filter(None, codes))}): run the same command"
            f" again to go on ({output})"
        )


def tell(output: Path, manifest: dict[str, Any], found: Catalog) -> int:
    """Print what the store holds and what was left out."""
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file()) / 1e6
    splits = ", ".join(f"{name} {count}" for name, count in sorted(manifest["splits"].items()))
    say(f"{output}: {manifest['clips']} clips ({splits}), {len(manifest['texts'])} captions, {size:.1f} MB")
    rejected = manifest["rejected"]
    if rejected or found.without_file:
        kinds = Counter(row["reason"].split(":")[0].split("(")[0].strip() for row in rejected)
        kinds["file missing"] = len(found.without_file)
        reasons = ", ".join(f"{count} {name}" for name, count in kinds.most_common(5) if count)
        note(f"left out: {len(rejected) + len(found.without_file)} ({reasons}); see {output / 'report.tsv'}")
    return 0


def _progress(part: int) -> Callable[[int, int], None]:
    return lambda done, total: say(f"extract: process {part}: shard {done} of {total}")


def work(words: list[str]) -> int:
    """One process: `folder model device part of readers batch`."""
    from soundvcm import runtime
    from soundvcm.data.extract import Extraction, write_shards

    output, model, device, part, of, readers, batch = words
    try:
        plan = Extraction.load(Path(output))
        with runtime.threads(1):
            write_shards(
                Path(output),
                plan,
                parts_of(model, device, dtype=plan.dtype, readers=int(readers), batch=int(batch)),
                part=int(part),
                of=int(of),
                report=_progress(int(part)),
            )
    except SoundVCMError as error:
        note(f"process {part}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(work(sys.argv[1:]))
