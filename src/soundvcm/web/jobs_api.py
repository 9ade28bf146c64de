"""Addresses of jobs: submit, list, state, events, cancel, forget.

Knows FastAPI and the studio; takes have addresses of their own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Header, Query, Request, UploadFile
from fastapi.responses import StreamingResponse

from soundvcm.generate.options import DEFAULTS, Existing, Renderer
from soundvcm.web import forms, schema
from soundvcm.web.about import studio_of
from soundvcm.web.clips_api import POLL_SECONDS, take_in
from soundvcm.web.jobs import ENDED, Job
from soundvcm.web.problems import REFUSALS
from soundvcm.web.studio import Studio

HEARTBEAT_SECONDS = 15.0
router = APIRouter(responses=REFUSALS)


@router.post("/api/jobs", status_code=202, response_model=schema.JobFacts, tags=["jobs"])
async def submit(
    request: Request,
    video: Annotated[UploadFile | None, File(description="video, GIF or picture")] = None,
    clip: Annotated[str | None, Form(description="id of a clip instead of an upload")] = None,
    path: Annotated[str | None, Form(description="local file, where the studio allows it")] = None,
    prompt: Annotated[str, Form(description="what should be heard")] = DEFAULTS.prompt,
    negative_prompt: Annotated[str | None, Form()] = DEFAULTS.negative_prompt,
    duration: Annotated[str | None, Form(description="seconds; the whole clip if left out")] = (
        DEFAULTS.duration
    ),
    start: Annotated[str, Form(description="first second of the clip")] = DEFAULTS.start,
    num_steps: Annotated[int | None, Form(description="network calls of a take")] = DEFAULTS.num_steps,
    seed: Annotated[int, Form(description="of the first take; -1 picks one")] = DEFAULTS.seed,
    takes: Annotated[int, Form(description="how many, with seeds counting up")] = DEFAULTS.takes,
    cfg_strength: Annotated[float | None, Form()] = DEFAULTS.cfg_strength,
    ignore_pictures: Annotated[bool, Form()] = DEFAULTS.ignore_pictures,
    kind: Annotated[str | None, Form(description="kind of the recordings that sound")] = DEFAULTS.kind,
    renderer: Annotated[Renderer, Form(description="recordings, the network, or as it fits")] = (
        DEFAULTS.renderer
    ),
    existing_audio: Annotated[Existing, Form()] = DEFAULTS.existing_audio,
    gain: Annotated[float, Form(description="dB")] = DEFAULTS.gain,
    loudness: Annotated[float | None, Form(description="LUFS")] = DEFAULTS.loudness,
    sample_rate: Annotated[int | None, Form(ge=8000, le=192_000)] = DEFAULTS.sample_rate,
    stereo: Annotated[bool, Form()] = DEFAULTS.stereo,
    exact_cut: Annotated[bool, Form()] = DEFAULTS.exact_cut,
    segments: Annotated[
        str | None, Form(description="JSON list of {start, end, prompt, gain, mute, seed}: parts made apart")
    ] = DEFAULTS.segments,
    project: Annotated[str | None, Form(description="id of the project it joins")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
) -> dict[str, Any]:
    """Ask for takes: send a clip (or the id of one), a prompt with a duration, or both. Answers at once.

    Sent again with the same Idempotency-Key, it answers with the job of the first time.
    """
    given = dict(locals())
    studio = studio_of(request)
    fields = {name: given[name] for name in forms.defaults()}
    fields["start"] = fields["start"].strip() or DEFAULTS.start
    held = studio.clips.get(clip) if clip and clip.strip() else None
    joined = studio.projects.get(project) if project and project.strip() else None
    sent = video is not None or bool(path and path.strip())
    forms.check_fields(fields, held, sent, studio.limits)
    studio.check(
        forms.request_of(fields, held, studio.limits) if held or not sent else forms.draft_of(fields)
    )
    key, made = idempotency_key, None
    if key is not None:
        content = [fields, clip, path, video and [video.filename, video.size]]
        told = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
        earlier = studio.repeats.begin(key, told)
        if earlier is not None:
            return studio.state_of(studio.job(earlier))
    found = held
    try:
        found = held or await take_in(request, video, path)
        made = studio.submit(
            forms.request_of(fields, found, studio.limits), found, request.scope["soundvcm"][0], joined
        )
    finally:
        if key is not None:
            studio.repeats.end(key, None if made is None else made.id)
        if made is None and found is not None and held is None:  # a refusal leaves nothing
            studio.clips.remove(found.id)
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
    return StreamingResponse(told(studio, found, seen), media_type="text/event-stream")


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
