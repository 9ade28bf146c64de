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
    """A clip the studio holds; `motion` is its curve of movement, 25 values a second, 0 .. 1; `cuts`
    are the times (s) of shot changes, `video` is the address of the file itself.
    """

    id: str
    name: str
    seconds: float | None
    length: str | None
    pictures: int
    motion: list[float]
    warnings: list[str]
    cuts: list[float]
    video: str
    width: int
    height: int
    codec: str
    container: str
    has_sound: bool
    still: bool


class SoundFacts(BaseModel):
    """A sound to go by; `seconds` is what is used of it."""

    id: str
    name: str
    seconds: float


class Example(BaseModel):
    """A clip that comes with the studio, with a prompt that fits."""

    name: str
    title: str
    prompt: str
    video: str
    picture: str


class TakeFacts(BaseModel):
    """A finished take: its seed, the gain (dB) its files are served with, whether it is
    kept, and their addresses; its loudness (LUFS) and what a classifier (YAMNet) takes it for, `unsure` where
    even the strongest class is weak; `credits` names the recordings in it, with author and licence.
    """

    take: int
    seed: int
    gain: float
    kept: bool
    made: float
    loudness: float | None
    classes: list[tuple[str, float]]
    unsure: bool
    warnings: list[str]
    credits: list[str]
    sound: str
    video: str | None


class JobFacts(BaseModel):
    """A job: waiting (with its position), running, done, failed or cancelled; `sound` is the id and `like`
    the name of the recording it goes by.
    """

    id: str
    state: str
    position: int | None
    clip: str | None
    sound: str | None
    like: str | None
    project: str | None
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


class ProjectFacts(BaseModel):
    """A project: jobs that belong together; moments are seconds since 1970."""

    id: str
    name: str
    notes: str
    created: float
    changed: float
    takes: int


class WholeProject(ProjectFacts):
    """A project with its jobs, the oldest first, and those of its clips that are still held."""

    jobs: list[JobFacts]
    clips: list[ClipFacts]


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
    prompts: list[str]
    model: dict[str, Any]
    limits: dict[str, Any]
