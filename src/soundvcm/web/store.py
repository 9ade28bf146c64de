"""What of the studio outlives it: a record beside the files of each job and clip, read at the next start.

    job, clip => record.json, written beside and renamed, after the files it tells of => job, clip

Only what a record names is served, and it is written when its files are whole: of a studio that was killed
in the middle of a take nothing of that take is left. Knows files; nothing of pipelines or HTTP.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from soundvcm.errors import OptionError
from soundvcm.generate.options import GenerateOptions
from soundvcm.web.clip import StoredClip
from soundvcm.web.jobs import ENDED, Job, Take
from soundvcm.web.preview import ClipPreview

Found = TypeVar("Found")
RECORD = "record.json"
CUT_SHORT = "the studio was stopped before this job was finished"
_PLAIN = ("state", "seconds", "length", "timings", "calls", "warnings", "error", "kept_features")


class JobStore:
    """The folder of one studio.

    Args:
        folder: of clips and results; made if it is missing.

    Raises:
        OptionError: if another studio has it, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.jobs, self.clips = folder / "jobs", folder / "clips"
        try:
            for part in (self.jobs, self.clips):
                part.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder / ".lock")
        except BlockingIOError:
            raise OptionError(f"{folder}: another studio uses this folder: choose another --folder") from None
        except OSError as error:
            why = error.strerror or str(error)
            raise OptionError(f"{folder}: cannot be used ({why}): choose another --folder") from None

    def release(self) -> None:
        """Let another studio have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def put(self, job: Job) -> None:
        """Write the record of a job: its takes so far, whose files are whole.

        A job that was forgotten meanwhile has no folder any more and gets no record.
        """
        facts = {name: getattr(job, name) for name in _PLAIN}
        facts["request"] = {**asdict(job.request), "video": None, "output": None}
        facts["clip"] = None if job.clip is None else job.clip.id
        facts["stem"] = job.stem
        facts["takes"] = [row for row in map(_row, job.takes) if row is not None]
        if job.folder.is_dir():
            _write(job.folder / RECORD, facts)

    def put_clip(self, clip: StoredClip) -> None:
        """Write the record of an uploaded clip beside it."""
        preview = clip.preview
        look = {**asdict(preview), "strip": base64.b64encode(preview.strip).decode()}
        look["seconds"] = None if preview.seconds is None else str(preview.seconds)
        size = clip.path.stat().st_size
        _write(clip.path.with_suffix(".json"), {"stem": clip.stem, "seen": look, "bytes": size})

    def read_clips(self) -> list[StoredClip]:
        """The clips of an earlier studio; files and records that lack each other are removed."""
        found = []
        for path in sorted(self.clips.iterdir()):
            if path.suffix:
                if path.suffix != ".json" or not path.with_suffix("").exists():
                    path.unlink(missing_ok=True)
                continue
            record = path.with_suffix(".json")
            clip = _read(record, lambda facts, path=path: _clip(path, facts))  # type: ignore[misc]
            if clip is None:
                path.unlink(missing_ok=True)
                record.unlink(missing_ok=True)
            else:
                clip.used = _age(record)
                found.append(clip)
        return found

    def read_jobs(self, clips: dict[str, StoredClip]) -> list[Job]:
        """The jobs of an earlier studio, ended ones; what no record tells of is removed."""
        found = []
        for folder in sorted(self.jobs.iterdir()):
            record = folder / RECORD
            if (before := folder / "card.json").exists() and not record.exists():
                before.rename(record)  # its name in earlier versions
            job = _read(record, lambda facts, folder=folder: _job(folder, facts, clips))  # type: ignore[misc]
            if job is None or not job.takes:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            kept = {RECORD, *(path.name for take in job.takes for path in (take.sound, take.video) if path)}
            for path in folder.iterdir():
                if path.name not in kept:
                    path.unlink(missing_ok=True)
            job.used = _age(record)
            found.append(job)
        return found


def _row(take: Take) -> dict[str, Any] | None:
    """A take in a record, with the sizes of its files; None if somebody just deleted it."""
    files = {kind: path for kind, path in (("sound", take.sound), ("video", take.video)) if path is not None}
    try:
        sizes = {kind: [path.name, path.stat().st_size] for kind, path in files.items()}
    except FileNotFoundError:
        return None
    return {"number": take.number, "seed": take.seed, "gain": take.gain, "files": sizes}


def _job(folder: Path, facts: dict[str, Any], clips: dict[str, StoredClip]) -> Job:
    request = GenerateOptions(**facts["request"])
    clip = clips.get(facts["clip"] or "")
    job = Job(folder.name, request, clip, folder, stem=str(facts["stem"]))
    for name in _PLAIN:
        setattr(job, name, facts[name])
    for row in facts["takes"]:
        files = {kind: folder / Path(name).name for kind, (name, _) in row["files"].items()}
        whole = all((folder / Path(name).name).stat().st_size == size for name, size in row["files"].values())
        if whole:
            gain = float(row.get("gain", 0.0))
            take = Take(int(row["number"]), int(row["seed"]), files["sound"], files.get("video"), gain)
            job.takes.append(take)
    if job.state not in ENDED:
        job.state, job.error = "failed", CUT_SHORT
    for take in job.takes:
        job.note("take", **job.take_dict(take))
    job.note("state", state=job.state, error=job.error)
    return job


def _clip(path: Path, facts: dict[str, Any]) -> StoredClip:
    if path.stat().st_size != facts["bytes"]:
        raise ValueError("half a file")
    look = dict(facts["seen"])
    look["strip"] = base64.b64decode(look["strip"])
    look["seconds"] = None if look["seconds"] is None else Fraction(look["seconds"])
    return StoredClip(path.name, path, str(facts["stem"]), ClipPreview(**look), owned=True)


def _read(record: Path, make: Callable[[dict[str, Any]], Found]) -> Found | None:
    """What a record tells; None if it is missing, damaged, or its files are."""
    try:
        return make(json.loads(record.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _write(record: Path, facts: dict[str, Any]) -> None:
    part = record.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, record)


def _age(record: Path) -> float:
    """When a record was written, on the monotonic clock of this process."""
    return time.monotonic() - max(0.0, time.time() - record.stat().st_mtime)


def _locked(path: Path) -> int | None:
    """A lock that ends with the process; None on systems without such locks.

    Raises:
        BlockingIOError: if another process has it.
    """
    try:
        import fcntl
    except ImportError:
        return None
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle
