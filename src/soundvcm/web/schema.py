"""What the HTTP service answers, as models: they make the OpenAPI description.

Knows names and types only.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Refusal(BaseModel):
    """Why a request was not taken: a sentence, and the field it is about."""

    error: str
    field: str | None = None


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
    """A finished take: its seed, the gain (dB) its files are served with, and their addresses."""

    take: int
    seed: int
    gain: float
    sound: str
    video: str | None


class JobFacts(BaseModel):
    """A job: waiting (with its position), running, done, failed or cancelled."""

    id: str
    state: str
    position: int | None
    clip: str | None
    prompt: str
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
    """Whether the studio works."""

    status: str
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
