"""The HTTP service: addresses => studio. `create_app(studio)` is an ASGI application.

Everything under /api is described at /api/openapi.json. Knows FastAPI and the studio; prints nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, File, Form, Header, Query, Request, UploadFile
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from soundvcm import __version__
from soundvcm.generate.options import DEFAULTS, Existing
from soundvcm.web import about, forms, problems, schema
from soundvcm.web.about import studio_of
from soundvcm.web.clip import StoredClip
from soundvcm.web.guard import Guard
from soundvcm.web.inspecting import Look
from soundvcm.web.jobs import ENDED, Job, media_type
from soundvcm.web.limits import RefusedError
from soundvcm.web.studio import Studio

ABOUT = (
    "Soundtracks for silent clips, a network call each. Refusals are problem details (RFC 9457) that name"
    " the field they are about."
)
POLL_SECONDS, HEARTBEAT_SECONDS = 0.05, 15.0
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": schema.Problem, "content": {problems.MEDIA_TYPE: {}}}
    for status in (401, 403, 404, 408, 409, 413, 415, 422, 429, 507)
}
router = APIRouter(responses=REFUSALS)


def create_app(studio: Studio, token: str | None = None, hosts: Sequence[str] = ()) -> FastAPI:
    """The application around a studio.

    Args:
        studio: whose jobs are served; the caller closes it.
        token: what clients must know; needed when other machines can reach the address.
        hosts: names under which a reverse proxy shows it.
    """
    app = FastAPI(
        title="SoundVCM studio",
        version=__version__,
        description=ABOUT,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page would load scripts from a CDN
        redoc_url=None,
    )
    app.state.studio = studio
    app.include_router(about.router)
    app.include_router(router)
    problems.install(app)
    app.add_middleware(
        Guard, limits=studio.limits, admission=studio.admission, token=token, hosts=tuple(hosts)
    )
    return app


# -- clips


async def take_in(request: Request, upload: UploadFile | None, path: str | None) -> StoredClip | None:
    """Store an upload, or name a local file where that is allowed, and look at it.

    The look runs in processes of its own and ends when the client leaves; until then no thread of the server
    waits for it.

    Raises:
        RefusedError: 403, 413, 415, 507.
    """
    studio = studio_of(request)
    look = Look()
    if path and path.strip():
        if not studio.local_paths:
            raise RefusedError(403, "local paths are not taken here: upload the file", "path")
        local = Path(path.strip())
        if not local.is_file():
            raise RefusedError(422, f"{path}: no such file", "path")
        given = (studio.clips.new_path()[0], local, local.name, False, look)
        size = 0
    elif upload is not None:
        name, target = await run_in_threadpool(studio.clips.keep_upload, upload.file)
        given, size = (name, target, upload.filename or "clip", True, look), upload.size or 0
    else:
        return None
    looking = asyncio.wrap_future(studio.looks.submit(studio.clips.add, *given))
    try:
        while not (await asyncio.wait([looking], timeout=POLL_SECONDS))[0]:
            if await request.is_disconnected():
                look.end("client")
        clip = await looking
    except asyncio.CancelledError:
        look.end("client")
        if given[3]:
            given[1].unlink(missing_ok=True)
        if looking.cancelled():
            raise RefusedError(503, "the studio is closing: try again later", "video") from None
        raise
    if given[3]:
        studio.metrics.count("uploads")
        studio.metrics.count("upload_bytes", size)
    return clip


@router.post("/api/clips", status_code=201, response_model=schema.ClipFacts, tags=["clips"])
async def add_clip(
    request: Request,
    video: Annotated[UploadFile | None, File(description="video, GIF or picture")] = None,
    path: Annotated[str | None, Form(description="local file, where the studio allows it")] = None,
) -> dict[str, Any]:
    """Store a clip and look at it: length, film strip, curve of movement. Jobs may then name its id."""
    clip = await take_in(request, video, path)
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
    existing_audio: Annotated[Existing, Form()] = DEFAULTS.existing_audio,
    gain: Annotated[float, Form(description="dB")] = DEFAULTS.gain,
    loudness: Annotated[float | None, Form(description="LUFS")] = DEFAULTS.loudness,
    sample_rate: Annotated[int | None, Form(ge=8000, le=192_000)] = DEFAULTS.sample_rate,
    stereo: Annotated[bool, Form()] = DEFAULTS.stereo,
    exact_cut: Annotated[bool, Form()] = DEFAULTS.exact_cut,
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
            forms.request_of(fields, found, studio.limits), found, request.scope["soundvcm"][0]
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
    return found.take_dict(studio.change_take(found, take, gain, kept))


@router.delete("/api/jobs/{job}/takes/{take}", status_code=204, tags=["jobs"])
def remove_take(
    request: Request,
    job: str,
    take: int,
    undo: Annotated[bool, Query(description="it can be brought back for some minutes")] = False,
) -> None:
    """Remove one take."""
    studio = studio_of(request)
    studio.remove_take(studio.job(job), take, undo)


@router.post("/api/jobs/{job}/takes/{take}/restore", response_model=schema.TakeFacts, tags=["jobs"])
def restore_take(request: Request, job: str, take: int) -> dict[str, Any]:
    """Bring a take back that was deleted with `undo`."""
    studio = studio_of(request)
    found = studio.job(job)
    return found.take_dict(studio.restore_take(found, take))
