"""A file is written beside its place and then renamed: whoever looks sees the old one or the new one, whole.

Knows no format and no kind of error but the system's own.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MAX_NAME_BYTES = 160


@contextmanager
def beside(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """A path beside `path` to write to; at the end it becomes `path`, on any error it is removed.

    A link stays a link: the file it leads to is replaced. A replaced file keeps its rights. What a kill
    leaves is named ".<name>.<8 digits>.part<suffix>".

    Args:
        path: the file to write. Its folder is made if it is missing.
        sync: wait until the disk has it, so that a power cut leaves the old file or the new one.

    Raises:
        OSError: if the folder or the file cannot be written, or nothing was.
    """
    real = Path(os.path.realpath(path)) if path.is_symlink() else path
    stem = os.fsdecode(os.fsencode(real.stem)[:MAX_NAME_BYTES].decode("utf-8", "ignore").encode())
    part = real.with_name(f".{stem}.{secrets.token_hex(4)}.part{real.suffix}")
    try:
        rights = stat.S_IMODE(real.stat().st_mode) if real.exists() else None
        real.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if sync:
            flush(part)
        if rights is not None:
            part.chmod(rights)
        os.replace(part, real)
    finally:
        with suppress(OSError):
            part.unlink()


def flush(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder.

    Raises:
        OSError: if it is not there, or the disk cannot take it.
    """
    if path.is_dir() and os.name == "nt":
        return  # it cannot open a folder; its names are in the disk's own journal
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
