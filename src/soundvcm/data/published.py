"""Catalogs of the data sets that MMAudio and the paper train on, from their tables as they are published.

    VGGSound, AudioCaps, Clotho, WavCaps => Catalog

Pairing is by id, never by position (case 35). Knows tables and names; opens no media.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

from soundvcm.data.catalog import CLIP_SECONDS, Catalog, Row, hold_out, media_files, pair
from soundvcm.errors import StoreError

#: share of VGGSound's training clips that MMAudio validates on: 2,048 of about 183,700
VGGSOUND_VAL = 2048 / 183_700
WAVCAPS_SEGMENTS = 5


def from_vggsound(table: Path, folder: Path, *, val_share: float = VGGSOUND_VAL) -> Catalog:
    """VGGSound's vggsound.csv (youtube id, start second, label, split): first 8 s, the label as text.

    Files are named after the id and the start in six digits, "--0PQM4-hqg_000030.mp4". The table has no
    split for validation: `val_share` of the training files are taken for it, as many as MMAudio takes.
    """
    files = media_files(folder)

    def rows() -> Iterator[Row]:
        for name, start, label, split in _csv(table, 4):
            clip = f"{name}_{int(start):06d}"
            yield Row(clip, files.get(clip, folder / f"{clip}.mp4"), captions=(label,), split=split)

    return hold_out(pair(rows(), files.values()), val_share)


def from_audiocaps(table: Path, folder: Path, *, split: str = "train") -> Catalog:
    """AudioCaps' train.csv (audiocap_id, youtube_id, start_time, caption); several captions of one clip come
    together.
    """
    files = media_files(folder)

    def rows() -> Iterator[Row]:
        for _, name, start, caption in _csv(table, 4, header="audiocap_id"):
            clip = f"{name}_{int(start):06d}"
            yield Row(clip, files.get(clip, folder / f"{clip}.wav"), captions=(caption,), split=split)

    return pair(rows(), files.values())


def from_clotho(
    table: Path, folder: Path, duration: Callable[[Path], Fraction], *, split: str = "train"
) -> Catalog:
    """Clotho's captions csv (file_name, caption_1 .. caption_5): all whole windows of 8 s, five captions
    each.

    Args:
        table: the csv file.
        folder: of the sounds.
        duration: seconds of a sound file.
        split: of all its rows.
    """

    def rows() -> Iterator[Row]:
        for name, *captions in _csv(table, 6, header="file_name"):
            file = folder / name
            count = max(1, duration(file) // CLIP_SECONDS) if file.is_file() else 1
            for k in range(int(count)):
                yield Row(f"{file.stem}_{k}", file, k * CLIP_SECONDS, captions=tuple(captions), split=split)

    return pair(rows(), media_files(folder).values())


def from_wavcaps(table: Path, folder: Path, *, split: str = "train") -> Catalog:
    """A subset of WavCaps, by its json ({"data": [{"id", "caption", "duration"}]}): at most five segments.

    The sounds are named after the id, in any format; AudioSet's ids end in ".wav" in the table. As many
    segments as fit without overlap, at most five, their starts spread evenly over the file as in MMAudio; a
    segment's id is the file's and its number, but the first one keeps the file's own.
    """
    files = media_files(folder)
    try:
        entries = json.loads(table.read_text(encoding="utf-8-sig"))["data"]
        told = [
            (
                str(entry["id"]).removesuffix(".wav"),
                str(entry["caption"]),
                Fraction(str(entry.get("duration", CLIP_SECONDS))),
            )
            for entry in entries
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{table} is not a table of WavCaps: it has no data with id and caption ({error})"
        ) from None

    def rows() -> Iterator[Row]:
        for name, caption, whole in told:
            file = files.get(name, folder / f"{name}.flac")
            count = min(WAVCAPS_SEGMENTS, max(1, int(whole // CLIP_SECONDS)))
            apart = (whole - CLIP_SECONDS) / (count - 1) if count > 1 else Fraction(0)
            for k in range(count):
                start = Fraction(round(k * apart * 100), 100)
                yield Row(f"{name}_{k}" if k else name, file, start, captions=(caption,), split=split)

    return pair(rows(), files.values())


def _csv(path: Path, width: int, header: str | None = None) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read ({error})") from None
    if header is not None and (not table or table[0][0] != header):
        raise StoreError(f"{path}: the first column of its header is {header!r} in the published table")
    for number, cells in enumerate(table[1 if header is not None else 0 :], start=1):
        if len(cells) != width:
            raise StoreError(f"{path}, row {number}: {len(cells)} cells, the published table has {width}")
        yield cells
