"""Tables of clips for a batch: CSV, TSV and JSONL with the columns video, prompt and seed.

    table => rows, each with its line number and, where a row cannot be used, the reason

A table that is wrong as a whole (a missing or unknown column) is one error; a wrong row is that row's
failure. Cells arrive as they were written, with quotes, commas and line ends (cases 32, 35).
Knows text only, no clips and no work.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from soundvcm import media
from soundvcm.errors import OptionError, nearest
from soundvcm.generate.options import MAX_SEED

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl")
COLUMNS = ("video", "prompt", "seed")
_KNOWN = f"the columns are {', '.join(COLUMNS)}"


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
    lines = media.table_rows(path, partial(_header, path), OptionError)
    rows = [_row(path, line, values) for line, values in lines]
    if not rows:
        raise OptionError(f"{path}: holds no rows")
    return rows


def _row(path: Path, line: int, values: dict[str, Any] | str) -> _TableRow:
    if isinstance(values, str):
        return _TableRow(line, fault=values)
    for name in values:
        if name not in COLUMNS:
            raise OptionError(
                f"{path}: line {line}: unknown column {name!r}{nearest(name, COLUMNS)}; {_KNOWN}"
            )
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


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    if "video" not in names:
        raise OptionError(f"{path}: line {line}: there is no column video; {_KNOWN}, on the first line")
    if len(set(names)) < len(names):
        raise OptionError(f"{path}: line {line}: a column stands there twice")
    return names
