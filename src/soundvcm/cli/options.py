"""The options of a call as flags of a command, and the system that a command works with.

    @flags_of_options
    def command(videos, *, options: GenerateOptions, json: bool = False) -> int: ...

tyro then sees a flag for each option in place of `options`: names, types, defaults and help come from
`GenerateOptions`. Also what `load` is told, and what is said and read ahead while it loads. Knows no
command.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import tyro

from soundvcm.cli.terminal import note
from soundvcm.generate.options import GenerateOptions, explained
from soundvcm.systems.catalog import TINY, TINY_PICTURES, TINY_SECONDS

if TYPE_CHECKING:
    from soundvcm import media
    from soundvcm.generate.options import GenerateOptions
    from soundvcm.generate.pipeline import Pipeline

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


def load_options(
    model: str,
    device: str,
    dtype: str,
    compile: bool,
    frame_reuse_threshold: float,
    feature_stride: int,
    codec_dtype: str,
    vocoder: str,
) -> dict[str, Any]:
    """What `systems.loading.load` is told."""
    return {
        "name": model,
        "device": device,
        "dtype": dtype,
        "compile": compile,
        "frame_reuse_threshold": frame_reuse_threshold,
        "feature_stride": feature_stride,
        "codec_dtype": codec_dtype,
        "vocoder": vocoder,
    }


def read_ahead(model: str, options: GenerateOptions) -> media.ReadAhead | None:
    """The clip as a thread reads it from now on, while torch and the model are loaded; None where it cannot.

    Only for the embedded model, whose pictures are scaled without torch, and for a file at rest.
    """
    from soundvcm import media
    from soundvcm.generate.long_form import OVERLAP_SECONDS

    clip = options.video
    if model != TINY.name or clip is None or options.segments or not clip.is_file():
        return None
    hop = TINY_SECONDS - OVERLAP_SECONDS
    return media.ReadAhead(clip, TINY_PICTURES, TINY_SECONDS, hop, options.start, options.duration)


@contextlib.contextmanager
def settling() -> Iterator[None]:
    """A stretch that imports: what it makes stays, so the garbage collector does not look through it.

    Importing torch makes a million objects, which would be looked through a dozen times, and again at the
    end of the process: half a second together.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def load_pipeline(options: dict[str, Any]) -> Pipeline:
    """Load the system; what compiling does, and what it does not, is said."""
    from soundvcm.systems.loading import load

    pipeline = load(**options)
    if options.get("compile"):
        blocks = len(pipeline.network.joint) + len(pipeline.network.fused)
        note(
            f"compiling the {blocks} blocks of the network at their first call, which takes longer; encoders"
            " and codec are not compiled"
        )
    return pipeline
