"""What the HTTP service answers, as models: they make the OpenAPI description.

Knows names and types only.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Problem(BaseModel):
    """Why a request was not taken (RFC 9457): a sentence, and the field it is about; `error` repeats it."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    error: str


class ClipFacts(BaseModel):
    """A clip the studio holds; `motion` is its curve of movement, 25 values a second, 0 .. 1."""

    id: str
    name: str
    seconds: float | None
    length: str | None
    pictures: int
    motion: list[float]
    warnings: list[str]
    width: int
    height: int
    codec: str
    container: str
    has_sound: bool
    still: bool


class TakeFacts(BaseModel):
    """A finished take: its seed, the gain (dB) its files are served with, whether it is
    kept, and their addresses.
    """

    take: int
    seed: int
    gain: float
    kept: bool
    sound: str
    video: str | None


class JobFacts(BaseModel):
    """A job: waiting (with its position), running, done, failed or cancelled."""

    id: str
    state: str
    position: int | None
    clip: str | None
    created: float
    prompt: str
    asked: dict[str, Any]
    seed: int
    seconds: float
    length: str
    timings: dict[str, float]
    network_calls: int
    kept_features: bool
    warnings: list[str]
    error: str | None
    takes: list[TakeFacts]


class Health(BaseModel):
    """Whether jobs can be made: "ok", "disk full" or "stopped"; the worker is idle, busy or stopped."""

    status: str
    worker: str
    waiting: int
    running: int
    disk_free: int
    version: str
    model: str


class Models(BaseModel):
    """The loaded system, and every name the command line knows."""

    loaded: dict[str, Any]
    known: list[dict[str, Any]]


class Defaults(BaseModel):
    """The one table of defaults, what the loaded system can act on, and the limits of this studio."""

    defaults: dict[str, Any]
    model: dict[str, Any]
    limits: dict[str, Any]
