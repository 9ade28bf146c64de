"""The HTTP service: addresses => studio. `create_app(studio)` is an ASGI application.

Everything under /api is described at /api/openapi.json. Knows FastAPI and the studio; prints nothing.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, File, Form, Header, Query, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from soundvcm import __version__
from soundvcm.errors import InputError, SoundVCMError
from soundvcm.generate.options import DEFAULTS, Existing
from soundvcm.web import about, forms, schema
from soundvcm.web.about import studio_of
from soundvcm.web.clip import StoredClip
from soundvcm.web.guard import Guard, answer
from soundvcm.web.jobs import ENDED, Job, media_type
from soundvcm.web.limits import RefusedError
from soundvcm.web.studio import FAULT, Studio

POLL_SECONDS, HEARTBEAT_SECONDS = 0.05, 15.0
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": schema.Refusal} for status in (401, 403, 404, 409, 413, 415, 422, 429)
}
router = APIRouter(responses=REFUSALS)


def create_app(studio: Studio, token: str | None = None) -> FastAPI:
    """The application around a studio.

    Args:
        studio: whose jobs are served; the caller closes it.
        token: what clients must know; needed when other machines can reach the address.
    """
    app = FastAPI(
        title="SoundVCM studio",
        version=__version__,
        description="Soundtracks for silent clips, a network call each. Refusals are {error, field}.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page would load scripts from a CDN
        redoc_url=None,
    )
    app.state.studio = studio
    app.include_router(about.router)
    app.include_router(router)
    app.add_exception_handler(SoundVCMError, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)
    app.add_middleware(Guard, limits=studio.limits, token=token)
    return app


def _refused(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, RefusedError):
        return answer(error)
    if isinstance(error, InputError):
        return answer(RefusedError(422, str(error), forms.field_of(str(error))))
    return JSONResponse({"error": str(error), "field": None}, 500)


def _misread(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return answer(RefusedError(422, f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}", name))


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail), "field": None}, error.status_code, error.headers)


def _fault(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": FAULT, "field": None}, 500)


# -- clips


def take_in(studio: Studio, upload: UploadFile | None, path: str | None) -> StoredClip | None:
    """Store an upload, or look at a local file where that is allowed.

    Raises:
        RefusedError: 403, 413, 415, 429.
    """
    if path and path.strip():
        if not studio.local_paths:
            raise RefusedError(403, "local paths are not taken here: upload the file", "path")
        local = Path(path.strip())
        if not local.is_file():
            raise RefusedError(422, f"{path}: no such file", "path")
        return studio.clips.add(studio.clips.new_path()[0], local, local.name, owned=False)
    if upload is None:
        return None
    studio.limits.check_stored(studio.stored_bytes() + (upload.size or 0))
    name, target = studio.clips.new_path()
    with target.open("wb") as file:
        shutil.copyfileobj(upload.file, file, 1 << 20)
    size = target.stat().st_size
    clip = studio.clips.add(name, target, upload.filename or "clip")
    studio.metrics.count("uploads")
    studio.metrics.count("upload_bytes", size)
    return clip


@router.post("/api/clips", status_code=201, response_model=schema.ClipFacts, tags=["clips"])
def add_clip(
    request: Request,
    video: Annotated[UploadFile | None, File(description="video, GIF or picture")] = None,
    path: Annotated[str | None, Form(description="local file, where the studio allows it")] = None,
) -> dict[str, Any]:
    """Store a clip and look at it: length, film strip, curve of movement. Jobs may then name its id."""
    clip = take_in(studio_of(request), video, path)
    if clip is None:
        raise RefusedError(422, "Choose a video file.", "video")
    return clip.as_dict()


@router.get("/api/clips/{clip}", response_model=schema.ClipFacts, tags=["clips"])
def show_clip(request: Request, clip: str) -> dict[str, Any]:
    """What is known of a clip."""
    return studio_of(request).clips.get(clip).as_dict()


@router.get("/api/clips/{clip}/strip.png", response_class=Response, tags=["clips"])
def show_strip(request: Request, clip: str) -> Response:
    """The film strip: up to 16 pictures side by side, evenly spaced, PNG."""
    return Response(studio_of(request).clips.get(clip).preview.strip, media_type="image/png")


@router.delete("/api/clips/{clip}", status_code=204, tags=["clips"])
def remove_clip(request: Request, clip: str) -> None:
    """Forget a clip."""
    studio_of(request).clips.remove(clip)


# -- jobs


@router.post("/api/jobs", status_code=202, response_model=schema.JobFacts, tags=["jobs"])
def submit(
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
    existing_audio: Annotated[Existing, Form()] = DEFAULTS.existing_audio,
    gain: Annotated[float, Form(description="dB")] = DEFAULTS.gain,
    loudness: Annotated[float | None, Form(description="LUFS")] = DEFAULTS.loudness,
    sample_rate: Annotated[int | None, Form(ge=8000, le=192_000)] = DEFAULTS.sample_rate,
    stereo: Annotated[bool, Form()] = DEFAULTS.stereo,
    exact_cut: Annotated[bool, Form()] = DEFAULTS.exact_cut,
) -> dict[str, Any]:
    """Ask for takes: send a clip (or the id of one), a prompt with a duration, or both. Answers at once."""
    given = dict(locals())
    studio = studio_of(request)
    fields = {name: given[name] for name in forms.defaults()}
    fields["start"] = fields["start"].strip() or DEFAULTS.start
    found = studio.clips.get(clip) if clip and clip.strip() else take_in(studio, video, path)
    return studio.state_of(studio.submit(forms.request_of(fields, found, studio.limits), found))


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
def set_gain(
    request: Request, job: str, take: int, gain: Annotated[float, Form(description="dB")]
) -> dict[str, Any]:
    """Set the gain a take is served with, as `gain` of a job would do it; kept with the take."""
    studio = studio_of(request)
    found = studio.job(job)
    return found.take_dict(studio.set_gain(found, take, gain))


@router.delete("/api/jobs/{job}/takes/{take}", status_code=204, tags=["jobs"])
def remove_take(request: Request, job: str, take: int) -> None:
    """Remove one take."""
    studio = studio_of(request)
    studio.remove_take(studio.job(job), take)
