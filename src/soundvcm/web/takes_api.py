"""Addresses of takes: their files, gain, keep, delete, bring back.

Knows FastAPI and the studio.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import FileResponse

from soundvcm.web import schema
from soundvcm.web.about import studio_of
from soundvcm.web.jobs import media_type
from soundvcm.web.limits import RefusedError
from soundvcm.web.problems import REFUSALS

router = APIRouter(responses=REFUSALS)


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
