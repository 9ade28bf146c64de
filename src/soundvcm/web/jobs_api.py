"""Addresses of jobs and their takes: submit, list, state, events, cancel, forget; files, gain, keep, delete.

    @_form_of_options
    async def submit(request, fields, ...)

FastAPI then sees a form field for each option in place of `fields`: names, types, defaults and words come
from `GenerateOptions`. Knows FastAPI and the studio.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, Literal, get_type_hints

from fastapi import APIRouter, File, Form, Header, Query, Request, UploadFile
from fastapi.responses import FileResponse, StreamingResponse

from soundvcm.generate.options import DEFAULTS, GenerateOptions, explained
from soundvcm.web import forms, schema
from soundvcm.web.about import studio_of
from soundvcm.web.clips_api import POLL_SECONDS, take_in, take_in_sound
from soundvcm.web.forms import defaults
from soundvcm.web.jobs import ENDED, Job, media_type
from soundvcm.web.limits import RefusedError
from soundvcm.web.problems import REFUSALS
from soundvcm.web.studio import Studio

HEARTBEAT_SECONDS = 15.0
router = APIRouter(responses=REFUSALS)
#: what a form can hold of an option, where it is not the option's own type
AS_TEXT = {"segments": str | None}
WORDS = {
    "segments": "JSON list of {start, end, prompt, gain, mute, seed}: parts of the clip made apart, joined to"
    " one track"
}
BOUNDS: dict[str, dict[str, Any]] = {"sample_rate": {"ge": 8000, "le": 192_000}}


def _form_of_options(endpoint: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The endpoint with one form field for each option; it is called with `fields`, a table of them.

    Args:
        endpoint: takes keywords only.
    """
    hints, types = get_type_hints(endpoint, include_extras=True), get_type_hints(GenerateOptions)
    told = explained()
    fields = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(DEFAULTS, name),
            annotation=Annotated[
                AS_TEXT.get(name, types[name]),
                Form(description=WORDS.get(name, told.get(name, "")), **BOUNDS.get(name, {})),
            ],
        )
        for name in defaults()
    ]
    others = [
        one.replace(annotation=hints[name])
        for name, one in inspect.signature(endpoint).parameters.items()
        if name != "fields"
    ]

    async def called(**given: Any) -> Any:
        taken = {one.name: given.pop(one.name) for one in fields}
        return await endpoint(fields=taken, **given)

    called.__signature__ = inspect.Signature([*others, *fields])  # type: ignore[attr-defined]
    called.__name__, called.__doc__ = endpoint.__name__, endpoint.__doc__
    return called


@router.post("/api/jobs", status_code=202, response_model=schema.JobFacts, tags=["jobs"])
@_form_of_options
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


@router.get("/api/jobs/{job}/takes/{take}/{kind}", response_class=FileResponse, tags=["jobs"])
def result(
    request: Request,
    job: str,
    take: int,
    kind: Literal["sound", "video"],
    download: Annotated[bool, Query(description="as a file to save")] = False,
    plain: Annotated[bool, Query(description="as it was made, without the gain set since")] = False,
) -> FileResponse:
    """A take as WAV ("sound") or as the clip with its new sound ("video"); byte ranges are served."""
    studio = studio_of(request)
    found = studio.job(job)
    one = found.take(take)
    path = one.file(kind) if plain else studio.gains.file(found, one, kind)
    return FileResponse(
        path,
        media_type=media_type(path),
        filename=found.name_of(one, kind),
        content_disposition_type="attachment" if download else "inline",
    )


@router.put("/api/jobs/{job}/takes/{take}", response_model=schema.TakeFacts, tags=["jobs"])
def change_take(
    request: Request,
    job: str,
    take: int,
    gain: Annotated[float | None, Form(description="dB")] = None,
    kept: Annotated[bool | None, Form(description="whether age removes it")] = None,
) -> dict[str, Any]:
    """Set the gain a take is served with, as `gain` of a job would do it, and whether it is kept."""
    if gain is None and kept is None:
        raise RefusedError(422, "say what to change: gain in dB, or kept", "gain")
    studio = studio_of(request)
    found = studio.job(job)
    return found.take_dict(studio.takes.change(found, take, gain, kept))


@router.delete("/api/jobs/{job}/takes/{take}", status_code=204, tags=["jobs"])
def remove_take(
    request: Request,
    job: str,
    take: int,
    undo: Annotated[bool, Query(description="it can be brought back for some minutes")] = False,
) -> None:
    """Remove one take."""
    studio = studio_of(request)
    studio.takes.remove(studio.job(job), take, undo)


@router.post("/api/jobs/{job}/takes/{take}/restore", response_model=schema.TakeFacts, tags=["jobs"])
def restore_take(request: Request, job: str, take: int) -> dict[str, Any]:
    """Bring a take back that was deleted with `undo`."""
    studio = studio_of(request)
    found = studio.job(job)
    return found.take_dict(studio.takes.restore(found, take))
