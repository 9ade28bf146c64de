"""Which clips there are: a table of id, file, start, seconds, captions and split, or a folder.

    table (.tsv, .csv, .jsonl), folder => Catalog (rows to extract, and all that did not pair)

Pairing is by id, never by position (case 35). Knows text files and names; opens no media.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from soundvcm import media
from soundvcm.data.media_index import MediaIndex, plain
from soundvcm.errors import StoreError, nearest
from soundvcm.timeline import exact_seconds

COLUMNS = ("id", "file", "start", "seconds", "captions", "split")
#: what tables of others call the same (MMAudio, Hugging Face's audiofolder)
ALSO = {"file_name": "file", "filename": "file", "path": "file"}
ALSO |= {"caption": "captions", "label": "captions", "text": "captions"}
CLIP_SECONDS = Fraction(8)
_USUAL = {"start": Fraction(0), "seconds": CLIP_SECONDS}
_LONGEST = 10**7  # s
_CAMERA = set("img dsc dscn dscf vid video mov mvi gopr pxl clip file rec take scene track audio".split())
_VOWELS = set("aeiouy")
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
    """Read a table written by hand or program: TSV or CSV with a header, or one JSON object a line.

    Columns: id (default: the file's name without its ending), file (default: the one in `root` named after
    the id), start, seconds, captions (in TSV and CSV a line for each), split; `ALSO` has other names for
    them. UTF-8 with or without BOM, any line ends; in TSV quotes are text like any other letter; a CSV may
    have semicolons.

    Args:
        path: ".tsv", ".csv" or ".jsonl".
        root: folder that relative file names start from, default the table's.

    Raises:
        StoreError: for an unknown column, a line without id, a number that is none, or one id for two clips.
    """
    root = path.parent if root is None else root
    files, rows = MediaIndex(root), media.table_rows(path, partial(_header, path), StoreError)
    return pair((_row(path, line, values, root, files) for line, values in rows), files.files())


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
    present = [row for row in found.values() if _is_file(row.file)]
    missing = tuple(row.id for row in found.values() if not _is_file(row.file))
    named = {row.file.resolve() for row in present}
    rest = tuple(sorted(file for file in files if file.resolve() not in named))
    return Catalog(tuple(present), count, missing, rest)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no disk takes
        return False


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
    files, rows = MediaIndex(folder), []
    held_out = min(val_every, len(files.ids)) - 1
    for k, (name, file) in enumerate(files.ids.items()):
        words = file.with_suffix(".txt")
        told = words.is_file()
        caption = (
            media.read_text(words, StoreError) if told else file.stem.replace("_", " ").replace("-", " ")
        )
        split = "val" if held_out > 0 and k % val_every == held_out else "train"
        lines = tuple(plain(line.strip()) for _, line in media.text_lines(caption))
        length, starts = (seconds, (Fraction(0),)) if duration is None else (
            window_starts(duration(file), seconds)
        )  # fmt: skip
        for number, start in enumerate(starts):
            title = name if len(starts) == 1 else f"{name}#{number}"
            rows.append(Row(title, file, start, length, lines, split))
    return pair(rows, files.files())


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


def hold_out(catalog: Catalog, share: float) -> Catalog:
    """Move whole files from "train" to "val", at least one; which ones depends on their names only.

    A catalog that has the split already, or a single file, stays as it is.
    """
    names = sorted({row.file.name for row in catalog.rows if row.split == "train"}, key=_hashed)
    if len(names) < 2 or any(row.split == "val" for row in catalog.rows):
        return catalog
    kept = set(names[: max(1, round(share * len(names)))])
    rows = (
        replace(row, split="val") if row.split == "train" and row.file.name in kept else row
        for row in catalog.rows
    )
    return replace(catalog, rows=tuple(rows))


def _hashed(name: str) -> str:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def nameless(catalog: Catalog) -> list[str]:
    """Captions that look like numbers or ids of files ("IMG 2034"), where most clips have no others."""
    told = [row for row in catalog.rows if row.captions]
    odd = [row.captions[0] for row in told if not any(map(_says_something, row.captions))]
    return odd if len(odd) > len(told) / 2 else []


def _says_something(caption: str) -> bool:
    """One word, as words are written: letters (maybe a number behind), no capital within (3FtGm8aEoUw)."""
    if not caption.isascii():
        return True
    tokens = re.findall(r"[A-Za-z0-9']+", caption)
    words = [found[1] for token in tokens if (found := re.fullmatch(r"([A-Za-z']{3,})\d{0,3}", token))]
    return any(
        (word[1:].islower() or word.isupper()) and word.lower() not in _CAMERA and set(word.lower()) & _VOWELS
        for word in words
    )


def _row(path: Path, number: int, values: dict[str, Any] | str, root: Path, files: MediaIndex) -> Row:
    if isinstance(values, str):
        raise StoreError(f"{path}, line {number}: {values}")
    for other, name in ALSO.items():
        if other in values:
            values.setdefault(name, values.pop(other))
    unknown = [name for name in values if name not in COLUMNS]
    if unknown:
        raise StoreError(f"{path}: unknown column {unknown[0]!r}{nearest(unknown[0], COLUMNS)}")
    given = values.get("file")
    name = plain(values.get("id") or (Path(str(given)).with_suffix("").as_posix() if given else ""))
    if not name:
        raise StoreError(f"{path}, line {number}: no id and no file")
    file = root / str(given) if given else files.find(name, root / name)
    captions = values.get("captions") or ()
    if isinstance(captions, str):
        captions = (captions,)
    try:
        start, seconds = (exact_seconds(values.get(key) or usual) for key, usual in _USUAL.items())
        if start < 0 or seconds <= 0 or max(start, seconds) > _LONGEST:
            raise ValueError(f"a clip cannot begin at {start} s and last {seconds} s")
        told = tuple(plain(caption) for caption in captions if caption is not None)
        return Row(name, file, start, seconds, told, plain(values.get("split") or "train"))
    except (ValueError, TypeError, OverflowError) as error:
        raise StoreError(f"{path}, line {number} ({name}): {error}") from None


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not {"id", "file"} & {ALSO.get(name, name) for name in names}:
        how = "" if path.suffix.lower() == ".csv" else ", separated by tabs"
        raise StoreError(f"{path}: the first line names the columns ({', '.join(COLUMNS)}){how}")
    return names
