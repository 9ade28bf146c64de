"""The options of a job as fields of a form: names, types, defaults and words come from `GenerateOptions`.

    @form_of_options
    async def submit(request, fields, ...)

FastAPI then sees a form field for each option in place of `fields`, which is given as a table. Knows FastAPI
and the options; no studio.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_type_hints

from fastapi import Form

from soundvcm.generate.options import DEFAULTS, GenerateOptions, explained
from soundvcm.web.forms import defaults

#: what a form can hold of an option, where it is not the option's own type
AS_TEXT = {"segments": str | None}
WORDS = {
    "segments": "JSON list of {start, end, prompt, gain, mute, seed}: parts of the clip made apart, joined to"
    " one track"
}
BOUNDS: dict[str, dict[str, Any]] = {"sample_rate": {"ge": 8000, "le": 192_000}}


def form_of_options(endpoint: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The endpoint with one form field for each option; it is called with `fields`, a table of them.

    Args:
        endpoint: takes keywords only.
    """
    hints, types = get_type_hints(endpoint, include_extras=True), get_type_hints(GenerateOptions)
    told = explained()
    fields = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(DEFAULTS, name),
            annotation=Annotated[
                AS_TEXT.get(name, types[name]),
                Form(description=WORDS.get(name, told.get(name, "")), **BOUNDS.get(name, {})),
            ],
        )
        for name in defaults()
    ]
    others = [
        one.replace(annotation=hints[name])
        for name, one in inspect.signature(endpoint).parameters.items()
        if name != "fields"
    ]

    async def called(**given: Any) -> Any:
        taken = {one.name: given.pop(one.name) for one in fields}
        return await endpoint(fields=taken, **given)

    called.__signature__ = inspect.Signature([*others, *fields])  # type: ignore[attr-defined]
    called.__name__, called.__doc__ = endpoint.__name__, endpoint.__doc__
    return called
