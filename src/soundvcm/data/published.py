"""Catalogs of the data sets that MMAudio and the paper train on, from their tables as they are published.

    VGGSound, AudioCaps, Clotho, WavCaps => Catalog

Pairing is by id, never by position (case 35). Knows tables and names; opens no media.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

from soundvcm import media
from soundvcm.data.catalog import CLIP_SECONDS, Catalog, Row, hold_out, pair
from soundvcm.data.media_index import MediaIndex, plain
from soundvcm.errors import StoreError

#: share of VGGSound's training clips that MMAudio validates on: 2,048 of about 183,700
VGGSOUND_VAL = 2048 / 183_700
WAVCAPS_SEGMENTS = 5


def from_vggsound(table: Path, folder: Path, *, val_share: float = VGGSOUND_VAL) -> Catalog:
    """VGGSound's vggsound.csv (youtube id, start second, label, split): first 8 s, the label as text.

    Files are named after the id and the start in six digits, "--0PQM4-hqg_000030.mp4". The table has no
    split for validation: `val_share` of the training files are taken for it, as many as MMAudio takes.
    """
    files = MediaIndex(folder)

    def rows() -> Iterator[Row]:
        for number, (name, start, label, split) in enumerate(_csv(table, 4), start=1):
            if number == 1 and not _is_number(start):
                continue  # some copies of the table have a header
            clip = f"{name}_{_whole(table, number, start):06d}"
            yield Row(clip, files.find(clip, folder / f"{clip}.mp4"), captions=(label,), split=split)

    return hold_out(pair(rows(), files.files()), val_share)


def from_audiocaps(table: Path, folder: Path, *, split: str = "train") -> Catalog:
    """AudioCaps' train.csv (audiocap_id, youtube_id, start_time, caption); several captions of one clip come
    together.
    """
    files = MediaIndex(folder)

    def rows() -> Iterator[Row]:
        for number, (_, name, start, caption) in enumerate(_csv(table, 4, header="audiocap_id"), start=1):
            clip = f"{name}_{_whole(table, number, start):06d}"
            yield Row(clip, files.find(clip, folder / f"{clip}.wav"), captions=(caption,), split=split)

    return pair(rows(), files.files())


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

    return pair(rows(), MediaIndex(folder).files())


def from_wavcaps(table: Path, folder: Path, *, split: str = "train") -> Catalog:
    """A subset of WavCaps, by its json ({"data": [{"id", "caption", "duration"}]}): at most five segments.

    The sounds are named after the id, in any format; AudioSet's ids end in ".wav" in the table. As many
    segments as fit without overlap, at most five, their starts spread evenly over the file as in MMAudio; a
    segment's id is the file's and its number, but the first one keeps the file's own.
    """
    files = MediaIndex(folder)
    try:
        entries = json.loads(media.read_text(table, StoreError))["data"]
        told = [
            (
                plain(entry["id"]).removesuffix(".wav"),
                plain(entry["caption"]),
                min(Fraction(10**7), Fraction(str(entry.get("duration") or CLIP_SECONDS))),
            )
            for entry in entries
            if entry["caption"] is not None
        ]
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise StoreError(
            f"{table} is not a table of WavCaps: it has no data with id and caption ({error})"
        ) from None

    def rows() -> Iterator[Row]:
        for name, caption, whole in told:
            file = files.find(name, folder / f"{name}.flac")
            count = min(WAVCAPS_SEGMENTS, max(1, int(whole // CLIP_SECONDS)))
            apart = (whole - CLIP_SECONDS) / (count - 1) if count > 1 else Fraction(0)
            for k in range(count):
                start = Fraction(round(k * apart * 100), 100)
                yield Row(f"{name}_{k}" if k else name, file, start, captions=(caption,), split=split)

    return pair(rows(), files.files())


def _csv(path: Path, width: int, header: str | None = None) -> Iterator[list[str]]:
    try:
        rows = csv.reader(io.StringIO(media.read_text(path, StoreError), newline=""), strict=True)
        table = [cells for cells in rows if cells]
    except csv.Error as error:
        raise StoreError(f"{path}: {error}: quotes around a cell must be closed") from None
    if header is not None and (not table or table[0][0] != header):
        raise StoreError(f"{path}: the first column of its header is {header!r} in the published table")
    for number, cells in enumerate(table[1 if header is not None else 0 :], start=1):
        if len(cells) != width:
            raise StoreError(f"{path}, row {number}: {len(cells)} cells, the published table has {width}")
        yield cells


def _is_number(text: str) -> bool:
    try:
        Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        return False
    return True


def _whole(path: Path, number: int, text: str) -> int:
    """Whole seconds of a cell, also where a program wrote "30.0"."""
    if not _is_number(text) or not 0 <= Fraction(text.strip()) < 10**6:
        raise StoreError(f"{path}, row {number}: the start {text!r} is no number of seconds")
    return int(Fraction(text.strip()))
