"""Addresses of jobs: submit, list, state, events, cancel, forget.

Knows FastAPI and the studio; takes have addresses of their own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Header, Query, Request, UploadFile
from fastapi.responses import StreamingResponse

from soundvcm.generate.options import DEFAULTS
from soundvcm.web import forms, schema
from soundvcm.web.about import studio_of
from soundvcm.web.clips_api import POLL_SECONDS, take_in, take_in_sound
from soundvcm.web.form_fields import form_of_options
from soundvcm.web.jobs import ENDED, Job
from soundvcm.web.problems import REFUSALS
from soundvcm.web.studio import Studio

HEARTBEAT_SECONDS = 15.0
router = APIRouter(responses=REFUSALS)


@router.post("/api/jobs", status_code=202, response_model=schema.JobFacts, tags=["jobs"])
@form_of_options
async def submit(
    *,
    request: Request,
    fields: dict[str, Any],
    video: Annotated[UploadFile | None, File(description="video, GIF or picture")] = None,
    clip: Annotated[str | None, Form(description="id of a clip instead of an upload")] = None,
    path: Annotated[str | None, Form(description="local file, where the studio allows it")] = None,
    like: Annotated[UploadFile | None, File(description="a recording: make the sound from it")] = None,
    sound: Annotated[
        str | None, Form(description="id of a sound, or of a clip that has sound, instead of `like`")
    ] = None,
    project: Annotated[str | None, Form(description="id of the project it joins")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
) -> dict[str, Any]:
    """Ask for takes: send a clip (or the id of one), a prompt with a duration, or both. Answers at once.

    Sent again with the same Idempotency-Key, it answers with the job of the first time.
    """
    studio = studio_of(request)
    fields["start"] = fields["start"].strip() or DEFAULTS.start
    held = studio.clips.get_clip(clip) if clip and clip.strip() else None
    heard = studio.clips.get_sound(sound) if sound and sound.strip() else None
    joined = studio.projects.get(project) if project and project.strip() else None
    sent = video is not None or bool(path and path.strip())
    forms.check_fields(fields, held, sent, studio.limits)
    draft = forms.request_of(fields, held, studio.limits) if held or not sent else forms.draft_of(fields)
    goes_by = forms.PENDING if heard is not None or like is not None else None
    studio.check(replace(draft, like=goes_by))
    key, made = idempotency_key, None
    if key is not None:
        uploads = [one and [one.filename, one.size] for one in (video, like)]
        content = [fields, clip, path, sound, uploads]
        told = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
        earlier = studio.repeats.begin(key, told)
        if earlier is not None:
            return studio.state_of(studio.job(earlier))
    mine: list[str] = []  # what came with this request
    try:
        found = held or await take_in(request, video, path)
        mine += [found.id] if found is not None and held is None else []
        if like is not None:
            heard = await take_in_sound(request, like)
            mine.append(heard.id)
        wanted, place = forms.request_of(fields, found, studio.limits), request.scope["soundvcm"][0]
        made = studio.submit(wanted, found, place, joined, heard)
    finally:
        if key is not None:
            studio.repeats.end(key, None if made is None else made.id)
        if made is None:  # a refusal leaves nothing
            for name in mine:
                studio.clips.remove(name)
    return studio.state_of(made)


@router.get("/api/jobs", response_model=list[schema.JobFacts], tags=["jobs"])
def list_jobs(
    request: Request,
    state: Annotated[str | None, Query(description="only jobs in this state")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """All jobs, the newest first."""
    studio = studio_of(request)
    jobs = [job for job in studio.all_jobs() if state is None or job.state == state]
    return [studio.state_of(job) for job in jobs[:limit]]


@router.get("/api/jobs/{job}", response_model=schema.JobFacts, tags=["jobs"])
def show_job(request: Request, job: str) -> dict[str, Any]:
    """State of a job, its place in the queue, its takes."""
    studio = studio_of(request)
    return studio.state_of(studio.job(job))


@router.get("/api/jobs/{job}/events", response_class=StreamingResponse, tags=["jobs"])
def events(
    request: Request, job: str, last_event_id: Annotated[str | None, Header()] = None
) -> StreamingResponse:
    """Server-sent events: position, state, phase (as the pipeline reports it), take; ends with the job."""
    studio = studio_of(request)
    found = studio.job(job)
    if request.scope["soundvcm"][1]:  # HEAD
        return StreamingResponse(iter(()), media_type="text/event-stream")
    seen = int(last_event_id) if last_event_id and last_event_id.isdecimal() else 0
    unbuffered = {"x-accel-buffering": "no"}  # a reverse proxy should pass each on at once
    return StreamingResponse(told(studio, found, seen), media_type="text/event-stream", headers=unbuffered)


async def told(studio: Studio, job: Job, seen: int) -> AsyncIterator[str]:
    """The events of a job after the first `seen`, as they happen, in the format of EventSource."""
    place: int | None = None
    quiet = 0.0
    while True:
        over = job.state in ENDED
        news = job.events[seen:]
        for name, facts in news:
            seen += 1
            yield f"id: {seen}\nevent: {name}\ndata: {json.dumps(facts)}\n\n"
        if over and seen >= len(job.events):
            return
        position = studio.position(job)
        if position is not None and position != place:
            place = position
            yield f"event: position\ndata: {json.dumps({'position': position})}\n\n"
        quiet = 0.0 if news else quiet + POLL_SECONDS
        if quiet >= HEARTBEAT_SECONDS:
            quiet = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(POLL_SECONDS)


@router.post("/api/jobs/{job}/cancel", response_model=schema.JobFacts, tags=["jobs"])
def cancel(request: Request, job: str) -> dict[str, Any]:
    """Stop a job: at once if it waits, after the running phase if it runs."""
    studio = studio_of(request)
    found = studio.job(job)
    studio.cancel(found)
    return studio.state_of(found)


@router.delete("/api/jobs/{job}", status_code=204, tags=["jobs"])
def remove_job(request: Request, job: str) -> None:
    """Cancel a job and remove its files."""
    studio = studio_of(request)
    studio.remove(studio.job(job))
