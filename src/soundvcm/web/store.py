"""What of the studio outlives it: a record beside the files of each job and clip, read at the next start.

    job, clip => record.json, written beside and renamed, after the files it tells of => job, clip

Only what a record names is served, and it is written when its files are whole: of a studio that was killed
in the middle of a take nothing of that take is left. The folder may hold files of others: what does not
bear a name of ours is neither read, counted nor removed. Knows files; nothing of pipelines or HTTP.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from soundvcm.errors import OptionError
from soundvcm.web.clip import StoredClip
from soundvcm.web.jobs import Job
from soundvcm.web.limits import DISK_FULL, RefusedError
from soundvcm.web.record import (
    RECORD,
    age,
    clip_from,
    clip_record,
    job_from,
    job_record,
    read_record,
    write_record,
)

LOCK = ".lock"
DISK_MARGIN = 32 << 20  # free bytes that are left to others
TOUCH_SECONDS = 20.0
_EXPORT = re.compile(r"\.?export-[0-9a-f]{24}(\..+)?\.(zip|mp4)")
_ID = re.compile(r"[0-9a-f]{24}")
_OF_CLIPS = re.compile(r"[0-9a-f]{24}(\.json|\.part)?|\.[0-9a-f]{24}\.[0-9a-f]{8}\.part\.json")
_OF_A_JOB = re.compile(r"\.?(record|card)\.([0-9a-f]{8}\.part\.)?(json|part)|\.?take[0-9]+\..+")


class JobStore:
    """The folder of one studio.

    Args:
        folder: of clips and results; made if it is missing, for this user alone.

    Raises:
        OptionError: if another studio has it, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.jobs, self.clips = folder, folder / "jobs", folder / "clips"
        self.projects = folder / "projects"
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
        for part in (self.jobs, self.clips, self.projects):
            part.mkdir(mode=0o700, exist_ok=True)
            with suppress(OSError):
                part.chmod(0o700)

    def new_export(self, form: str) -> Path:
        """A path for a file that is made to be fetched once."""
        return self.folder / f"export-{secrets.token_hex(12)}.{form}"

    def _exports(self) -> Iterator[Path]:
        for path in sorted(self.folder.glob("*export-*")):
            if _EXPORT.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                yield path

    def release(self) -> None:
        """Let another studio have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remove_all(self) -> None:
        """Remove everything that is ours, and the folders if nothing else is in them."""
        for path in self._folders():
            remove_job_files(path)
        for path in [*self._clip_files(), *self._exports()]:
            path.unlink(missing_ok=True)
        for path in self.projects.glob("*.json") if self.projects.is_dir() else []:
            if is_id(path.stem):
                path.unlink(missing_ok=True)
        (self.folder / LOCK).unlink(missing_ok=True)
        for folder in (self.jobs, self.clips, self.projects, self.folder):
            with suppress(OSError):
                folder.rmdir()

    # -- room

    def stored_bytes(self) -> int:
        """What our clips and results take on the disk."""
        made = [path for folder in self._folders() for path in _job_files(folder)]
        files = [*self._clip_files(), *self._exports(), *made]
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
        if job.folder.is_dir():
            write_record(job.folder / RECORD, job_record(job))

    def put_clip(self, clip: StoredClip) -> None:
        """Write the record of an uploaded clip beside it."""
        write_record(clip.path.with_suffix(".json"), clip_record(clip))

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
        for path in self._exports():  # of a studio that was killed while one was fetched
            path.unlink(missing_ok=True)
        for path in self._clip_files():
            if path.suffix:
                if ".part" in path.suffixes or not path.with_suffix("").exists():
                    path.unlink(missing_ok=True)
                continue
            record = path.with_suffix(".json")
            clip = read_record(record, lambda facts, path=path: clip_from(path, facts))  # type: ignore[misc]
            if clip is None:
                path.unlink(missing_ok=True)
                record.unlink(missing_ok=True)
            else:
                clip.used = clip.touched = age(record)
                found.append(clip)
        return found

    def read_jobs(self, clips: dict[str, StoredClip]) -> list[Job]:
        """The jobs of an earlier studio, ended ones; what of ours no record tells of is removed."""
        found = []
        for folder in self._folders():
            record = folder / RECORD
            if (before := folder / "card.json").exists() and not record.exists():
                before.rename(record)  # its name in earlier versions
            job = read_record(record, lambda facts, folder=folder: job_from(folder, facts, clips))  # type: ignore[misc]
            if job is None or not job.takes:
                remove_job_files(folder)
                continue
            kept = {RECORD, *(path.name for take in job.takes for path in (take.sound, take.video) if path)}
            for path in _job_files(folder):
                if path.name not in kept:
                    path.unlink(missing_ok=True)
            job.used = job.touched = age(record)
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


def is_id(name: str) -> bool:
    """Whether a name is one that the studio gives."""
    return _ID.fullmatch(name) is not None


def _job_files(folder: Path) -> list[Path]:
    """The files in a job's folder that are ours."""
    try:
        names = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in names if _OF_A_JOB.fullmatch(path.name) and not path.is_dir()]


def remove_job_files(folder: Path) -> None:
    """Remove what we wrote for a job, and its folder unless others put something there."""
    for path in _job_files(folder):
        with suppress(OSError):
            path.unlink()
    with suppress(OSError):
        folder.rmdir()


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
