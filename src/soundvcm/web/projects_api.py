"""Addresses of projects: list, make, show, change, remove, export.

Knows FastAPI and the studio.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from soundvcm.web import projects, schema
from soundvcm.web.about import studio_of
from soundvcm.web.clip import safe_stem
from soundvcm.web.jobs import Job
from soundvcm.web.problems import REFUSALS
from soundvcm.web.projects import Project
from soundvcm.web.studio import Studio

router = APIRouter(prefix="/api/projects", responses=REFUSALS, tags=["projects"])


def facts_of(studio: Studio, project: Project, whole: bool) -> dict[str, Any]:
    """A project for clients; `whole` tells of its jobs and clips too."""
    jobs = studio.jobs_of(project)
    found = {**vars(project), "takes": sum(len(job.takes) for job in jobs)}
    if whole:
        clips = {job.clip.id: job.clip for job in jobs if job.clip is not None}
        held = studio.clips.all()
        found["jobs"] = [studio.state_of(job) for job in jobs]
        found["clips"] = [clip.as_dict() for clip in clips.values() if clip.id in held]
    return found


@router.get("", response_model=list[schema.ProjectFacts])
def list_projects(request: Request) -> list[dict[str, Any]]:
    """All projects, the one changed last first."""
    studio = studio_of(request)
    return [facts_of(studio, project, False) for project in studio.projects.all()]


@router.post("", status_code=201, response_model=schema.ProjectFacts)
def create_project(
    request: Request, name: Annotated[str, Form()], notes: Annotated[str, Form()] = ""
) -> dict[str, Any]:
    """A new project; jobs join it by naming its id."""
    studio = studio_of(request)
    return facts_of(studio, studio.projects.create(name, notes), False)


@router.get("/{project}", response_model=schema.WholeProject)
def show_project(request: Request, project: str) -> dict[str, Any]:
    """A project with its jobs, their takes and its clips."""
    studio = studio_of(request)
    return facts_of(studio, studio.projects.get(project), True)


@router.patch("/{project}", response_model=schema.ProjectFacts)
def change_project(
    request: Request,
    project: str,
    name: Annotated[str | None, Form()] = None,
    notes: Annotated[str | None, Form()] = None,
) -> dict[str, Any]:
    """Another name or other notes."""
    studio = studio_of(request)
    found = studio.projects.get(project)
    studio.projects.change(found, name, notes)
    return facts_of(studio, found, False)


@router.delete("/{project}", status_code=204)
def remove_project(request: Request, project: str) -> None:
    """Remove a project with all its jobs and takes."""
    studio = studio_of(request)
    found = studio.projects.get(project)
    for job in studio.jobs_of(found):
        studio.remove(job)
    studio.projects.remove(found)


@router.get("/{project}/export", response_class=FileResponse)
def export_project(
    request: Request,
    project: str,
    form: Annotated[Literal["zip", "mp4"], Query(description="WAV files, or one video with all")] = "zip",
) -> FileResponse:
    """The kept takes: a ZIP of WAV files and a table, or one video of the clip with a sound track a take."""
    studio = studio_of(request)
    found = studio.projects.get(project)
    jobs: list[Job] = studio.jobs_of(found)
    projects.kept_takes(jobs)
    studio.limits.check_stored(studio.store.stored_bytes())
    studio.store.check_room()
    target = studio.store.new_export(form)
    try:
        if form == "zip":
            projects.write_zip(found, jobs, studio.gains, target)
        else:
            projects.write_video(jobs, studio.gains, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    kind = {"zip": "application/zip", "mp4": "video/mp4"}[form]
    gone = BackgroundTask(target.unlink, missing_ok=True)
    return FileResponse(target, media_type=kind, filename=f"{safe_stem(found.name)}.{form}", background=gone)
