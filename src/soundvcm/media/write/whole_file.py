"""Writing files whole or not at all: beside the target, synced to the disk, then renamed.

A failure or a kill leaves the old file as it was; leftovers are named ".<name>.<number>.part". Knows no
format.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soundvcm.errors import MediaError

MAX_NAME_BYTES = 200
_PART = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part(\.\w+)?")


def is_leftover(path: Path) -> bool:
    """True for the unfinished file of a run that was killed."""
    return path.name.startswith(".") and ".part" in path.suffixes


def named_by(part: Path) -> str:
    """The name of the file that an unfinished one will become, for messages."""
    found = _PART.fullmatch(part.name)
    return part.name if found is None else found[1] + (found[2] or "")


def same_file(one: Path, other: Path) -> bool:
    """True if both names lead to one file (links followed; a name without a file is compared as a name)."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


@contextmanager
def whole_file(path: Path, *, never: Path | None = None) -> Iterator[Path]:
    """A temporary path beside `path` to write to; at the end it becomes `path`, on any error it is removed.

    A link stays a link: the file it leads to is replaced. A replaced file keeps its rights.

    Args:
        path: the file to write. Its folder is made if it is missing.
        never: an input that must not be overwritten.

    Raises:
        MediaError: if `path` is the input, is a folder, a pipe or a device, or the folder cannot be written.
    """
    if never is not None and same_file(path, never):
        raise MediaError(f"{path}: is the input itself and would be overwritten: choose another output name")
    if path.is_dir():
        raise MediaError(f"{path}: is a folder: give a file name in it")
    if path.exists() and not path.is_file():
        raise MediaError(f"{path}: is a pipe or a device: results are whole files, give a file name")
    real = Path(os.path.realpath(path)) if path.is_symlink() else path
    stem = os.fsdecode(os.fsencode(real.stem)[: MAX_NAME_BYTES - 40].decode("utf-8", "ignore").encode())
    part = real.with_name(f".{stem}.{secrets.token_hex(4)}.part{real.suffix}")
    try:
        rights = stat.S_IMODE(real.stat().st_mode) if real.exists() else None
        real.parent.mkdir(parents=True, exist_ok=True)
        yield part
        _sync(part)
        if rights is not None:
            part.chmod(rights)
        os.replace(part, real)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        with suppress(OSError):
            part.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        if os.fstat(descriptor).st_size == 0:
            raise MediaError(f"{path}: nothing was written")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
