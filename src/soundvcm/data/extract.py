"""Catalog => feature store: the only file that knows the whole flow for training.

    rows => media => encoders, codec => shards => texts, statistics, manifest (last)

A shard depends on the catalog and its number only, so that any number of processes share the work and a
stopped run goes on where it was. Clips that cannot be used are listed with the reason, never replaced. Knows
encoders and codecs by their protocols, no command line and no system by name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soundvcm import media
from soundvcm.codec import AudioCodec, importance_of
from soundvcm.data.catalog import Row
from soundvcm.data.clip_sound import SLACK_SECONDS, TRAIN_PEAK, prepared, read_clip
from soundvcm.data.shards import SHARD_CLIPS, Clip, StoreWriter, write_json
from soundvcm.encoders import TextEncoder, VideoEncoder
from soundvcm.errors import InputError, StoreError
from soundvcm.generate.clip_encoder import ClipEncoder
from soundvcm.runtime import read_ahead
from soundvcm.timeline import Timeline

MOST_SHARDS, LEAST_CLIPS = 256, 16
_PLAN = "extraction.json"


@dataclass(frozen=True)
class Parts:
    """What turns clips into features.

    Attributes:
        codec, semantic, sync, text: by their protocols.
        codec_name: what the store remembers of the codec.
        timeline: any timeline with the system's rates.
        device: of the codec.
        readers: threads that read and decode the next clips while one is encoded; 0 reads each when needed.
    """

    codec: AudioCodec
    semantic: VideoEncoder
    sync: VideoEncoder
    text: TextEncoder
    codec_name: str
    timeline: Timeline
    device: torch.device = torch.device("cpu")
    readers: int = 0

    def writer(self, folder: Path) -> StoreWriter:
        """A writer that carries these parts' names, and rates for the streams that can be cropped in time.

        Raises:
            StoreError: if the folder was begun with other parts.
        """
        names = {role: getattr(self, role).name for role in ("semantic", "sync", "text")}
        share = getattr(self.semantic, "pictures_per_token", 1)
        rates = {"latents": self.codec.latent_rate, "semantic": self.semantic.frame_spec.rate / share}
        if self.timeline.segment_frames == 1:  # overlapping segments cannot be cropped
            rates["sync"] = self.sync.frame_spec.rate
        return StoreWriter(
            folder,
            fingerprint={"codec": self.codec_name, **names},
            rates=rates,
            importance=importance_of(self.codec),
        )


@dataclass(frozen=True)
class Extraction:
    """What is to be extracted, and how.

    Attributes:
        rows: clips, in the order of the catalog.
        sound_only: leave pictures out, also where there are some.
        fill: fill clips that are too short with silence and their last picture, instead of rejecting them.
        keep_levels: do not scale the clips of the split "train" to a peak of 0.95 (as in MMAudio).
        dtype: number format of the encoders of pictures and words.
    """

    rows: tuple[Row, ...]
    sound_only: bool = False
    fill: bool = False
    keep_levels: bool = False
    dtype: str = "float32"

    def shards(self) -> list[tuple[int, tuple[Row, ...]]]:
        """(number, rows) of every shard: 16 to 1024 clips each, whoever writes them."""
        size = min(SHARD_CLIPS, max(LEAST_CLIPS, -(-len(self.rows) // MOST_SHARDS)))
        starts = range(0, len(self.rows), size)
        return [(number, self.rows[first : first + size]) for number, first in enumerate(starts)]

    def digest(self) -> str:
        """A hash of all that decides what is in the store; where the files lie is not part of it."""
        told: list[bool | str] = [self.sound_only, self.fill, self.keep_levels]
        told += [self.dtype] if self.dtype != "float32" else []  # stores of before know no other
        listed = [_as_json(row) | {"file": row.file.name} for row in self.rows]
        return hashlib.sha256(json.dumps([told, listed]).encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Write the plan into the folder of the store, for the processes that share the work.

        Raises:
            StoreError: if the folder was begun with another catalog or other options, or there are no rows.
        """
        if not self.rows:
            raise StoreError("the catalog names no clip whose file is there: nothing to extract")
        path = folder / _PLAN
        if path.exists() and json.loads(path.read_text(encoding="utf-8"))["digest"] != self.digest():
            raise StoreError(
                f"{folder} was begun with another catalog or other options: choose another folder"
            )
        folder.mkdir(parents=True, exist_ok=True)
        names = ("sound_only", "fill", "keep_levels", "dtype")
        values: dict[str, Any] = {name: getattr(self, name) for name in names}
        write_json(path, {"digest": self.digest(), **values, "rows": [_as_json(row) for row in self.rows]})

    @classmethod
    def load(cls, folder: Path) -> Extraction:
        """The plan that `save` wrote."""
        values = json.loads((folder / _PLAN).read_text(encoding="utf-8"))
        del values["digest"]
        rows = tuple(_from_json(row) for row in values.pop("rows"))
        return cls(rows, **values)


