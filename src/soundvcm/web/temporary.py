"""The folder of a studio that keeps nothing: goes with the studio, or with the next one if it was killed.

Knows folders and locks only.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soundvcm.errors import OptionError
from soundvcm.web.store import LOCK, JobStore, locked

PREFIX = "soundvcm-studio-"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for this run; what killed studios of the same user left behind is removed first."""
    remove_all_abandoned(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        yield folder / "files"
    finally:
        with suppress(OSError):
            folder.rmdir()  # the studio emptied it; what is not its own stays


def remove_all_abandoned(place: Path) -> None:
    """Remove the folders of studios that ended without tidying: ours, and nobody holds their lock."""
    mine = os.getuid() if hasattr(os, "getuid") else None
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or (mine is not None and folder.stat().st_uid != mine):
                continue
            remove_abandoned(folder / "files")


def remove_abandoned(files: Path) -> None:
    """Remove what a studio left in its folder, unless one has it, and the temporary folder around it."""
    with suppress(OSError, OptionError):
        handle = locked(files / LOCK) if (files / LOCK).is_file() else None
        if handle is None:
            return  # no studio's, or no locks here: nobody can tell whether it is in use
        os.close(handle)
        store = JobStore(files)
        store.remove_all()
        store.release()
        if files.parent.name.startswith(PREFIX):
            files.parent.rmdir()
