"""Where a result may be written: refused before the work begins, in one line, with what to do.

Knows paths and the tags of our own files; writes nothing, and loads PyAV only where a file is there already.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from soundvcm.errors import MediaError
from soundvcm.media.read.tags import read_tags
from soundvcm.media.write.whole_file import same_file


def check_target(path: Path, *, never: Path | None = None, overwrite: bool = True) -> None:
    """Refuse a file that cannot or must not be written.

    A link is followed: what it points to is written. Standard output, pipes and devices cannot take a result,
    because files are written whole: beside their place, then renamed.

    Args:
        path: the file.
        never: an input that must not be overwritten.
        overwrite: False also refuses a file that is there and that soundvcm did not make.

    Raises:
        MediaError: saying why.
    """
    if str(path) == "-":
        raise MediaError("-: results are not written to standard output: give a file name")
    if never is not None and same_file(path, never):
        raise MediaError(f"{path}: is the input itself and would be overwritten: choose another output name")
    if path.is_dir():
        raise MediaError(f"{path}: is a folder: give a file name in it")
    if path.exists() and not path.is_file():
        raise MediaError(f"{path}: is a pipe or a device: results are whole files, give a file name")
    if len(os.fsencode(path.name)) > 255:
        raise MediaError(f"{path}: the name is longer than the 255 bytes that disks allow: shorten it")
    if path.is_file() and not os.access(path, os.W_OK):
        raise MediaError(f"{path}: cannot be written (the file is read-only)")
    _check_folder(Path(os.path.realpath(path)).parent, path)
    if not overwrite and path.exists() and not made_here(path):
        raise MediaError(f"{path}: exists and was not made by soundvcm: move it or add --overwrite")


def _check_folder(folder: Path, path: Path) -> None:
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise MediaError(f"{path}: cannot be written ({there} is a file, not a folder)")
    if not os.access(there, os.W_OK | os.X_OK):
        raise MediaError(f"{path}: cannot be written (no right to write in {there})")


def made_here(path: Path) -> bool:
    """Whether a file carries our tags."""
    try:
        return read_tags(path).get("software") == "soundvcm"
    except (MediaError, OSError):
        return False


def free_name(path: Path, is_taken: Callable[[Path], bool] | None = None) -> Path:
    """The path itself or, where that is taken, the first of name-2, name-3 ... that is not.

    Args:
        path: the wanted file.
        is_taken: by default, taken is what exists and was not made by soundvcm.
    """
    taken = is_taken or (lambda one: one.exists() and not made_here(one))
    trial, number = path, 2
    while taken(trial):
        trial = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return trial
