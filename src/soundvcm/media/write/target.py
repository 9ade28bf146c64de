"""Where a result may be written, and writing it whole or not at all: beside the target, synced, then renamed.

A target is refused before the work begins, in one line, with what to do. A failure or a kill leaves the old
file as it was; leftovers are named ".<name>.<number>.part". Knows paths and the tags of our own files, no
format, and loads PyAV only where a file is there already.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from soundvcm.errors import MediaError, OptionError
from soundvcm.ground import files
from soundvcm.media.read.tags import read_tags
from soundvcm.media.suffixes import SOUND_OUTPUTS, VIDEO_OUTPUTS

_PART = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part(\.\w+)?")
MAX_BYTES = 255


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

    `soundvcm.ground.files.beside` with the refusals of results.

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
    try:
        with files.beside(path) as part:
            yield part
            if part.stat().st_size == 0:
                raise MediaError(f"{path}: nothing was written")
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror or error})") from None


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
    _refuse_no_file(path)
    if never is not None and same_file(path, never):
        raise MediaError(f"{path}: is the input itself and would be overwritten: choose another output name")
    if path.is_dir():
        raise MediaError(f"{path}: is a folder: give a file name in it")
    if path.is_file() and not os.access(path, os.W_OK):
        raise MediaError(f"{path}: cannot be written (the file is read-only)")
    _check_folder(Path(os.path.realpath(path)).parent, path)
    if not overwrite and path.exists() and not made_here(path):
        raise MediaError(f"{path}: exists and was not made by soundvcm: move it or add --overwrite")


def _refuse_no_file(path: Path) -> None:
    """Refuse what can be no file, whatever its suffix."""
    if str(path) == "-":
        raise MediaError("-: results are not written to standard output: give a file name")
    if len(os.fsencode(path.name)) > MAX_BYTES:
        raise MediaError(f"{path}: the name is longer than the {MAX_BYTES} bytes that disks allow")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise MediaError(f"{path}: is a pipe or a device: results are whole files, give a file name")


def _check_folder(folder: Path, path: Path) -> None:
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise MediaError(f"{path}: cannot be written ({there} is a file, not a folder)")
    try:  # asked by trying: rights do not tell of read-only disks
        trial = there / f".soundvcm.{secrets.token_hex(4)}.part"
        os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        trial.unlink()
    except OSError as error:
        raise MediaError(f"{path}: cannot be written in {there} ({error.strerror or error})") from None


def check_sound_target(path: Path, *, never: Path | None = None, overwrite: bool = True) -> None:
    """`check_target`, and whether it is a kind of sound file that is written.

    Raises:
        MediaError: if the file cannot or must not be written.
        OptionError: if it is no such kind.
    """
    _refuse_no_file(path)
    if path.suffix.lower() not in SOUND_OUTPUTS:
        raise OptionError(f"{path.name}: unknown kind of sound file: use one of {', '.join(SOUND_OUTPUTS)}")
    check_target(path, never=never, overwrite=overwrite)


def check_video_target(path: Path, *, never: Path | None = None, overwrite: bool = True) -> None:
    """`check_target`, and whether it is a kind of video file that is written.

    Raises:
        MediaError: if the file cannot or must not be written.
        OptionError: if it is no such kind.
    """
    _refuse_no_file(path)
    if path.suffix.lower() not in VIDEO_OUTPUTS:
        kinds = ", ".join(VIDEO_OUTPUTS)
        raise OptionError(f"cannot write a {path.suffix.lower() or 'nameless'} video: use one of {kinds}")
    check_target(path, never=never, overwrite=overwrite)


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
