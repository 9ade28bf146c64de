"""The options of a call as flags of a command, and the system that a command works with.

    @flags_of_options
    def command(videos, *, options: GenerateOptions, system: SystemOptions, json: bool = False) -> int: ...

tyro then sees a flag for each option in place of `options` and `system`: names, types, defaults and help come
from these classes. Also what is said and read ahead while a system is loaded. Knows no command.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
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
ALIASES = {"output": "-o", "frame_reuse_threshold": "--near_pictures"}
#: options that a command line gives as a file
AS_FILE = {"segments": Path | None}


@dataclass(frozen=True)
class SystemOptions:
    """The system that a command works with, as `systems.loading.load` is told it.

    Attributes:
        model: a name of: soundvcm models; or a network file (from train, average or adopt).
        device: auto, cpu, cuda or mps.
        dtype: number format of the network: float32 or bfloat16.
        compile: compile the network's blocks with torch.compile: slow at the first call, faster after it.
        frame_reuse_threshold: (the paper's systems) a picture that differs from the last encoded one by no
            more than this on average, of 255, is not encoded again; 2 is little. Exact repeats never are.
        feature_stride: (the paper's systems) CLIP sees one picture in so many and, above 1, Synchformer every
            second segment; features between are made of their neighbours'. 4 is three times as fast.
        codec_dtype: (the paper's systems) bfloat16 decodes faster where processors have it, with some noise.
        vocoder: (the paper's systems) bigvgan; or small, which is shipped here: far faster, less clean.
    """

    model: str = "tiny"
    device: str = "auto"
    dtype: str = "float32"
    compile: bool = False
    frame_reuse_threshold: float = 0.0
    feature_stride: int = 1
    codec_dtype: str = "float32"
    vocoder: str = "bigvgan"

    def given(self) -> dict[str, Any]:
        """Arguments of `load`."""
        return {"name" if name == "model" else name: value for name, value in vars(self).items()}


def flags_of_options(command: Callable[..., int]) -> Callable[..., int]:
    """The command with one keyword for each option; it is called with the classes of options they make."""
    hints = get_type_hints(command, include_extras=True)
    made = {name: kind for name, kind in hints.items() if kind in (GenerateOptions, SystemOptions)}
    parameters, lines = [], [inspect.getdoc(command) or ""]
    for name, parameter in inspect.signature(command).parameters.items():
        if name in made:
            parameters += _flags(made[name])
            told = explained(made[name])
            lines += [f"    {flag.name}: {told[flag.name]}" for flag in _flags(made[name])]
        else:
            parameters.append(parameter.replace(annotation=hints[name]))

    def collected(*positional: Any, **named: Any) -> int:
        for name, kind in made.items():
            named[name] = kind(**{flag.name: named.pop(flag.name) for flag in _flags(kind)})
        return command(*positional, **named)

    collected.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    collected.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": int}
    collected.__name__, collected.__module__ = command.__name__, command.__module__
    collected.__doc__ = "\n".join(lines)
    return collected


def _flags(options: type) -> list[inspect.Parameter]:
    values = get_type_hints(options)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=_annotation(field.name, values[field.name]),
        )
        for field in fields(options)
        if field.name not in NOT_FLAGS
    ]


def _annotation(name: str, value: Any) -> Any:
    value = AS_FILE.get(name, value)
    if value is bool:
        return Annotated[bool, tyro.conf.FlagCreatePairsOff]
    return Annotated[value, tyro.conf.arg(aliases=[ALIASES[name]])] if name in ALIASES else value


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
