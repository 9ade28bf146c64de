"""One file for each command; `soundvcm.cli.main` finds them by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

#: command => one line of help
COMMANDS = {
    "generate": "make the sound of a clip, a folder or a prompt",
    "serve": "open the studio: a page and an HTTP service",
    "timecode": "make WAV files begin at their clip's timecode",
    "probe": "show what the pipeline reads from a file",
    "models": "list the systems that can be loaded",
    "extract": "make a feature store from clips and captions",
    "finetune": "teach a model your own clips, in one command",
    "sample": "make a sound for each clip of a feature store",
    "train": "train a network by a recipe",
    "adopt": "begin a two-time network from one of MMAudio",
    "average": "export the weights of a run, averaged with any width",
    "export": "write a system as ONNX graphs",
    "evaluate": "score a folder of sounds against the true ones",
    "weights": "list, fetch, import, verify weights files",
    "licenses": "licences of the code, every network and every data set",
    "doctor": "say what this machine can run and what is missing",
    "completion": "print a script that completes commands",
}


def command(name: str) -> Callable[..., Any]:
    """The function of a command, from the file of its name."""
    return getattr(import_module(f"{__name__}.{'weights' if name == 'licenses' else name}"), name)  # type: ignore[no-any-return]
