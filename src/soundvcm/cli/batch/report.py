"""The report of a batch: one JSON object a line, written as the work goes, read back to know what is done.

A line is on the disk before the next clip begins; a line cut off by a kill is passed over. At the end every
result keeps its latest line only. Knows files and settings, no models.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from soundvcm import __version__, media
from soundvcm.cli.batch.items import REPORT
from soundvcm.errors import InputError, MediaError
from soundvcm.generate.options import GenerateOptions

Record = dict[str, Any]
_CHUNK = 1 << 20
NOT_SETTINGS = ("video", "output")


class Report:
    """The report of one folder; a context manager that leaves it tidy.

    Args:
        folder: where it lies; made if it is missing.

    Raises:
        InputError: if it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / REPORT
        self._made = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._latest: dict[object, Record] = {}
            for record in _read_report(self.path):
                self._latest[record["target"]] = record
            self._file = self.path.open("a+b")
            if self._file.tell() and self._last_byte() != b"\n":
                self._file.write(b"\n")
        except OSError as error:
            raise InputError(
                f"{self.path}: the report cannot be written ({error.strerror}): choose another --output"
            ) from None

    def _last_byte(self) -> bytes:
        self._file.seek(-1, os.SEEK_END)
        return self._file.read(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        lines = b"".join(_line(record) for record in self._latest.values())
        if lines:
            with media.whole_file(self.path) as beside:
                beside.write_bytes(lines)
            return
        self.path.unlink()
        if self._made:
            with suppress(OSError):
                self.folder.rmdir()

    def add(self, record: Record) -> None:
        """Write one line; it is on the disk when this returns.

        A line without a target (a table's row that names no clip) is gone at the next run.
        """
        key = record["target"] or ("row", len(self._latest))
        self._latest.pop(key, None)
        self._latest[key] = record
        self._file.write(_line(record))
        self._file.flush()
        os.fsync(self._file.fileno())

    def latest(self, target: str) -> Record | None:
        """The last line about a result, from this run or an earlier one."""
        return self._latest.get(target)


def _read_report(path: Path) -> list[Record]:
    """The lines of a report in order; lines that a kill cut off, and lines of others, are left out.

    Raises:
        OSError: if a report that exists cannot be read.
    """
    found = []
    for line in path.read_bytes().split(b"\n") if path.exists() else []:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("target"), str):
            found.append(record)
    return found


def _line(record: Record) -> bytes:
    # A name that is no text keeps its bytes as a JSON escape.
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def name_in(folder: Path, output: Path) -> str:
    """Name of a planned or written file inside the folder of the report, the same on every system."""
    return Path(os.path.relpath(output, folder)).as_posix()


def still_whole(record: Record | None, fingerprint: str, folder: Path) -> bool:
    """Whether a line tells of a result that was made of this content and is there with its full size."""
    if record is None or record.get("fingerprint") != fingerprint or record.get("status") == "failed":
        return False
    outputs, sizes = record.get("outputs"), record.get("bytes")
    if not isinstance(outputs, list) or not isinstance(sizes, list) or len(outputs) != len(sizes):
        return False
    paths = [folder / str(name) for name in outputs]
    return all(
        path.is_file() and path.stat().st_size == size for path, size in zip(paths, sizes, strict=True)
    )


def fingerprint(source: Path, request: GenerateOptions, options: dict[str, str]) -> str:
    """What a result depends on: the clip's content, what was asked, the model and our version.

    The device and compiling are left out: they change the sound by rounding only.

    Raises:
        OSError: if the clip cannot be read.
    """
    content = hashlib.sha256()
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            content.update(chunk)
    asked = {name: value for name, value in asdict(request).items() if name not in NOT_SETTINGS}
    model = {name: value for name, value in options.items() if name not in ("device", "compile")}
    facts = json.dumps([content.hexdigest(), asked, model, __version__], sort_keys=True)
    return hashlib.sha256(facts.encode("utf-8", "surrogatepass")).hexdigest()


def refuse_strangers(request: GenerateOptions) -> None:
    """A file that lies where a result goes must be one of ours.

    Raises:
        MediaError: if it is not.
    """
    for path in media.output_paths(request.video, request.output, takes=request.takes):
        if path.exists() and not media.made_here(path):
            raise MediaError(f"{path}: exists and was not made by soundvcm: move it or add --overwrite")
