"""Weights: what files exist and under which licence, where they lie, how they are read, checked and fetched.

    locate(name) -> Path        never touches the network; says at once what is missing and where to put it
    load(name or path)          tensors and metadata, checked
    fetch(name)                 the only line of the package that opens a socket

The front door; torch is imported only by `load`, `save`, `fit` and `built`. Knows files and licences, no
network in particular.
"""

from soundvcm.weights.bundled import Part, Source
from soundvcm.weights.download import fetch
from soundvcm.weights.files import header, load, numbers, read, save
from soundvcm.weights.fitting import built, fit
from soundvcm.weights.folder import (
    Check,
    asset_path,
    check_presence,
    digest,
    home_folder,
    import_dir,
    locate,
    place,
    verify,
    weights_folder,
)
from soundvcm.weights.licences import OUTPUT_SENTENCE, Licence, licences
from soundvcm.weights.table import notice, part, parts, system_parts, systems

__all__ = [
    "OUTPUT_SENTENCE",
    "Check",
    "Licence",
    "Part",
    "Source",
    "asset_path",
    "built",
    "check_presence",
    "digest",
    "fetch",
    "fit",
    "header",
    "home_folder",
    "import_dir",
    "licences",
    "load",
    "locate",
    "notice",
    "numbers",
    "part",
    "parts",
    "place",
    "read",
    "save",
    "system_parts",
    "systems",
    "verify",
    "weights_folder",
]