def write_shards(
    folder: Path,
    extraction: Extraction,
    parts: Parts,
    *,
    part: int = 0,
    of: int = 1,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Make every `of`-th shard that is not there yet, starting at `part`; finished shards are kept.

    Raises:
        StoreError: if the folder was begun with other encoders.
    """
    wanted = extraction.shards()[part::of]
    done = parts.writer(folder).finished()
    for index, (number, _) in enumerate(wanted):
        if number not in done:
            write_shard(folder, extraction, parts, number)
        report(index + 1, len(wanted))


def write_shard(folder: Path, extraction: Extraction, parts: Parts, number: int) -> None:
    """Make one shard; whole or not there, so that another process can begin it anew.

    Raises:
        StoreError: if the folder was begun with other encoders.
    """
    writer = parts.writer(folder)
    (folder / "remarks").mkdir(exist_ok=True)
    clips, rejected, remarks = [], [], []
    read = partial(_read_row, extraction=extraction, parts=parts)
    for row, take in read_ahead(dict(extraction.shards())[number], read, parts.readers):
        try:
            clip, lines = encode_clip(take(), parts)
        except (InputError, OSError) as error:
            rejected.append({"id": row.id, "reason": _reason(row, error)})
        else:
            clips.append(clip)
            remarks += [{"id": row.id, "remark": line} for line in lines]
    write_json(folder / "remarks" / f"{number:05d}.json", remarks)
    writer.write(number, clips, rejected)


@dataclass(frozen=True)
class _ReadClip:
    """A clip as its file has it: what needs no encoder is done.

    Attributes:
        row: of the catalog.
        decoded: its pictures; None for sound alone.
        wave: [samples] at the codec's rate, levelled.
        remarks: on its pictures, on its sound.
    """

    row: Row
    decoded: media.DecodedVideo | None
    wave: Tensor
    remarks: tuple[list[str], list[str]]


def extract_clip(row: Row, extraction: Extraction, parts: Parts) -> tuple[Clip, list[str]]:
    """One clip's features, and remarks on what was strange about it: same file, same clip.

    Raises:
        InputError: saying why the clip cannot be used: unreadable, no sound, silent, not finite, too short.
    """
    return encode_clip(_read_row(row, extraction, parts), parts)


def _read_row(row: Row, extraction: Extraction, parts: Parts) -> _ReadClip:
    """Read and decode a clip: the part that threads do.

    Raises:
        InputError: as for `extract_clip`.
    """
    decoded, origin, seen = None, None, list[str]()
    if not extraction.sound_only and row.file.suffix.lower() not in media.SOUND_SUFFIXES:
        decoded, seen = _pictures(row, extraction, parts)
        origin = decoded.info.start_time
    sound = read_clip(row.file, row.start, row.seconds, origin)
    heard = _check_length("sound", sound.seconds, row, extraction)
    peak = TRAIN_PEAK if row.split == "train" and not extraction.keep_levels else None
    samples = parts.timeline.at(row.seconds).samples
    return _ReadClip(
        row, decoded, prepared(sound, parts.codec.sample_rate, samples, peak=peak), (seen, heard)
    )


@torch.inference_mode()
def encode_clip(read: _ReadClip, parts: Parts) -> tuple[Clip, list[str]]:
    """A clip's features and the remarks on it.

    Raises:
        InputError: if they are not finite in half precision.
    """
    row, (remarks, heard) = read.row, read.remarks
    semantic = sync = None
    if read.decoded is not None:
        encoder = ClipEncoder(parts.semantic, parts.sync, parts.timeline, row.seconds, None)
        features = encoder.encode_frames(read.decoded)
        semantic, sync, remarks = features.semantic, features.sync, remarks + list(features.warnings)
    moments = parts.codec.encode(read.wave[None].to(parts.device))
    streams = {"mean": moments.mean[0], "std": moments.std[0], "semantic": semantic, "sync": sync}
    for name, value in streams.items():
        if value is not None and not bool(value.half().isfinite().all()):
            raise InputError(f"its features ({name}) are not finite in half precision")
    clip = Clip(row.id, row.split, row.seconds, row.captions, **streams)  # type: ignore[arg-type]
    return clip, remarks + heard


def _pictures(row: Row, extraction: Extraction, parts: Parts) -> tuple[media.DecodedVideo, list[str]]:
    specs = {"semantic": parts.semantic.frame_spec, "sync": parts.sync.frame_spec}
    decoded = media.read_frames(row.file, specs, start=row.start, seconds=row.seconds, beyond="shorten")
    if not decoded.info.audio_streams:
        raise InputError("no sound track")
    remarks = _check_length("pictures", decoded.seconds, row, extraction)
    if decoded.seconds < row.seconds:
        lines = parts.timeline.at(row.seconds)
        counts = {"semantic": lines.semantic_frames, "sync": lines.sync_frames}
        frames = {role: _held(decoded.frames[role], count) for role, count in counts.items()}
        decoded = replace(decoded, frames=frames, seconds=row.seconds)
    moving = decoded.frames["sync"]
    if len(moving) > 1 and bool((moving == moving[:1]).all()):
        remarks.append("its pictures never change")
    return decoded, remarks


def _held(frames: Tensor, count: int) -> Tensor:
    """Pictures [count, h, w, 3]: the last one stays."""
    return torch.cat([frames, frames[-1:].expand(max(0, count - len(frames)), -1, -1, -1)])[:count]


def _check_length(what: str, seconds: Fraction, row: Row, extraction: Extraction) -> list[str]:
    """Remarks on a clip that is shorter than asked.

    Raises:
        InputError: if it is much shorter and must not be filled.
    """
    if seconds >= row.seconds - SLACK_SECONDS:
        return []
    told = f"{what} for {float(seconds):.2f} s of {float(row.seconds):g} s"
    if not extraction.fill:
        raise InputError(f"too short: {told}")
    return [f"filled: {told}"]


def finish(folder: Path, extraction: Extraction, parts: Parts) -> dict[str, Any]:
    """Write report.tsv, encode every distinct caption once, write the manifest last; returns the manifest.

    Raises:
        StoreError: if shards are missing (the names of the splits, ids and sizes are checked too).
    """
    writer = parts.writer(folder)
    numbers = [number for number, _ in extraction.shards()]
    missing = set(numbers) - writer.finished()
    if missing:
        raise StoreError(f"{folder}: {len(missing)} of {len(numbers)} shards are missing: run it again")
    lines = ["id\twhat\twhy"]
    for number in numbers:
        shard = json.loads((folder / "shards" / f"{number:05d}.json").read_text(encoding="utf-8"))
        remarks = json.loads((folder / "remarks" / f"{number:05d}.json").read_text(encoding="utf-8"))
        lines += [f"{entry['id']}\trejected\t{entry['reason']}" for entry in shard["rejected"]]
        lines += [f"{entry['id']}\tremark\t{entry['remark']}" for entry in remarks]
    (folder / "report.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return writer.finish(parts.text.encode)


def _reason(row: Row, error: Exception) -> str:
    """The error in one line without the file's name, which the row has."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.removeprefix(f"{row.file}: ").removeprefix(f"{row.file.name}: ")


def _as_json(row: Row) -> dict[str, Any]:
    values = {"id": row.id, "file": str(row.file.absolute()), "split": row.split}
    return values | {
        "start": str(row.start), "seconds": str(row.seconds), "captions": list(row.captions)
    }  # fmt: skip


def _from_json(values: dict[str, Any]) -> Row:
    start, seconds = Fraction(values["start"]), Fraction(values["seconds"])
    captions = tuple(values["captions"])
    return Row(values["id"], Path(values["file"]), start, seconds, captions, values["split"])
