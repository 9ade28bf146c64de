"""The fields of a submitted form => a GenerateOptions; the same names and defaults as the command line's.

Knows the table of defaults, limits and sentences; nothing of HTTP frameworks.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from soundvcm.errors import InputError, OptionError
from soundvcm.generate.options import DEFAULTS, GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.generate.segments import segments_of
from soundvcm.timeline import exact_seconds
from soundvcm.web.clip import StoredClip
from soundvcm.web.jobs import SERVERS_OWN
from soundvcm.web.limits import Limits, RefusedError

MOST_LETTERS = 2000
PENDING = Path("upload")  # stands for a clip that is still on its way
NOTHING = "Nothing to make a sound for: choose a video, or write what should be heard and give the seconds."
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{0,12})?|-?\.[0-9]{1,12}|[0-9]{1,9}/[0-9]{1,9}")
#: word in a sentence => the control it belongs beside
_BESIDE = {
    "num_steps": "num_steps",
    "cfg_strength": "cfg_strength",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "kind": "kind",
    "like": "like",
    "renderer": "renderer",
    "takes": "takes",
    "level target": "loudness",
    "gain": "gain",
    "start": "start",
    "duration": "duration",
    "seconds": "duration",
    "sample rate": "sample_rate",
}


#: how the pipeline names an option, as on the command line => what it is called here
_WORDS = {
    r"--prompt( TEXT)?": "the prompt",
    r"--duration( SECONDS)?": "the seconds",
    r"choose it with --kind, or give --like FILE": "choose it as the kind, or give a recording to go by",
    r"--kind": "the kind",
    r"--like( FILE)?": "the recording to go by",
}


def in_page_words(message: str) -> str:
    """A sentence of the pipeline, without the words of the command line."""
    for pattern, words in _WORDS.items():
        message = re.sub(pattern, words, message)
    return message


def defaults() -> dict[str, Any]:
    """The fields a client may send, with their defaults."""
    return {name: value for name, value in asdict(DEFAULTS).items() if name not in SERVERS_OWN}


def check_fields(fields: dict[str, Any], clip: StoredClip | None, sent: bool, limits: Limits) -> None:
    """Refuse what can be refused before an upload is kept.

    Args:
        fields: by the names of `defaults()`.
        clip: a clip that is held already.
        sent: whether a file comes with the form.
        limits: of the studio.

    Raises:
        RefusedError: 413 or 422, with the field.
    """
    draft = draft_of(fields)
    for name, text in (("prompt", draft.prompt), ("negative_prompt", draft.negative_prompt)):
        if len(text or "") > MOST_LETTERS:
            raise RefusedError(422, f"the prompt is longer than {MOST_LETTERS} letters", name)
    if any(len(one.prompt) > MOST_LETTERS for one in draft.segments or ()):
        raise RefusedError(422, f"the prompt of a segment is longer than {MOST_LETTERS} letters", "segments")
    shown = clip is not None or sent
    if not shown and not draft.prompt.strip():
        raise RefusedError(422, NOTHING, "video")
    if not shown and draft.duration is None:
        raise RefusedError(422, "Without a video the length must be given: enter the seconds.", "duration")
    for name, value in (("duration", draft.duration), ("start", draft.start)):
        if value is not None:
            _check_seconds(name, value, limits)


def draft_of(fields: dict[str, Any]) -> GenerateOptions:
    """The request as far as it is known without its clip; blank controls mean "not given"."""
    fields = {name: _tidy(value) for name, value in fields.items()}
    fields["segments"] = _segments(fields["segments"])
    return GenerateOptions(**{**fields, "prompt": fields["prompt"] or ""}, video=PENDING)


def request_of(fields: dict[str, Any], clip: StoredClip | None, limits: Limits) -> GenerateOptions:
    """The request a form asks for, refused in a sentence where it cannot be done.

    Args:
        fields: by the names of `defaults()`.
        clip: what the sound is for.
        limits: of the studio.

    Raises:
        RefusedError: 413 or 422, with the field.
    """
    check_fields(fields, clip, False, limits)
    draft = draft_of(fields)
    if clip is not None and clip.preview.seconds is None and draft.duration is None:
        raise RefusedError(422, "A still picture has no length of its own: enter the seconds.", "duration")
    return replace(draft, video=None if clip is None else clip.path)


def _segments(value: str | None) -> Any:
    if value is None:
        return None
    try:
        found = json.loads(value)
        if not isinstance(found, list):
            raise TypeError
        return segments_of(found)
    except (ValueError, TypeError, RecursionError) as error:
        told = str(error) if isinstance(error, OptionError) else "segments are a JSON list"
        raise RefusedError(422, told, "segments") from None


def _tidy(value: Any) -> Any:
    """Blank controls mean "not given"."""
    return (value.strip() or None) if isinstance(value, str) else value


def _check_seconds(name: str, value: str, limits: Limits) -> None:
    try:
        if not _NUMBER.fullmatch(value):  # no exponents: a short text could be a number of a billion digits
            raise ValueError
        seconds = exact_seconds(value)
    except (InputError, ArithmeticError, ValueError):
        raise RefusedError(422, f"{value!r} is not a number of seconds, such as 8 or 2.5", name) from None
    if seconds < 0 or (name == "duration" and seconds == 0):
        raise RefusedError(422, f"{value} s is not above 0", name)
    limits.check_seconds(float(seconds), name)


def field_of(message: str) -> str | None:
    """The control a sentence of the pipeline belongs beside."""
    return next((field for word, field in _BESIDE.items() if word in message), None)


def kinds(pipeline: Pipeline) -> list[str]:
    """The kinds of recordings the loaded system has, in words; none for one that only has its network."""
    if pipeline.reference is None:
        return []
    return sorted(kind.title for kind in pipeline.reference.bank().kinds.values())


def abilities(pipeline: Pipeline) -> dict[str, Any]:
    """What the loaded system is and which knobs have something to act on."""
    sampling = pipeline.sampling
    return {
        "name": pipeline.name,
        "sample_rate": pipeline.sample_rate,
        "steps": sampling.steps,
        "guidance": sampling.guidance,
        "cfg_strength": sampling.guidance is not None,
        "negative_prompt": sampling.negative_prompt,
        "reference_sounds": pipeline.reference is not None,
        "kinds": kinds(pipeline),
        "window_seconds": float(pipeline.clip_encoder.longest),
        "device": str(pipeline.device),
    }
