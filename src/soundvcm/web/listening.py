"""Serving an application at an address, until it is told to stop.

Knows uvicorn; nothing of what is served.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import uvicorn

from soundvcm.errors import OptionError

FAREWELL_SECONDS = 2


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
        app, host, port, log_config=None, access_log=False, timeout_graceful_shutdown=FAREWELL_SECONDS
    )
    log = logging.getLogger("uvicorn.error")
    was, log.disabled = log.disabled, True  # it would print the reason and exit on its own
    try:
        socket = config.bind_socket()
    except SystemExit:
        raise OptionError(
            f"cannot listen at {host}, port {port}: it is taken or not this machine's; choose another --port"
        ) from None
    finally:
        log.disabled = was
    shown = f"[{host}]" if ":" in host else host
    ready(f"http://{shown}:{socket.getsockname()[1]}")
    try:
        uvicorn.Server(config).run(sockets=[socket])
    finally:
        socket.close()
