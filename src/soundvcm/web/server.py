"""The HTTP service: addresses => studio. `create_app(studio)` is an ASGI application.

Everything under /api is described at /api/openapi.json. Knows FastAPI and the studio; prints nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI

from soundvcm import __version__
from soundvcm.web import about, clips_api, jobs_api, problems, projects_api, takes_api
from soundvcm.web.guard import Guard
from soundvcm.web.studio import Studio

ABOUT = (
    "Soundtracks for silent clips, a network call each. Refusals are problem details (RFC 9457) that name"
    " the field they are about."
)


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
    for part in (clips_api, jobs_api, takes_api, projects_api):
        app.include_router(part.router)
    problems.install(app)
    app.add_middleware(
        Guard, limits=studio.limits, admission=studio.admission, token=token, hosts=tuple(hosts)
    )
    return app
