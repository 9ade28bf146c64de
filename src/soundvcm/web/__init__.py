"""The studio: a page and an HTTP service around one pipeline.

The front door; FastAPI (extra [serve]) loads with the first name used. Knows `job` and media, prints nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundvcm.web.inspecting import Inspector
    from soundvcm.web.limits import MIB, Limits, check_address
    from soundvcm.web.listening import listen
    from soundvcm.web.server import create_app
    from soundvcm.web.studio import Studio
    from soundvcm.web.temporary import temporary_folder

__all__ = [
    "MIB",
    "Inspector",
    "Limits",
    "Studio",
    "check_address",
    "create_app",
    "listen",
    "temporary_folder",
]

_HOMES = {
    "MIB": "limits",
    "Inspector": "inspecting",
    "Limits": "limits",
    "check_address": "limits",
    "Studio": "studio",
    "create_app": "server",
    "listen": "listening",
    "temporary_folder": "temporary",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"soundvcm.web.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'soundvcm.web' has no attribute {name!r}")
