"""Addresses of clips and of sounds to go by: upload, facts, film strip, forget.

Knows FastAPI and the studio; nothing of jobs.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from soundvcm.web import examples, schema
from soundvcm.web.about import studio_of
from soundvcm.web.clip import StoredClip
from soundvcm.web.inspecting import Look
from soundvcm.web.limits import RefusedError
from soundvcm.web.problems import REFUSALS

POLL_SECONDS = 0.05
#: FFmpeg's name of a container => what browsers call it
CONTENT_TYPES = {
    "mov": "video/mp4",
    "matroska": "video/webm",
    "gif": "image/gif",
    "png_pipe": "image/png",
    "jpeg_pipe": "image/jpeg",
    "image2": "image/jpeg",
    "webp_pipe": "image/webp",
}
router = APIRouter(responses=REFUSALS)


async def take_in(request: Request, upload: UploadFile | None, path: str | None) -> StoredClip | None:
    """Store an upload, or name a local file where that is allowed, and look at it.

    Raises:
        RefusedError: 403, 413, 415, 507.
    """
    studio = studio_of(request)
    if path and path.strip():
        if not studio.local_paths:
            raise RefusedError(403, "local paths are not taken here: upload the file", "path")
        local = Path(path.strip())
        if not local.is_file():
            raise RefusedError(422, f"{path}: no such file", "path")
        return await look_at(request, None, local, local.name, owned=False)
    if upload is None:
        return None
    name, target = await run_in_threadpool(studio.clips.keep_upload, upload.file)
    clip = await look_at(request, name, target, upload.filename or "clip", owned=True)
    studio.metrics.count("uploads")
    studio.metrics.count("upload_bytes", upload.size or 0)
    return clip


async def take_in_sound(request: Request, upload: UploadFile) -> StoredClip:
    """Store an uploaded sound to go by, and look at it.

    Raises:
        RefusedError: 413, 415, 507.
    """
    studio = studio_of(request)
    name, target = await run_in_threadpool(studio.clips.keep_upload, upload.file)
    return await look_at(request, name, target, upload.filename or "sound", owned=True, sound=True)


async def look_at(
    request: Request, name: str | None, path: Path, stem: str, owned: bool, sound: bool = False
) -> StoredClip:
    """Look at a file in a process of its own, and hold it; ends when the client leaves.

    No thread of the server waits meanwhile.

    Raises:
        RefusedError: for what cannot be used; 503 if the studio closes meanwhile.
    """
    studio, look = studio_of(request), Look()
    name = name or studio.clips.new_path()[0]
    looking = asyncio.wrap_future(studio.looks.submit(studio.clips.add, name, path, stem, owned, look, sound))
    try:
        while not (await asyncio.wait([looking], timeout=POLL_SECONDS))[0]:
            if await request.is_disconnected():
                look.end("client")
        return await looking
    except asyncio.CancelledError:
        look.end("client")
        if owned:
            path.unlink(missing_ok=True)
        if looking.cancelled():
            raise RefusedError(503, "the studio is closing: try again later", "video") from None
        raise


@router.get("/api/examples", response_model=list[schema.Example], tags=["clips"])
async def list_examples() -> list[dict[str, Any]]:
    """Clips that come with the studio, each with a prompt that fits; `POST /api/clips` takes their names."""
    return examples.table()


@router.get("/api/examples/{name}", response_class=FileResponse, tags=["clips"])
def show_example(name: str) -> FileResponse:
    """An example clip itself."""
    return FileResponse(examples.path_of(name), media_type="video/mp4")


@router.get("/api/examples/{name}/picture.png", response_class=Response, tags=["clips"])
def show_example_picture(name: str) -> Response:
    """A picture of an example clip, PNG."""
    return Response(examples.picture_of(name), media_type="image/png")


@router.post("/api/clips", status_code=201, response_model=schema.ClipFacts, tags=["clips"])
async def add_clip(
    request: Request,
    video: Annotated[UploadFile | None, File(description="video, GIF or picture")] = None,
    path: Annotated[str | None, Form(description="local file, where the studio allows it")] = None,
    example: Annotated[str | None, Form(description="name of an example clip instead of a file")] = None,
) -> dict[str, Any]:
    """Store a clip and look at it: length, film strip, curve of movement. Jobs may then name its id."""
    if example:
        clip: StoredClip | None = await look_at(
            request, None, examples.path_of(example), example, owned=False
        )
    else:
        clip = await take_in(request, video, path)
    if clip is None:
        raise RefusedError(422, "Choose a video file.", "video")
    return clip.as_dict()


@router.post("/api/sounds", status_code=201, response_model=schema.SoundFacts, tags=["clips"])
async def add_sound(
    request: Request, like: Annotated[UploadFile, File(description="a recording to go by")]
) -> dict[str, Any]:
    """Store a sound to go by ("like this"). Jobs may then name its id as `sound`."""
    return (await take_in_sound(request, like)).as_sound()


@router.get("/api/sounds/{sound}", response_model=schema.SoundFacts, tags=["clips"])
def show_sound(request: Request, sound: str) -> dict[str, Any]:
    """What is known of a sound to go by."""
    return studio_of(request).clips.get_sound(sound).as_sound()


@router.delete("/api/sounds/{sound}", status_code=204, tags=["clips"])
def remove_sound(request: Request, sound: str) -> None:
    """Forget a sound to go by."""
    clips = studio_of(request).clips
    clips.remove(clips.get_sound(sound).id)


@router.get("/api/clips/{clip}", response_model=schema.ClipFacts, tags=["clips"])
def show_clip(request: Request, clip: str) -> dict[str, Any]:
    """What is known of a clip."""
    return studio_of(request).clips.get_clip(clip).as_dict()


@router.get("/api/clips/{clip}/strip.png", response_class=Response, tags=["clips"])
def show_strip(request: Request, clip: str) -> Response:
    """The film strip: up to 16 pictures side by side, evenly spaced, PNG."""
    return Response(studio_of(request).clips.get_clip(clip).preview.strip, media_type="image/png")


@router.get("/api/clips/{clip}/video", response_class=FileResponse, tags=["clips"])
def show_video(request: Request, clip: str) -> FileResponse:
    """The clip as it was uploaded; byte ranges are served."""
    found = studio_of(request).clips.get_clip(clip)
    kind = CONTENT_TYPES.get(str(found.preview.facts["container"]).split(",")[0], "application/octet-stream")
    return FileResponse(found.path, media_type=kind, content_disposition_type="inline")


@router.delete("/api/clips/{clip}", status_code=204, tags=["clips"])
def remove_clip(request: Request, clip: str) -> None:
    """Forget a clip."""
    studio_of(request).clips.remove(clip)
