"""Tables of clips that others wrote: text in any usual coding, rows of CSV, TSV and JSONL with their lines.

A table that is wrong as a whole is an error; for a row that does not fit, a sentence that says why is given,
and whoever reads decides. Knows text only, no clips and no columns.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from soundvcm.errors import InputError, SoundVCMError

_MAX_CELL = 1 << 20  # characters; Python's csv refuses cells above 128 Ki unless told
#: line on which a row begins, counted from 1 => its cells by column, or why it cannot be used
TableRow = tuple[int, dict[str, Any] | str]


def read_text(path: Path, error: type[SoundVCMError] = InputError) -> str:
    """Text of a table or a caption: UTF-8 with or without BOM, or UTF-16 with one.

    Raises:
        error: if it cannot be read as either.
    """
    try:
        data = path.read_bytes()
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as fault:
        raise error(f"{path}: cannot be read ({fault.strerror or fault})") from None
    except UnicodeDecodeError as fault:
        raise error(f"{path}: cannot be read (byte {fault.start} is not UTF-8): save it as UTF-8") from None


def text_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, blank ones left out; other breaks that Unicode knows are no line ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    yield from ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def table_rows(
    path: Path, columns: Callable[[int, list[str]], list[str]], error: type[SoundVCMError] = InputError
) -> Iterator[TableRow]:
    """Rows of a table by column; blank ones are left out.

    Args:
        path: ".jsonl" has an object a line, ".csv" commas (or semicolons, as spreadsheets of half of Europe
            write it) and quotes, any other suffix tabs, where quotes are letters like any other.
        columns: line and cells of the header => names of the columns; objects have their own.
        error: what a table that cannot be read raises.

    Raises:
        error: if the file cannot be read or has no header, or quotes are not closed.
    """
    text, suffix = read_text(path, error), path.suffix.lower()
    if suffix == ".jsonl":
        yield from _objects(text)
        return
    rows = _comma_rows(path, text, error) if suffix == ".csv" else _tab_rows(text)
    header = next(rows, None)
    if header is None:
        raise error(f"{path}: is empty: its first line must name the columns")
    names = columns(*header)
    for line, cells in rows:
        if len(cells) > len(names):
            more = ': put "quotes" around cells that hold commas' if suffix == ".csv" else ""
            yield line, f"has {len(cells)} cells where the header has {len(names)}{more}"
        else:
            yield line, dict(zip(names, cells, strict=False))


def _tab_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    return ((line, row.split("\t")) for line, row in text_lines(text))


def _comma_rows(path: Path, text: str, error: type[SoundVCMError]) -> Iterator[tuple[int, list[str]]]:
    head = re.split(r"[\r\n]", text, maxsplit=1)[0]
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if ";" in head and "," not in head else ",", strict=True
    )
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as fault:
        raise error(f"{path}: line {line}: not a CSV row ({fault}): quotes must be closed") from None


def _objects(text: str) -> Iterator[TableRow]:
    for line, row in text_lines(text):
        try:
            values = json.loads(row)
        except (ValueError, RecursionError) as fault:
            yield line, f"is not JSON ({fault})"
            continue
        yield (
            line,
            values if isinstance(values, dict) else "is not a JSON object with a value for each column",
        )
