"""The options of a call as flags of a command: names, types, defaults and help come from `GenerateOptions`.

    @flags_of_options
    def command(videos, *, options: GenerateOptions, json: bool = False) -> int: ...

tyro then sees a flag for each option in place of `options`. Knows no command.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import tyro

from soundvcm.generate.options import GenerateOptions, explained

#: given by the command itself, as what it is about
NOT_FLAGS = ("video",)
SHORT = {"output": "-o"}
#: options that a command line gives as a file
AS_FILE = {"segments": Path | None}


def flags_of_options(command: Callable[..., int]) -> Callable[..., int]:
    """The command with one keyword for each option; it is called with the `GenerateOptions` they make."""
    hints, values = get_type_hints(command, include_extras=True), get_type_hints(GenerateOptions)
    flags = {
        field.name: inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=_annotation(field.name, values[field.name]),
        )
        for field in fields(GenerateOptions)
        if field.name not in NOT_FLAGS
    }
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        given = [parameter.replace(annotation=hints[name])] if name != "options" else list(flags.values())
        parameters += given

    def collected(*positional: Any, **named: Any) -> int:
        options = GenerateOptions(**{name: named.pop(name) for name in flags})
        return command(*positional, options=options, **named)

    collected.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    collected.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": int}
    collected.__name__, collected.__module__ = command.__name__, command.__module__
    collected.__doc__ = f"{inspect.getdoc(command)}\n{_help(flags)}"
    return collected


def _annotation(name: str, value: Any) -> Any:
    value = AS_FILE.get(name, value)
    if value is bool:
        return Annotated[bool, tyro.conf.FlagCreatePairsOff]
    return Annotated[value, tyro.conf.arg(aliases=[SHORT[name]])] if name in SHORT else value


def _help(flags: dict[str, inspect.Parameter]) -> str:
    """The lines of the class's "Attributes:" for these flags, as more lines of a function's "Args:"."""
    told = explained()
    return "\n".join(f"    {name}: {told[name]}" for name in flags)
