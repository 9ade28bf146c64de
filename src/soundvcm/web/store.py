"""What of the studio outlives it: a record beside the files of each job and clip, read at the next start.

    job, clip => record.json, written beside and renamed, after the files it tells of => job, clip

Only what a record names is served, and it is written when its files are whole: of a studio that was killed
in the middle of a take nothing of that take is left. The folder may hold files of others: what does not
bear a name of ours is neither read, counted nor removed. Knows files; nothing of pipelines or HTTP.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from soundvcm.errors import OptionError
from soundvcm.generate.options import GenerateOptions
from soundvcm.web.clip import StoredClip
from soundvcm.web.inspecting import preview_as_json, preview_from
from soundvcm.web.jobs import ENDED, Job, Take
from soundvcm.web.limits import RefusedError

Found = TypeVar("Found")
RECORD = "record.json"
LOCK = ".lock"
CUT_SHORT = "the studio was stopped before this job was finished"
DISK_FULL = "the disk of this studio is full: delete takes, or try again later"
DISK_MARGIN = 32 << 20  # free bytes that are left to others
TOUCH_SECONDS = 20.0
_PLAIN = ("state", "seconds", "length", "timings", "calls", "warnings", "error", "kept_features", "created")
_ID = re.compile(r"[0-9a-f]{24}")
_OF_CLIPS = re.compile(r"[0-9a-f]{24}(\.json|\.part)?")
_OF_A_JOB = re.compile(r"(record|card)\.(json|part)|\.?take[0-9]+\..+")


class JobStore:
    """The folder of one studio.

    Args:
        folder: of clips and results; made if it is missing, for this user alone.

    Raises:
        OptionError: if another studio has it, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.jobs, self.clips = folder, folder / "jobs", folder / "clips"
        try:
            self.make_folders()
            self._lock = locked(folder / LOCK)
        except BlockingIOError:
            raise OptionError(f"{folder}: another studio uses this folder: choose another --folder") from None
        except OSError as error:
            why = error.strerror or str(error)
            raise OptionError(f"{folder}: cannot be used ({why}): choose another --folder") from None

    def make_folders(self) -> None:
        """The folders of clips and jobs, closed to other users."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in (self.jobs, self.clips):
            part.mkdir(mode=0o700, exist_ok=True)
            with suppress(OSError):
                part.chmod(0o700)

    def release(self) -> None:
        """Let another studio have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remove_all(self) -> None:
        """Remove everything that is ours, and the folders if nothing else is in them."""
        for path in self._folders():
            remove_job_files(path)
        for path in self._clip_files():
            path.unlink(missing_ok=True)
        (self.folder / LOCK).unlink(missing_ok=True)
        for folder in (self.jobs, self.clips, self.folder):
            with suppress(OSError):
                folder.rmdir()

    # -- room

    def stored_bytes(self) -> int:
        """What our clips and results take on the disk."""
        files = [*self._clip_files(), *(path for folder in self._folders() for path in job_files(folder))]
        total = 0
        for path in files:
            with suppress(OSError):  # removed meanwhile
                total += path.stat().st_size
        return total

    def free_bytes(self) -> int:
        """Room on the disk beyond the margin; 0 if it cannot be told."""
        try:
            stat = os.statvfs(self.folder) if hasattr(os, "statvfs") else None
        except OSError:
            return 0
        if stat is None:
            import shutil

            return max(0, shutil.disk_usage(self.folder).free - DISK_MARGIN)
        return max(0, stat.f_bavail * stat.f_frsize - DISK_MARGIN)

    def check_room(self, count: int = 0) -> None:
        """Refuse what would not fit on the disk.

        Raises:
            RefusedError: 507.
        """
        if self.free_bytes() <= count:
            raise RefusedError(507, DISK_FULL, "video")

    # -- records

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
        size = clip.path.stat().st_size
        facts = {"stem": clip.stem, "seen": preview_as_json(clip.preview), "bytes": size}
        _write(clip.path.with_suffix(".json"), facts)

    def touch(self, one: Job | StoredClip, slack: float = TOUCH_SECONDS) -> None:
        """Let the record tell when something was last used, unless it does to within `slack` seconds."""
        if one.used - one.touched <= slack:
            return
        record = one.folder / RECORD if isinstance(one, Job) else one.path.with_suffix(".json")
        with suppress(OSError):
            moment = time.time() - max(0.0, time.monotonic() - one.used)
            os.utime(record, (moment, moment))
            one.touched = one.used

    def read_clips(self) -> list[StoredClip]:
        """The clips of an earlier studio; files and records of ours that lack each other are removed."""
        found = []
        for path in self._clip_files():
            if path.suffix:
                if path.suffix == ".part" or not path.with_suffix("").exists():
                    path.unlink(missing_ok=True)
                continue
            record = path.with_suffix(".json")
            clip = _read(record, lambda facts, path=path: _clip(path, facts))  # type: ignore[misc]
            if clip is None:
                path.unlink(missing_ok=True)
                record.unlink(missing_ok=True)
            else:
                clip.used = clip.touched = _age(record)
                found.append(clip)
        return found

    def read_jobs(self, clips: dict[str, StoredClip]) -> list[Job]:
        """The jobs of an earlier studio, ended ones; what of ours no record tells of is removed."""
        found = []
        for folder in self._folders():
            record = folder / RECORD
            if (before := folder / "card.json").exists() and not record.exists():
                before.rename(record)  # its name in earlier versions
            job = _read(record, lambda facts, folder=folder: _job(folder, facts, clips))  # type: ignore[misc]
            if job is None or not job.takes:
                remove_job_files(folder)
                continue
            kept = {RECORD, *(path.name for take in job.takes for path in (take.sound, take.video) if path)}
            for path in job_files(folder):
                if path.name not in kept:
                    path.unlink(missing_ok=True)
            job.used = job.touched = _age(record)
            found.append(job)
        return sorted(found, key=lambda job: job.created)

    def _folders(self) -> Iterator[Path]:
        for path in sorted(self.jobs.iterdir()) if self.jobs.is_dir() else []:
            if _ID.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                yield path

    def _clip_files(self) -> Iterator[Path]:
        for path in sorted(self.clips.iterdir()) if self.clips.is_dir() else []:
            if _OF_CLIPS.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                yield path


