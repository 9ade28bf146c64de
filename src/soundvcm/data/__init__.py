"""Where training examples come from: catalogs, extraction, feature stores, mixtures.

The front door; each name is loaded when first asked for. Knows encoders and codecs by their protocols.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundvcm.data.catalog import Catalog, Row, from_folder, read_catalog
    from soundvcm.data.extract import Extraction, Parts, extract_clip, finish, write_shards
    from soundvcm.data.mixture import Batch, Mixture, MixtureConfig
    from soundvcm.data.shards import Clip, StoreWriter
    from soundvcm.data.store import FeatureStore

__all__ = [
    "Batch",
    "Catalog",
    "Clip",
    "Extraction",
    "FeatureStore",
    "Mixture",
    "MixtureConfig",
    "Parts",
    "Row",
    "StoreWriter",
    "extract_clip",
    "finish",
    "from_folder",
    "read_catalog",
    "write_shards",
]

_HOMES = {
    "catalog": ("Catalog", "Row", "from_folder", "read_catalog"),
    "extract": ("Extraction", "Parts", "extract_clip", "finish", "write_shards"),
    "mixture": ("Batch", "Mixture", "MixtureConfig"),
    "shards": ("Clip", "StoreWriter"),
    "store": ("FeatureStore",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"soundvcm.data.{home}"), name)
    raise AttributeError(f"module 'soundvcm.data' has no attribute {name!r}")
