"""Records: what is written of a job and of a clip as JSON, and read back.

Knows jobs, takes and clips as values; which folder they are in is the store's business.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from soundvcm.generate.options import GenerateOptions
from soundvcm.ground import files
from soundvcm.web.clip import StoredClip, preview_as_json, preview_from
from soundvcm.web.jobs import ENDED, Impression, Job, Take

Found = TypeVar("Found")
RECORD = "record.json"
CUT_SHORT = "the studio was stopped before this job was finished"
_PLAIN = (
    "state",
    "seconds",
    "length",
    "timings",
    "calls",
    "warnings",
    "error",
    "kept_features",
    "created",
    "project",
)


def job_record(job: Job) -> dict[str, Any]:
    """What is written of a job: its takes so far, whose files are whole."""
    facts = {name: getattr(job, name) for name in _PLAIN}
    facts["request"] = {**asdict(job.request), "video": None, "output": None, "like": None}
    facts["clip"] = None if job.clip is None else job.clip.id
    facts["sound"] = None if job.sound is None else job.sound.id
    facts["stem"] = job.stem
    facts["takes"] = [row for row in map(_row, job.takes) if row is not None]
    return facts


def clip_record(clip: StoredClip) -> dict[str, Any]:
    """What is written of an uploaded clip."""
    size = clip.path.stat().st_size
    return {"stem": clip.stem, "seen": preview_as_json(clip.preview), "bytes": size}


def _row(take: Take) -> dict[str, Any] | None:
    """A take in a record, with the sizes of its files; None if somebody just deleted it."""
    files = {kind: path for kind, path in (("sound", take.sound), ("video", take.video)) if path is not None}
    try:
        sizes = {kind: [path.name, path.stat().st_size] for kind, path in files.items()}
    except FileNotFoundError:
        return None
    for path in files.values():
        private(path)
    plain: dict[str, Any] = {
        "number": take.number,
        "seed": take.seed,
        "gain": take.gain,
        "kept": take.kept,
        "made": take.made,
    }
    plain |= {"impression": asdict(take.impression), "warnings": take.warnings, "credits": take.credits}
    return {**plain, "files": sizes}


def job_from(folder: Path, facts: dict[str, Any], clips: dict[str, StoredClip]) -> Job:
    """The job a record tells of; a take whose files are not as they were written is left out."""
    request = GenerateOptions(**facts["request"])
    clip = clips.get(facts["clip"] or "")
    sound = clips.get(facts.get("sound") or "")
    job = Job(folder.name, request, clip, folder, sound, stem=str(facts["stem"]))
    for name in _PLAIN:
        setattr(job, name, facts.get(name, getattr(job, name)))
    for row in facts["takes"]:
        files = {kind: folder / Path(name).name for kind, (name, _) in row["files"].items()}
        if all(_size(folder / Path(name).name) == size for name, size in row["files"].values()):
            take = Take(int(row["number"]), int(row["seed"]), files["sound"], files.get("video"))
            take.gain, take.kept = float(row.get("gain", 0.0)), bool(row.get("kept", False))
            take.made, take.warnings = float(row.get("made", job.created)), list(row.get("warnings", []))
            take.credits = list(row.get("credits", []))
            take.impression = Impression(**row.get("impression", {}))
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


def clip_from(path: Path, facts: dict[str, Any]) -> StoredClip:
    """The clip a record tells of.

    Raises:
        ValueError: if its file is not whole.
    """
    if path.stat().st_size != facts["bytes"]:
        raise ValueError("half a file")
    return StoredClip(path.name, path, str(facts["stem"]), preview_from(facts["seen"]), owned=True)


def read_record(record: Path, make: Callable[[dict[str, Any]], Found]) -> Found | None:
    """What a record tells; None if it is missing, damaged, or its files are."""
    try:
        return make(json.loads(record.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_record(record: Path, facts: dict[str, Any]) -> None:
    """Write a record beside its place and rename it; nothing is left of one that cannot be written."""
    with files.beside(record) as part, part.open("w", encoding="utf-8") as file:
        private(part)
        json.dump(facts, file)


def age(record: Path) -> float:
    """When a record was last touched, on the monotonic clock of this process."""
    return time.monotonic() - max(0.0, time.time() - record.stat().st_mtime)


def private(path: Path) -> None:
    """Close a file to other users, where the system can."""
    with suppress(OSError):
        path.chmod(0o600)
