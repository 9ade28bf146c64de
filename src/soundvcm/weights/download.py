"""Fetching a weights file: resumable, checked, put in place by a rename. The only file that opens a socket.

$SOUNDVCM_MIRROR replaces every origin by one base address, $HF_ENDPOINT the model hub's; HF_HUB_OFFLINE=1
refuses at once. What is interrupted stays beside as FILE.part and is continued; what is wrong is deleted.
Knows no tensors.
"""

from __future__ import annotations

import http.client
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from soundvcm.errors import WeightsError
from soundvcm.weights.folder import find, mismatch, missing_text, place, stamp, verify, weights_folder
from soundvcm.weights.table import Part, Source, part

Progress = Callable[[int, int | None], None]

_TIMEOUT_SECONDS = 10.0
_CHUNK = 1 << 20
_HUB = "https://huggingface.co"
_GITHUB = "https://github.com"
_ZENODO = "https://zenodo.org/records"
_META = "https://dl.fbaipublicfiles.com"


class _BrokenError(Exception):
    """A transfer that ended early; what arrived is kept and the rest asked for again."""


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Fetch a known file into the weights folder unless it is there and whole.

    Args:
        name: name in the table.
        progress: called with (bytes so far, bytes in all or None) as they arrive.

    Returns:
        The path of the verified file.

    Raises:
        WeightsError: unknown name, offline, no room, no origin answered, or the file that arrived is not the
        published
            one (it is deleted); the line says what to do by hand.
    """
    row = part(name)
    present = find(row)
    if present is not None and verify(name, fresh=False).state in ("ok", "unknown"):
        return present
    if row.bundled:
        raise WeightsError(missing_text(row))
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() not in ("", "0", "false"):
        raise WeightsError(f"offline (HF_HUB_OFFLINE is set): {missing_text(row, fetching=True)}")
    _check_room(row)
    failures = []
    for address in addresses(row):
        try:
            beside = _transfer(address, row, progress)
        except (OSError, http.client.HTTPException, _BrokenError) as error:
            failures.append(f"{urllib.parse.urlsplit(address).netloc}: {_reason(error)}")
            continue
        return _accept(row, beside)
    told = missing_text(row, fetching=True)
    raise WeightsError(f"{row.file} could not be fetched ({'; '.join(failures)}): {told}")


def addresses(row: Part) -> list[str]:
    """Addresses to try in order, with the mirrors of the environment applied."""
    if mirror := os.environ.get("SOUNDVCM_MIRROR"):
        return [f"{mirror.rstrip('/')}/{urllib.parse.quote(row.file)}"]
    return [_address(source) for source in row.sources]


def _address(source: Source) -> str:
    path = urllib.parse.quote(source.path)
    if source.host == "github":
        return f"{_GITHUB}/{source.repository}/releases/download/{source.revision}/{path}"
    if source.host == "zenodo":
        return f"{_ZENODO}/{source.repository}/files/{path}"
    if source.host == "meta":
        return f"{_META}/{source.repository}/{path}"
    endpoint = (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")
    return f"{endpoint}/{source.repository}/resolve/{source.revision}/{path}"


def _transfer(address: str, row: Part, progress: Progress | None) -> Path:
    """Bring FILE.part to its full length; goes on after a break as long as each attempt brings something."""
    beside = place(row).with_name(row.file + ".part")
    while True:
        before = beside.stat().st_size if beside.exists() else 0
        try:
            _attempt(address, row, beside, before, progress)
            return beside
        except urllib.error.HTTPError as error:
            if error.code == 416 and before:  # what is there is longer than the file: start anew
                beside.unlink()
                continue
            raise
        except (OSError, http.client.HTTPException, _BrokenError):
            after = beside.stat().st_size if beside.exists() else 0
            if after <= before:
                raise


def _attempt(address: str, row: Part, beside: Path, have: int, progress: Progress | None) -> None:
    if row.bytes is not None and have >= row.bytes:
        return
    headers = {"User-Agent": "soundvcm"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
        if answer.status != 206:
            have = 0  # the server sends the whole file
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else row.bytes
        beside.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("ab" if have else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                have += len(chunk)
                if progress is not None:
                    progress(have, total)
    if total is not None and have < total:
        raise _BrokenError(f"ended after {have:,} of {total:,} bytes")


def _accept(row: Part, beside: Path) -> Path:
    wrong = mismatch(row, beside)
    if wrong:
        beside.unlink()
        raise WeightsError(f"what arrived for {row.file} is not the published file ({wrong}): it was deleted")
    path = place(row)
    os.replace(beside, path)
    stamp(path)
    return path


def _check_room(row: Part) -> None:
    wanted = row.bytes or row.about_bytes or 0
    folder = weights_folder()
    existing = next((parent for parent in (folder, *folder.parents) if parent.exists()), Path.cwd())
    beside = place(row).with_name(row.file + ".part")
    wanted -= beside.stat().st_size if beside.exists() else 0
    free = shutil.disk_usage(existing).free
    if wanted > free:
        raise WeightsError(
            f"no room for {row.file}: {wanted:,} bytes needed, {free:,} free in {existing}; set SOUNDVCM_HOME"
        )


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        if error.code in (401, 403):
            return f"HTTP {error.code}, the origin wants you to accept its licence in a browser first"
        return f"HTTP {error.code}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
