"""One file for each command; `soundvcm.cli.main` finds them by name."""

from __future__ import annotations

# command -> (module, function, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "generate": (
        "soundvcm.cli.commands.generate",
        "generate",
        "make the sound of a clip, a folder or a prompt",
    ),
    "serve": ("soundvcm.cli.commands.serve", "serve", "open the studio: a page and an HTTP service"),
    "timecode": (
        "soundvcm.cli.commands.timecode",
        "timecode",
        "make WAV files begin at their clip's timecode",
    ),
    "probe": ("soundvcm.cli.commands.probe", "probe", "show what the pipeline reads from a file"),
    "models": ("soundvcm.cli.commands.models", "models", "list the systems that can be loaded"),
    "extract": ("soundvcm.cli.commands.extract", "extract", "make a feature store from clips and captions"),
    "finetune": (
        "soundvcm.cli.commands.finetune",
        "finetune",
        "teach a model your own clips, in one command",
    ),
    "sample": ("soundvcm.cli.commands.sample", "sample", "make a sound for each clip of a feature store"),
    "train": ("soundvcm.cli.commands.train", "train", "train a network by a recipe"),
    "adopt": ("soundvcm.cli.commands.adopt", "adopt", "begin a two-time network from one of MMAudio"),
    "average": (
        "soundvcm.cli.commands.average",
        "average",
        "export the weights of a run, averaged with any width",
    ),
    "export": ("soundvcm.cli.commands.export", "export", "write a system as ONNX graphs"),
    "evaluate": (
        "soundvcm.cli.commands.evaluate",
        "evaluate",
        "score a folder of sounds against the true ones",
    ),
    "weights": ("soundvcm.cli.commands.weights", "weights", "list, fetch, import, verify weights files"),
    "licenses": (
        "soundvcm.cli.commands.weights",
        "licenses",
        "licences of the code, every network and every data set",
    ),
    "doctor": ("soundvcm.cli.commands.doctor", "doctor", "say what this machine can run and what is missing"),
    "completion": (
        "soundvcm.cli.commands.completion",
        "completion",
        "print a script that completes commands",
    ),
}
