"""Which clips there are: a table of id, file, start, seconds, captions and split, and builders for published
tables.

    catalog.tsv or .jsonl, a folder, VGGSound, AudioCaps, Clotho, WavCaps => Catalog (rows to extract, and all
    that did not pair)

Pairing is by id, never by position (case 35). Knows text files and names; opens no media.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from soundvcm import media
from soundvcm.config import nearest
from soundvcm.errors import StoreError
from soundvcm.timeline import exact_seconds

COLUMNS = ("id", "file", "start", "seconds", "captions", "split")
CLIP_SECONDS = Fraction(8)
_LEFT_OUT_SECONDS = Fraction(1, 4)  # so short an end gets no window of its own


@dataclass(frozen=True)
class Row:
    """One clip to extract.

    Attributes:
        id: unique in the catalog.
        file: the media file.
        start: where the clip begins in it (s).
        seconds: how long it is.
        captions: of this sound, all of them.
        split: "train", "val", "test".
    """

    id: str
    file: Path
    start: Fraction = Fraction(0)
    seconds: Fraction = CLIP_SECONDS
    captions: tuple[str, ...] = ()
    split: str = "train"


@dataclass(frozen=True)
class Catalog:
    """Rows whose file is there, in order, and what did not pair.

    Attributes:
        rows: to extract.
        lines: lines of the table, before captions of one id were put together.
        without_file: ids whose file is missing.
        without_row: media files in the folder that no row names.
    """

    rows: tuple[Row, ...]
    lines: int
    without_file: tuple[str, ...] = ()
    without_row: tuple[Path, ...] = field(default=())

    def report(self) -> str:
        """One line: how many lines, files, pairs, and how many are left over on either side."""
        files = len({row.file for row in self.rows}) + len(self.without_row)
        return (
            f"{self.lines} lines, {files} files: {len(self.rows)} clips paired, {len(self.without_file)}"
            f" without file,"
            f" {len(self.without_row)} files without row"
        )


def read_catalog(path: Path, root: Path | None = None) -> Catalog:
    """Read a table written by hand or program: TSV with a header, or one JSON object a line.

    Columns: id, file (default: the one in `root` named after the id), start, seconds, captions (or caption;
        in TSV one
    line for each), split. UTF-8 with or without BOM, any line ends; quotes are text like any other letter.

    Args:
        path: ".tsv" or ".jsonl".
        root: folder that relative file names start from, default the table's.

    Raises:
        StoreError: for an unknown column, a line without id, a number that is none, or one id for two clips.
    """
    root = path.parent if root is None else root
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read as UTF-8 text ({error})") from None
    files = media_files(root)
    lines = _json_lines(path, text) if path.suffix == ".jsonl" else _tsv_lines(path, text)
    return pair((_row(path, number, values, root, files) for number, values in lines), files.values())


def pair(rows: Iterable[Row], files: Iterable[Path] = ()) -> Catalog:
    """Put captions of one clip together, and list what has no counterpart.

    Raises:
        StoreError: if one id stands for two different clips.
    """
    found: dict[str, Row] = {}
    count = 0
    for row in rows:
        count += 1
        known = found.get(row.id)
        if known is None:
            found[row.id] = row
        elif replace(known, captions=()) != replace(row, captions=()):
            raise StoreError(
                f"id {row.id!r} stands for two clips ({known.file} from {float(known.start):g} s,"
                f" {row.file} from"
                f" {float(row.start):g} s): give each its own id"
            )
        else:
            more = tuple(caption for caption in row.captions if caption not in known.captions)
            found[row.id] = replace(known, captions=known.captions + more)
    present = [row for row in found.values() if row.file.is_file()]
    missing = tuple(row.id for row in found.values() if not row.file.is_file())
    named = {row.file.resolve() for row in present}
    rest = tuple(sorted(file for file in files if file.resolve() not in named))
    return Catalog(tuple(present), count, missing, rest)


def media_files(folder: Path) -> dict[str, Path]:
    """Media files of a folder and those below it, by name without ending."""
    kinds = media.VIDEO_SUFFIXES | media.SOUND_SUFFIXES
    return {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in kinds}


def from_folder(
    folder: Path,
    *,
    seconds: Fraction = CLIP_SECONDS,
    val_every: int = 20,
    duration: Callable[[Path], Fraction] | None = None,
) -> Catalog:
    """A plain folder of clips: the caption is the file's name in words, or the text in a .txt file beside it.

    Args:
        folder: searched with what is below it.
        seconds: length of each clip, of windows the longest.
        val_every: every such file is kept for validation, of fewer files the last; 0 keeps none.
        duration: seconds of a file; with it each file gives windows to its end (`window_starts`), without it
            one clip from its beginning.
    """
    files, rows = media_files(folder), []
    held_out = min(val_every, len(files)) - 1
    for k, (name, file) in enumerate(files.items()):
        words = file.with_suffix(".txt")
        caption = (
            words.read_text(encoding="utf-8-sig")
            if words.is_file()
            else name.replace("_", " ").replace("-", " ")
        )
        split = "val" if held_out > 0 and k % val_every == held_out else "train"
        lines = tuple(line.strip() for line in caption.splitlines() if line.strip())
        length, starts = (seconds, (Fraction(0),)) if duration is None else (
            window_starts(duration(file), seconds)
        )  # fmt: skip
        for number, start in enumerate(starts):
            title = name if len(starts) == 1 else f"{name}#{number}"
            rows.append(Row(title, file, start, length, lines, split))
    return pair(rows, files.values())


def window_starts(whole: Fraction, longest: Fraction = CLIP_SECONDS) -> tuple[Fraction, tuple[Fraction, ...]]:
    """Length and starts (s) of windows that cover a file to its end; the last two may overlap.

    Of all files together there are few different lengths: `longest` halved until it fits, one second at
    least. 20 s give 8 s from 0, 8 and 12; 5.3 s give 4 s from 0 and 1.3.
    """
    length = longest
    while length > whole and length >= 2:
        length /= 2
    starts = [k * length for k in range(max(1, whole // length))]
    if whole - starts[-1] > length + _LEFT_OUT_SECONDS:
        starts.append(whole - length)
    return length, tuple(starts)


def from_vggsound(table: Path, folder: Path) -> Catalog:
    """VGGSound's vggsound.csv (youtube id, start second, label, split): first 8 s, the label as text
    (as in MMAudio).

    Files are named after the id and the start in six digits, "--0PQM4-hqg_000030.mp4".
    """
    files = media_files(folder)

    def rows() -> Iterator[Row]:
        for name, start, label, split in _csv(table, 4):
            clip = f"{name}_{int(start):06d}"
            yield Row(clip, files.get(clip, folder / f"{clip}.mp4"), captions=(label,), split=split)

    return pair(rows(), files.values())


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
    """A subset of WavCaps, by its json ({"data": [{"id", "caption", ...}]}): first 8 s, one caption each.

    The sounds are named after the id, in any format; AudioSet's ids end in ".wav" in the table.
    """
    files = media_files(folder)
    try:
        entries = json.loads(table.read_text(encoding="utf-8-sig"))["data"]
        told = [(str(entry["id"]).removesuffix(".wav"), str(entry["caption"])) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{table} is not a table of WavCaps: it has no data with id and caption ({error})"
        ) from None
    rows = (
        Row(name, files.get(name, folder / f"{name}.flac"), captions=(c,), split=split) for name, c in told
    )
    return pair(rows, files.values())


def _row(path: Path, number: int, values: dict[str, Any], root: Path, files: dict[str, Path]) -> Row:
    if "caption" in values:
        values["captions"] = values.pop("caption")
    unknown = [name for name in values if name not in COLUMNS]
    if unknown:
        raise StoreError(f"{path}: unknown column {unknown[0]!r}{nearest(unknown[0], COLUMNS)}")
    name = str(values.get("id") or "")
    if not name:
        raise StoreError(f"{path}, line {number}: no id")
    given = values.get("file")
    file = root / str(given) if given else files.get(name, root / name)
    captions = values.get("captions") or ()
    try:
        return Row(
            name,
            file,
            exact_seconds(values.get("start") or 0),
            exact_seconds(values.get("seconds") or CLIP_SECONDS),
            (captions,) if isinstance(captions, str) else tuple(map(str, captions)),
            str(values.get("split") or "train"),
        )
    except ValueError as error:
        raise StoreError(f"{path}, line {number} ({name}): {error}") from None


def _tsv_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = text.splitlines()
    header = lines[0].split("\t") if lines else []
    if "id" not in header:
        raise StoreError(
            f"{path}: the first line names the columns ({', '.join(COLUMNS)}), separated by tabs"
        )
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            cells = line.split("\t")
            if len(cells) > len(header):
                raise StoreError(f"{path}, line {number}: {len(cells)} cells, the header has {len(header)}")
            yield number, dict(zip(header, cells, strict=False))


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, dict(json.loads(line))
            except (ValueError, TypeError):
                raise StoreError(f"{path}, line {number}: not a JSON object") from None


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
