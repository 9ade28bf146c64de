"""What the service tells of itself: the page, health, models, defaults, metrics.

Knows FastAPI and the studio; no jobs of anybody.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from soundvcm import __version__
from soundvcm.systems.catalog import PRESETS
from soundvcm.web import examples, forms, schema
from soundvcm.web.limits import RefusedError
from soundvcm.web.metrics import CONTENT_TYPE
from soundvcm.web.reference import reference
from soundvcm.web.studio import Studio

STATIC = Path(__file__).parent / "static"
#: files of the page; nothing else of the folder is served
PAGE = {
    "studio.css": "text/css",
    **dict.fromkeys(
        (
            "api.js",
            "clip.js",
            "history.js",
            "like.js",
            "said.js",
            "draw.js",
            "form.js",
            "jobs.js",
            "keys.js",
            "parts.js",
            "projects.js",
            "range.js",
            "sounds.js",
            "stage.js",
            "studio.js",
            "takes.js",
        ),
        "text/javascript",
    ),
}
router = APIRouter()


def studio_of(request: Request) -> Studio:
    """The studio a request came to."""
    studio: Studio = request.app.state.studio
    return studio


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The page; answered without a thread of the pool, as health is, so that work cannot hold it up."""
    return Response((STATIC / "index.html").read_bytes(), media_type="text/html")


@router.get("/static/{name}", include_in_schema=False)
async def part_of_page(name: str) -> Response:
    """A file of the page."""
    if name not in PAGE:
        raise RefusedError(404, "the page has no such part")
    return Response((STATIC / name).read_bytes(), media_type=PAGE[name])


@router.get("/api/docs", include_in_schema=False)
def show_reference(request: Request) -> Response:
    """The description of the service, to read; loads nothing from elsewhere."""
    return Response(reference(request.app.openapi()), media_type="text/html")


@router.get("/api/health", response_model=schema.Health, tags=["about"])
async def health(request: Request, response: Response) -> dict[str, Any]:
    """Disk, queue and worker; answers without a token, and with 503 if no job could be made."""
    studio = studio_of(request)
    found = studio.health()
    response.status_code = 503 if found["status"] == "stopped" else 200
    return {**found, "version": __version__, "model": studio.pipeline.name}


@router.get("/api/models", response_model=schema.Models, tags=["about"])
def models(request: Request) -> dict[str, Any]:
    """The loaded system, and the table of names."""
    loaded = forms.abilities(studio_of(request).pipeline)
    return {"loaded": loaded, "known": [asdict(row) for row in PRESETS.values()]}


@router.get("/api/defaults", response_model=schema.Defaults, tags=["about"])
def show_defaults(request: Request) -> dict[str, Any]:
    """The defaults of every field (the same table as the command line's), and the limits."""
    studio = studio_of(request)
    return {
        "defaults": forms.defaults(),
        "prompts": list(examples.PROMPTS),
        "model": forms.abilities(studio.pipeline),
        "limits": {**asdict(studio.limits), "local_paths": studio.local_paths},
    }


@router.get("/metrics", response_class=PlainTextResponse, tags=["about"])
def metrics(request: Request) -> PlainTextResponse:
    """Counters for Prometheus."""
    studio = studio_of(request)
    return PlainTextResponse(studio.metrics.text(studio.gauges()), media_type=CONTENT_TYPE)
