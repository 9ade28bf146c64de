"""The HTTP service: addresses => studio. `create_app(studio)` is an ASGI application, `listen` serves one.

Everything under /api is described at /api/openapi.json. Knows FastAPI, uvicorn and the studio; prints
nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from soundvcm import __version__
from soundvcm.errors import OptionError
from soundvcm.web import about, clips_api, jobs_api, problems, projects_api
from soundvcm.web.guard import Guard
from soundvcm.web.studio import Studio

ABOUT = (
    "Soundtracks for silent clips, a network call each. Refusals are problem details (RFC 9457) that name"
    " the field they are about."
)
FAREWELL_SECONDS = 2
HEAD_SECONDS = 20  # for the request line and headers; bodies have a deadline of their own (guard)


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
    for part in (clips_api, jobs_api, projects_api):
        app.include_router(part.router)
    problems.install(app)
    app.add_middleware(
        Guard, limits=studio.limits, admission=studio.admission, token=token, hosts=tuple(hosts)
    )
    return app


def listen(app: Any, host: str, port: int, ready: Callable[[str], None] = lambda address: None) -> None:
    """Serve until interrupted.

    Args:
        app: an ASGI application.
        host: address to listen at.
        port: 0 picks a free one.
        ready: called with the page's address once the port is taken.

    Raises:
        OptionError: if the address or port cannot be had.
    """
    config = uvicorn.Config(
        app,
        host,
        port,
        http=_Impatient,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=FAREWELL_SECONDS,
    )
    _Server(config, ready).run()


class _Impatient(H11Protocol):
    """HTTP/1.1 that hangs up on who connects and does not get round to a request."""

    def connection_made(self, transport: Any) -> None:
        """A client is there; its request has some seconds to begin."""
        super().connection_made(transport)
        self.loop.call_later(HEAD_SECONDS, self._hang_up)

    def _hang_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """Tells its address once it listens, and raises where uvicorn would print and exit."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[Any] | None = None) -> None:
        host, port = self.config.host, self.config.port
        log = logging.getLogger("uvicorn.error")
        was, log.disabled = log.disabled, True
        try:
            await super().startup(sockets)
        except SystemExit:
            raise OptionError(
                f"cannot listen at {host}, port {port}: taken, or not this machine's; choose another --port"
            ) from None
        finally:
            log.disabled = was
        shown = f"[{host}]" if ":" in host else host
        self.ready(f"http://{shown}:{self.servers[0].sockets[0].getsockname()[1]}")
