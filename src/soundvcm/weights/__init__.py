"""Weights: what files exist and under which licence, where they lie, how they are read, checked and fetched.

    locate(name) -> Path        never touches the network; says at once what is missing and where to put it
    load(name or path)          tensors and metadata, checked
    fetch(name)                 the only line of the package that opens a socket

The front door; torch is imported only by `load`, `save`, `fit` and `built`. Knows files and licences, no
network in particular.
"""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.weights.download import fetch as fetch
    from soundvcm.weights.files import built as built
    from soundvcm.weights.files import fit as fit
    from soundvcm.weights.files import header as header
    from soundvcm.weights.files import load as load
    from soundvcm.weights.files import numbers as numbers
    from soundvcm.weights.files import read as read
    from soundvcm.weights.files import save as save
    from soundvcm.weights.folder import Check as Check
    from soundvcm.weights.folder import asset_path as asset_path
    from soundvcm.weights.folder import check_presence as check_presence
    from soundvcm.weights.folder import digest as digest
    from soundvcm.weights.folder import home_folder as home_folder
    from soundvcm.weights.folder import import_dir as import_dir
    from soundvcm.weights.folder import locate as locate
    from soundvcm.weights.folder import place as place
    from soundvcm.weights.folder import verify as verify
    from soundvcm.weights.folder import weights_folder as weights_folder
    from soundvcm.weights.table import OUTPUT_SENTENCE as OUTPUT_SENTENCE
    from soundvcm.weights.table import Licence as Licence
    from soundvcm.weights.table import Part as Part
    from soundvcm.weights.table import Source as Source
    from soundvcm.weights.table import licences as licences
    from soundvcm.weights.table import notice as notice
    from soundvcm.weights.table import part as part
    from soundvcm.weights.table import parts as parts
    from soundvcm.weights.table import system_parts as system_parts
    from soundvcm.weights.table import systems as systems

__getattr__, __dir__ = front_door(__name__, __file__)
