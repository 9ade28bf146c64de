"""Tables of clips for a batch: CSV, TSV and JSONL with the columns video, prompt and seed.

    table => rows, each with its line number and, where a row cannot be used, the reason

A table that is wrong as a whole (a missing or unknown column) is one error; a wrong row is that row's
failure. Cells arrive as they were written, with quotes, commas and line ends (cases 32, 35).
Knows text only, no clips and no work.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundvcm.errors import OptionError, nearest
from soundvcm.generate.options import MAX_SEED

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl")
COLUMNS = ("video", "prompt", "seed")
MAX_CELL = 1 << 20  # characters; Python's csv refuses cells above 128 Ki unless told


@dataclass(frozen=True)
class _TableRow:
    """One row.

    Attributes:
        line: line of the table it begins on, counted from 1.
        video: the clip, relative paths taken from the table's folder; None if the row names none.
        prompt: the cell as it stands; None where it is empty or missing.
        seed: of the row; None where it is empty or missing.
        fault: why the row cannot be used, "" if it can.
    """

    line: int
    video: Path | None = None
    prompt: str | None = None
    seed: int | None = None
    fault: str = ""


def read_table(path: Path) -> list[_TableRow]:
    """All rows of a table; blank lines are left out.

    Raises:
        OptionError: the table cannot be read, lacks the column video, or has an unknown column.
    """
    try:
        data = path.read_bytes()
        coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = data.decode(coding)
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise OptionError(f"{path}: byte {error.start} is not UTF-8: save the table as UTF-8") from None
    if "\n" not in text:
        text = text.replace("\r", "\n")  # as old spreadsheets end their lines
    lines = _json_lines(path, text) if path.suffix.lower() == ".jsonl" else _cell_lines(path, text)
    rows = [_row(path, line, values) for line, values in lines]
    if not rows:
        raise OptionError(f"{path}: holds no rows")
    return rows


def _row(path: Path, line: int, values: dict[str, Any] | str) -> _TableRow:
    if isinstance(values, str):
        return _TableRow(line, fault=values)
    video, prompt, seed = (values.get(name) for name in COLUMNS)
    if not isinstance(video, str) or not video.strip():
        return _TableRow(line, fault="names no video")
    if "\0" in video:
        return _TableRow(line, fault="the name of the video holds a zero byte")
    place = path.parent / video.strip()
    if prompt is not None and not isinstance(prompt, str):
        return _TableRow(line, place, fault=f"prompt {json.dumps(prompt)} is not text")
    try:
        number = _seed(seed)
    except (ValueError, TypeError):
        return _TableRow(line, place, fault=f"seed {seed!r} is not -1 (random) or a number 0 .. 2**63 - 1")
    return _TableRow(line, place, prompt if prompt and prompt.strip() else None, number)


def _seed(cell: Any) -> int | None:
    if cell is None or cell == "" or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, bool):
        raise ValueError(cell)
    # Programs that fill gaps in a column of numbers write 7 as 7.0.
    whole = float(cell) if isinstance(cell, float) or "." in str(cell) else None
    if whole is not None and not whole.is_integer():
        raise ValueError(cell)
    seed = int(cell) if whole is None else int(whole)
    if not -1 <= seed <= MAX_SEED:
        raise ValueError(cell)
    return seed


def _check_columns(path: Path, names: list[str], line: int) -> None:
    for name in names:
        if name not in COLUMNS:
            raise OptionError(
                f"{path}: line {line}: unknown column {name!r}{nearest(name, COLUMNS)};"
                f" the columns are {', '.join(COLUMNS)}"
            )
    if len(set(names)) < len(names):
        raise OptionError(f"{path}: line {line}: a column stands there twice")


def _cell_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Rows of a CSV or TSV by column; a text instead where a row does not fit the header."""
    rows = _tab_rows(text) if path.suffix.lower() == ".tsv" else _comma_rows(path, text)
    first = next(rows, None)
    if first is None:
        raise OptionError(f"{path}: is empty: its first line must name the columns {', '.join(COLUMNS)}")
    line, header = first
    names = [cell.strip().lower() for cell in header]
    if "video" not in names:
        raise OptionError(
            f"{path}: line {line}: there is no column video: the first line must name the columns"
            f" {', '.join(COLUMNS)} (video is needed)"
        )
    _check_columns(path, names, line)
    for line, cells in rows:
        if len(cells) > len(names):
            more = "" if path.suffix.lower() == ".tsv" else ': put "quotes" around cells that hold commas'
            yield line, f"has {len(cells)} cells where the header has {len(names)}{more}"
        else:
            yield line, dict(zip(names, cells, strict=False))


def _comma_rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    head = text.split("\n", 1)[0]
    comma = ";" if ";" in head and "," not in head else ","  # spreadsheets of half of Europe write ";"
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=comma, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise OptionError(f"{path}: line {line}: not a CSV row ({error})") from None


def _tab_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Tabs part the cells and nothing else has a meaning: quotes are letters like any other."""
    for line, row in enumerate(text.split("\n"), start=1):
        if row.strip():
            yield line, row.removesuffix("\r").split("\t")


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for line, row in enumerate(text.split("\n"), start=1):
        if not row.strip():
            continue
        try:
            values = json.loads(row)
        except ValueError as error:
            yield line, f"is not JSON ({error})"
            continue
        if not isinstance(values, dict):
            yield line, 'is not a JSON object such as {"video": "clip.mp4", "prompt": "rain", "seed": 7}'
            continue
        _check_columns(path, list(values), line)
        yield line, values
