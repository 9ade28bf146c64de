"""Where weights files lie and whether they are whole: locate, verify, import by hand. No network here.

The folder is $SOUNDVCM_HOME/weights, else the platform's cache folder. A file is hashed once; a stamp beside
it (size, time, hash) spares later starts the reading of gigabytes. Knows files and hashes, not tensors.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from soundvcm.errors import WeightsError
from soundvcm.ground import files
from soundvcm.weights.table import Part, notice, part, parts, systems

_STAMPS = ".verified.json"
_CHUNK = 1 << 22


@dataclass(frozen=True)
class Check:
    """What is known of one file.

    Attributes:
        part: the row of the table.
        state: "ok", "missing", "damaged", or "unknown" (present; no published hash to compare with).
        path: where it is or should be.
        detail: one line.
    """

    part: Part
    state: Literal["ok", "missing", "damaged", "unknown"]
    path: Path
    detail: str


def home_folder() -> Path:
    """The folder of all files the package keeps for a user: $SOUNDVCM_HOME or the platform's cache folder."""
    if chosen := os.environ.get("SOUNDVCM_HOME"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "soundvcm"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "soundvcm"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "soundvcm"


def weights_folder() -> Path:
    """The folder weights files are fetched to and looked for in; may not exist yet."""
    return home_folder() / "weights"


def asset_path(file: str) -> Path:
    """Path of a file inside the package's assets; may not exist."""
    return Path(__file__).parent.parent / "assets" / file


def place(row: Part) -> Path:
    """Where the file of a row belongs, present or not."""
    return asset_path(row.file) if row.bundled else weights_folder() / row.file


def find(row: Part) -> Path | None:
    """Where the file of a row is, under its own name or one its publisher uses; None if it is not here."""
    if row.bundled:
        return place(row) if place(row).is_file() else None
    for name in (row.file, *row.aliases):
        path = weights_folder() / name
        if path.is_file():
            return path
    return None


def check_presence(row: Part) -> Literal["present", "missing", "damaged"]:
    """Whether the file of a row is here with the right size; reads nothing."""
    path = find(row)
    if path is None:
        return "missing"
    return "damaged" if row.bytes is not None and path.stat().st_size != row.bytes else "present"


def locate(name: str) -> Path:
    """Path of a known file that is present with the right size. Never touches the network.

    Args:
        name: name in the table, such as "mmaudio_small_16k".

    Raises:
        WeightsError: unknown name; or the file is missing or of the wrong size: names the file, its size, its
        hash,
            the folder to put it in and the command that fetches it.
    """
    row = part(name)
    path = find(row)
    if path is None:
        raise WeightsError(missing_text(row))
    found = path.stat().st_size
    if row.bytes is not None and found != row.bytes:
        raise WeightsError(
            f"{path} has {found:,} bytes, expected {row.bytes:,} ({row.hash_text}): delete it and run: "
            f"soundvcm weights fetch {row.name}"
        )
    return path


def missing_text(row: Part, *, fetching: bool = False) -> str:
    """One line for a file that is not here: file, size, hash, folder, command, licence.

    Args:
        row: the file.
        fetching: the command that fetches it has just failed, so that it is not advised again.
    """
    if row.bundled:
        known = f" ({row.size_text}, {row.hash_text})" if row.bytes is not None else ""
        where = f"the installed package ({place(row).parent})"
        return f"{row.file}{known} is missing from {where}: reinstall soundvcm"
    line = f"weights file {row.file} is not here ({row.size_text}, {row.hash_text}): put it in"
    line += f" {weights_folder()}"
    line += " by hand" if fetching else f" or run: soundvcm weights fetch {row.name}"
    if row.name in systems() and not fetching:
        line += f" (with all it needs: weights fetch --system {row.name})"
    limit = notice(row)
    return f"{line} [{limit}]" if limit else line


def digest(path: Path, kind: str = "sha256") -> str:
    """Hash of a file in hexadecimal, read in pieces."""
    state = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def mismatch(row: Part, path: Path) -> str | None:
    """Why a file is not the one of the row (size, then hash), or None if it is or cannot be told apart."""
    size = path.stat().st_size
    if row.bytes is not None and size != row.bytes:
        return f"{size:,} bytes, expected {row.bytes:,}"
    for kind, wanted in (("sha256", row.sha256), ("md5", row.md5)):
        if wanted:
            found = digest(path, kind)
            return None if found == wanted else f"{kind} {found}, expected {wanted}"
    return None


def verify(name: str, *, fresh: bool = True) -> Check:
    """Compare a file with its published size and hash.

    Args:
        name: name in the table.
        fresh: False trusts a stamp of an earlier comparison if size and time of the file have not changed.
    """
    row = part(name)
    path = find(row)
    if path is None:
        return Check(row, "missing", place(row), missing_text(row))
    if row.bundled:
        wrong = mismatch(row, path) if fresh else None  # pip checked it when it was installed
        if wrong:
            return Check(row, "damaged", path, f"{wrong}; reinstall soundvcm")
        return Check(row, "ok", path, "inside the package")
    if not fresh and stamped(path):
        return Check(row, "ok", path, "as verified before")
    wrong = mismatch(row, path)
    if wrong:
        return Check(row, "damaged", path, f"{wrong}; delete it and run: soundvcm weights fetch {row.name}")
    stamp(path)
    if row.sha256 is None and row.md5 is None:
        return Check(row, "unknown", path, f"no published hash; this file's SHA-256 is {digest(path)}")
    return Check(row, "ok", path, row.hash_text)


def import_dir(folder: Path, *, copy: bool = True) -> list[Check]:
    """Take every known file found in a folder (by its name or an alias) into the weights folder, verified
    first.

    Args:
        folder: where the files were put by hand.
        copy: False moves them.

    Returns:
        One entry for each known file found; damaged ones are reported and not taken.

    Raises:
        WeightsError: if the folder does not exist or holds no known file.
    """
    if not folder.is_dir():
        raise WeightsError(f"{folder} is not a folder")
    target = weights_folder()
    taken = []
    for row in parts():
        names = [] if row.bundled else [row.file, *row.aliases]
        source = next((folder / name for name in names if (folder / name).is_file()), None)
        if source is None:
            continue
        wrong = mismatch(row, source)
        if wrong:
            taken.append(Check(row, "damaged", source, f"not imported: {wrong}"))
            continue
        target.mkdir(parents=True, exist_ok=True)
        path = target / row.file
        if not (path.exists() and path.samefile(source)):
            _copy(source, path)
            if not copy:
                source.unlink()
        stamp(path)
        state: Literal["ok", "unknown"] = "ok" if row.sha256 or row.md5 else "unknown"
        taken.append(Check(row, state, path, row.hash_text))
    if not taken:
        raise WeightsError(f"{folder} holds no known weights file; run: soundvcm weights list")
    return taken


def stamp(path: Path) -> None:
    """Remember that a file was verified; a folder that cannot be written is left without."""
    record = {**_stamps(path.parent), path.name: _state(path)}
    with suppress(OSError), files.beside(path.parent / _STAMPS, sync=False) as part:
        part.write_text(json.dumps(record), encoding="utf-8")


def stamped(path: Path) -> bool:
    """True if the file was verified before and has not changed since."""
    return _stamps(path.parent).get(path.name) == _state(path)


def _state(path: Path) -> list[int]:
    facts = path.stat()
    return [facts.st_size, facts.st_mtime_ns]


def _stamps(folder: Path) -> dict[str, list[int]]:
    try:
        found = json.loads((folder / _STAMPS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _copy(source: Path, target: Path) -> None:
    try:
        with files.beside(target) as part:
            shutil.copyfile(source, part)
    except OSError as error:
        raise WeightsError(f"{target} cannot be written ({error.strerror}): check the disk") from None