def job_files(folder: Path) -> list[Path]:
    """The files in a job's folder that are ours."""
    try:
        names = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in names if _OF_A_JOB.fullmatch(path.name) and not path.is_dir()]


def remove_job_files(folder: Path) -> None:
    """Remove what we wrote for a job, and its folder unless others put something there."""
    for path in job_files(folder):
        with suppress(OSError):
            path.unlink()
    with suppress(OSError):
        folder.rmdir()


def private(path: Path) -> None:
    """Close a file to other users, where the system can."""
    with suppress(OSError):
        path.chmod(0o600)


def _row(take: Take) -> dict[str, Any] | None:
    """A take in a record, with the sizes of its files; None if somebody just deleted it."""
    files = {kind: path for kind, path in (("sound", take.sound), ("video", take.video)) if path is not None}
    try:
        sizes = {kind: [path.name, path.stat().st_size] for kind, path in files.items()}
    except FileNotFoundError:
        return None
    for path in files.values():
        private(path)
    plain = {"number": take.number, "seed": take.seed, "gain": take.gain, "kept": take.kept}
    return {**plain, "files": sizes}


def _job(folder: Path, facts: dict[str, Any], clips: dict[str, StoredClip]) -> Job:
    request = GenerateOptions(**facts["request"])
    clip = clips.get(facts["clip"] or "")
    job = Job(folder.name, request, clip, folder, stem=str(facts["stem"]))
    for name in _PLAIN:
        setattr(job, name, facts.get(name, getattr(job, name)))
    for row in facts["takes"]:
        files = {kind: folder / Path(name).name for kind, (name, _) in row["files"].items()}
        if all(_size(folder / Path(name).name) == size for name, size in row["files"].values()):
            take = Take(int(row["number"]), int(row["seed"]), files["sound"], files.get("video"))
            take.gain, take.kept = float(row.get("gain", 0.0)), bool(row.get("kept", False))
            job.takes.append(take)
    if job.state not in ENDED:
        job.state, job.error = "failed", CUT_SHORT
    for take in job.takes:
        job.note("take", **job.take_dict(take))
    job.note("state", state=job.state, error=job.error)
    return job


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _clip(path: Path, facts: dict[str, Any]) -> StoredClip:
    if path.stat().st_size != facts["bytes"]:
        raise ValueError("half a file")
    return StoredClip(path.name, path, str(facts["stem"]), preview_from(facts["seen"]), owned=True)


def _read(record: Path, make: Callable[[dict[str, Any]], Found]) -> Found | None:
    """What a record tells; None if it is missing, damaged, or its files are."""
    try:
        return make(json.loads(record.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _write(record: Path, facts: dict[str, Any]) -> None:
    part = record.with_suffix(".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            private(part)
            json.dump(facts, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, record)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _age(record: Path) -> float:
    """When a record was last touched, on the monotonic clock of this process."""
    return time.monotonic() - max(0.0, time.time() - record.stat().st_mtime)


def locked(path: Path) -> int | None:
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
