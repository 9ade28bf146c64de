"""Projects: jobs that belong together, with a name and notes; and their kept takes as files.

    project => the jobs that name it, in order; kept takes => one ZIP, or one video with a track a take

Knows jobs, takes and records; nothing of pipelines or HTTP.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from soundvcm import media
from soundvcm.web.jobs import Job, Take
from soundvcm.web.keeping import Gains
from soundvcm.web.limits import RefusedError
from soundvcm.web.record import read_record, write_record
from soundvcm.web.store import JobStore, is_id

MOST_NAME, MOST_NOTES = 120, 20_000


@dataclass
class Project:
    """One project.

    Attributes:
        id: what clients call it.
        name: for people.
        notes: for people.
        created: seconds since 1970.
        changed: seconds since 1970.
    """

    id: str
    name: str
    notes: str = ""
    created: float = field(default_factory=time.time)
    changed: float = field(default_factory=time.time)


class Projects:
    """All projects; safe to use from several threads.

    Args:
        store: their records lie in its folder.
    """

    def __init__(self, store: JobStore) -> None:
        self.folder = store.projects
        self._lock = threading.Lock()
        self._projects: dict[str, Project] = {}
        for record in sorted(self.folder.glob("*.json")):
            project = read_record(record, lambda facts: Project(**facts)) if is_id(record.stem) else None
            if project is not None and project.id == record.stem:
                self._projects[project.id] = project

    def all(self) -> list[Project]:
        """Every project, the one changed last first."""
        with self._lock:
            return sorted(self._projects.values(), key=lambda one: -one.changed)

    def get(self, name: str) -> Project:
        """The project of an id.

        Raises:
            RefusedError: 404.
        """
        with self._lock:
            if name not in self._projects:
                raise RefusedError(404, "this project is not here (any more)", "project")
            return self._projects[name]

    def create(self, name: str, notes: str = "") -> Project:
        """A new project.

        Raises:
            RefusedError: 422 for too long a name or notes.
        """
        project = Project(secrets.token_hex(12), *_checked(name, notes))
        with self._lock:
            self._projects[project.id] = project
        self._save(project)
        return project

    def change(self, project: Project, name: str | None = None, notes: str | None = None) -> None:
        """Another name, other notes, or only the moment of its last use.

        Raises:
            RefusedError: 422 for too long a name or notes.
        """
        project.name, project.notes = _checked(
            project.name if name is None else name, project.notes if notes is None else notes
        )
        project.changed = time.time()
        self._save(project)

    def remove(self, project: Project) -> None:
        """Forget a project; its jobs are the caller's business."""
        with self._lock:
            self._projects.pop(project.id, None)
        (self.folder / f"{project.id}.json").unlink(missing_ok=True)

    def _save(self, project: Project) -> None:
        try:
            write_record(self.folder / f"{project.id}.json", asdict(project))
        except OSError:
            raise RefusedError(507, "the disk of this studio is full: the project is not saved") from None


def _checked(name: str, notes: str) -> tuple[str, str]:
    name = " ".join(name.split())
    if not name or len(name) > MOST_NAME:
        raise RefusedError(422, f"a project needs a name of up to {MOST_NAME} letters", "name")
    if len(notes) > MOST_NOTES:
        raise RefusedError(422, f"notes may have {MOST_NOTES} letters", "notes")
    return name, notes


# -- kept takes as files


def kept_takes(jobs: Sequence[Job]) -> list[tuple[Job, Take]]:
    """The kept takes of jobs, in the order they were made.

    Raises:
        RefusedError: 409 if there are none.
    """
    found = [(job, take) for job in jobs for take in job.takes if take.kept]
    if not found:
        raise RefusedError(409, "no take of this project is kept: press Keep on those you want")
    return sorted(found, key=lambda row: row[1].made)


def write_zip(project: Project, jobs: Sequence[Job], gains: Gains, target: Path) -> None:
    """All kept takes as WAV with their gains, and a table that says how each was made.

    Raises:
        RefusedError: 409 if none is kept.
    """
    rows = kept_takes(jobs)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        table = []
        for number, (job, take) in enumerate(rows, start=1):
            name = f"{number:02d}-{job.name_of(take, 'sound')}"
            archive.write(gains.file(job, take, "sound"), name)
            told = {"file": name, "seed": take.seed, "gain": take.gain, **asdict(take.impression)}
            table.append({**told, "asked": job.asked()})
        facts = {"project": project.name, "notes": project.notes, "takes": table}
        archive.writestr("takes.json", json.dumps(facts, indent=1, ensure_ascii=False))


def write_video(jobs: Sequence[Job], gains: Gains, target: Path) -> None:
    """The clip with every kept take of it as a sound track of its own, in one video.

    Raises:
        RefusedError: 409 if none is kept, they are of several clips, or the clip is gone.
    """
    rows = [(job, take) for job, take in kept_takes(jobs) if take.video is not None]
    spans = {(job.clip and job.clip.id, job.request.start, job.request.duration) for job, _ in rows}
    if len(spans) != 1:
        raise RefusedError(409, "one video needs kept takes of one clip and one range: export a ZIP instead")
    first, *rest = rows
    before = gains.file(*first, "video")
    parts: list[Path] = []
    try:
        for number, (job, take) in enumerate(rest):
            wave, rate = media.read_sound(gains.file(job, take, "sound"))
            part = target.with_name(f".{target.stem}.{number}.mp4")
            parts.append(part)
            media.mux(before, wave, rate, part, existing="keep", tags=media.read_tags(take.sound))
            before = part
        target.write_bytes(before.read_bytes())
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
