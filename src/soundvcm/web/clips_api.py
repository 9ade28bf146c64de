"""Addresses of clips: upload, facts, film strip, forget.

Knows FastAPI and the studio; nothing of jobs.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from soundvcm.web import schema
from soundvcm.web.about import studio_of
from soundvcm.web.clip import StoredClip
from soundvcm.web.inspecting import Look
from soundvcm.web.limits import RefusedError
from soundvcm.web.problems import REFUSALS

POLL_SECONDS = 0.05
router = APIRouter(responses=REFUSALS)


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
