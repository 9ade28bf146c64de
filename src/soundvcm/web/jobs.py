"""One job of the studio: what was asked, what became of it, the events its watchers are sent.

    WAV of a take => Impression: LUFS (BS.1770), the strongest classes (YAMNet) and whether it is sure

Knows requests, takes and evaluation's classifier; who runs it is the studio's business.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any, Literal

from soundvcm import media
from soundvcm.errors import SoundVCMError
from soundvcm.evaluation import class_scores
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.progress import TimeLeft
from soundvcm.web.clip import StoredClip
from soundvcm.web.limits import RefusedError

#: options that are the server's business: clients name clips and sounds by id
SERVERS_OWN = ("video", "output", "audio_only", "like")
State = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
SURE = 0.2  # score of the best class, of 1


@dataclass(frozen=True)
class Impression:
    """What was heard.

    Attributes:
        loudness: LUFS; None of silence.
        classes: (name, score 0 .. 1), the strongest first.
        unsure: whether even the strongest is weak.
    """

    loudness: float | None = None
    classes: list[tuple[str, float]] = field(default_factory=list)
    unsure: bool = False


def listen_to(path: Path, count: int = 3) -> Impression:
    """Listen to a sound file.

    Raises:
        MediaError: if it cannot be read.
    """
    wave, rate = media.read_sound(path)
    loudness = media.integrated_loudness(wave, rate)
    told = round(float(loudness), 1) if isfinite(loudness) else None
    classes = [(name, round(score, 3)) for name, score in class_scores(wave, rate, count)]
    return Impression(told, classes, classes[0][1] < SURE or told is None)


class CancelledError(SoundVCMError):
    """The person who asked for the job does not want it any more."""


class _TimeUpError(SoundVCMError):
    """The job ran for longer than one job may."""


@dataclass
class Take:
    """One finished take.

    Attributes:
        number: 1 for the first.
        seed: makes exactly this take again.
        sound: WAV file.
        video: the clip with this sound; None where there was no clip.
        gain: dB that are added to both when they are fetched; set by who listened to it.
        kept: neither age nor "delete the others" removes it.
        deleted: when it was deleted (monotonic clock), while it can be brought back.
        impression: its loudness and what a classifier takes it for, once it was listened to.
        warnings: what the pipeline said of it.
        credits: the recordings in it, one line each: what, by whom, under which licence.
        made: when, seconds since 1970.
    """

    number: int
    seed: int
    sound: Path
    video: Path | None
    gain: float = 0.0
    kept: bool = False
    deleted: float = 0.0
    impression: Impression = field(default_factory=Impression)
    warnings: list[str] = field(default_factory=list)
    credits: list[str] = field(default_factory=list)
    made: float = field(default_factory=time.time)

    def file(self, kind: str) -> Path:
        """The file of a kind, "sound" or "video".

        Raises:
            RefusedError: 404 if there is none.
        """
        path = {"sound": self.sound, "video": self.video}.get(kind)
        if path is None:
            raise RefusedError(404, f"this take has no {kind}")
        return path


@dataclass
class Job:
    """A request on its way.

    Attributes:
        id: what clients call it.
        request: what is asked; its seed is already chosen.
        clip: what it is for; None for a prompt alone.
        sound: the recording it goes by.
        folder: where its results are written.
        events: what happened so far, in order: (name, facts).
        takes: finished ones.
        trash: deleted ones that can be brought back.
        error: why it failed, a sentence.
        project: id of the project it belongs to.
        kept_features: whether the clip had already been encoded.
        stem: harmless beginning for the names of downloads; that of the clip if left out.
        created: when it was submitted, seconds since 1970.
        used: when it was last used (monotonic clock); `touched` is what its record says of that.
        unsaved: its record could not be written (a full disk); tried again later.
        allowed: seconds it may run; counted from `begin`.
    """

    id: str
    request: GenerateOptions
    clip: StoredClip | None
    folder: Path
    sound: StoredClip | None = None
    state: State = "waiting"
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    takes: list[Take] = field(default_factory=list)
    trash: list[Take] = field(default_factory=list)
    seconds: float = 0.0
    length: str = "0"
    timings: dict[str, float] = field(default_factory=dict)
    calls: int = 0
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    kept_features: bool = False
    project: str | None = None
    stem: str = ""
    created: float = field(default_factory=time.time)
    used: float = field(default_factory=time.monotonic)
    touched: float = 0.0
    unsaved: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    allowed: float = inf
    deadline: float = inf

    def __post_init__(self) -> None:
        self._time_left = TimeLeft(self._tell)
        self.stem = self.stem or (self.clip.stem if self.clip is not None else "sound")

    @property
    def held(self) -> list[StoredClip]:
        """The files it needs while it waits and runs."""
        return [one for one in (self.clip, self.sound) if one is not None]

    def named(self, words: str) -> str:
        """Words with its files called as their owner calls them, in place of their paths."""
        for one in self.held:
            for path in (str(one.path), one.path.name):
                words = words.replace(path, one.stem)
        return words

    def begin(self, allowed: float) -> None:
        """Its turn has come; it may run for so many seconds."""
        self.allowed, self.deadline = allowed, time.monotonic() + allowed
        self.become("running")

    def check(self) -> None:
        """Called between phases.

        Raises:
            CancelledError: if the job is not wanted any more.
            _TimeUpError: if it ran for too long.
        """
        if self.stop.is_set():
            raise CancelledError("cancelled")
        if time.monotonic() > self.deadline:
            raise _TimeUpError(
                f"this job ran for longer than the {self.allowed:g} s this studio gives to one: ask for a"
                " shorter sound, fewer steps or fewer takes"
            )

    def progress(self, phase: str, share: float) -> None:
        """What the pipeline reports: a phase begins (0), goes on, or is done (1)."""
        self.check()
        self._time_left(phase, share)

    def _tell(self, phase: str, share: float, left: float | None) -> None:
        told = None if left is None else round(left, 1)
        self.note("phase", phase=phase, share=round(share, 4), left=told, take=len(self.takes) + 1)

    def note(self, name: str, **facts: Any) -> None:
        """Add an event."""
        self.events.append((name, facts))

    def become(self, state: State) -> None:
        """Change state and tell the watchers; the facts of a state are set before."""
        self.state, self.used = state, time.monotonic()
        self.note("state", state=state, error=self.error)

    def take(self, number: int) -> Take:
        """A finished take by its number.

        Raises:
            RefusedError: 404; 409 while it is not ready.
        """
        self.used = time.monotonic()
        found = next((take for take in self.takes if take.number == number), None)
        if found is None:
            soon = self.state not in ENDED and 1 <= number <= self.request.takes
            raise (
                RefusedError(409, f"take {number} is not ready yet")
                if soon
                else RefusedError(404, f"there is no take {number} (any more)")
            )
        return found

    def name_of(self, take: Take, kind: str) -> str:
        """Name of a download: stem and seed (case 34)."""
        return f"{self.stem}-seed{take.seed}{take.file(kind).suffix}"

    def as_dict(self, position: int | None) -> dict[str, Any]:
        """For clients; `position` is 1 for the job that is next."""
        return {
            "id": self.id,
            "state": self.state,
            "position": position,
            "clip": None if self.clip is None else self.clip.id,
            "sound": None if self.sound is None else self.sound.id,
            "like": None if self.sound is None else self.sound.stem,
            "project": self.project,
            "created": round(self.created, 3),
            "prompt": self.request.prompt,
            "asked": self.asked(),
            "seed": self.request.seed,
            "seconds": self.seconds,
            "length": self.length,
            "timings": {name: round(value, 4) for name, value in self.timings.items()},
            "network_calls": self.calls,
            "kept_features": self.kept_features,
            "warnings": self.warnings,
            "error": self.error,
            "takes": [self.take_dict(take) for take in self.takes],
        }

    def asked(self) -> dict[str, Any]:
        """The fields that would ask for the same again, as the form has them."""
        fields = asdict(self.request)
        return {name: value for name, value in fields.items() if name not in SERVERS_OWN}

    def take_dict(self, take: Take) -> dict[str, Any]:
        """A take for clients: its addresses below the server's root, no paths."""
        base = f"/api/jobs/{self.id}/takes/{take.number}"
        return {
            "take": take.number,
            "seed": take.seed,
            "gain": take.gain,
            "kept": take.kept,
            "made": round(take.made, 3),
            **asdict(take.impression),
            "warnings": take.warnings,
            "credits": take.credits,
            "sound": f"{base}/sound",
            "video": None if take.video is None else f"{base}/video",
        }


def media_type(path: Path) -> str:
    """What to call a result's content."""
    kinds = {".wav": "audio/wav", ".mp4": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm"}
    return kinds.get(path.suffix, "video/x-matroska" if path.suffix == ".mkv" else "application/octet-stream")
