"""A video that can be read only once (standard input, a pipe) as a file, for as long as it is needed.

Knows files and streams; nothing of what is in them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundvcm.errors import MediaError

STANDARD_INPUT = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


def is_pipe(path: Path) -> bool:
    """True for standard input, named pipes and devices: what can be read only once."""
    return str(path) in STANDARD_INPUT or (path.exists() and not path.is_file() and not path.is_dir())


def pipe_name(path: Path) -> Path:
    """The name by which a source is called in messages and results."""
    return Path("stdin") if str(path) in STANDARD_INPUT else path


@contextmanager
def as_file(path: Path) -> Iterator[Path]:
    """The path itself, or that of a temporary copy of a pipe, removed at the end.

    Making a sound reads a video three times: to look at it, to plan the copy, and to copy its pictures.

    Raises:
        MediaError: if the pipe cannot be read or the copy not be written.
    """
    if not is_pipe(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="soundvcm-") as folder:
        copy = Path(folder) / pipe_name(path).name
        try:
            with copy.open("wb") as kept:
                if str(path) in STANDARD_INPUT:
                    shutil.copyfileobj(sys.stdin.buffer, kept)
                else:
                    with path.open("rb") as pipe:
                        shutil.copyfileobj(pipe, kept)
        except OSError as error:
            raise MediaError(f"{pipe_name(path)}: cannot be read ({error.strerror or error})") from None
        yield copy
