"""Where training examples come from: catalogs, extraction, feature stores, mixtures.

The front door; each name is loaded when first asked for. Knows encoders and codecs by their protocols.
"""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.data.catalog import Catalog as Catalog
    from soundvcm.data.catalog import Row as Row
    from soundvcm.data.catalog import from_folder as from_folder
    from soundvcm.data.catalog import read_catalog as read_catalog
    from soundvcm.data.extract import Extraction as Extraction
    from soundvcm.data.extract import Parts as Parts
    from soundvcm.data.extract import extract_clip as extract_clip
    from soundvcm.data.extract import finish as finish
    from soundvcm.data.extract import write_shards as write_shards
    from soundvcm.data.mixture import Batch as Batch
    from soundvcm.data.mixture import Mixture as Mixture
    from soundvcm.data.mixture import MixtureConfig as MixtureConfig
    from soundvcm.data.shards import Clip as Clip
    from soundvcm.data.shards import StoreWriter as StoreWriter
    from soundvcm.data.store import FeatureStore as FeatureStore

__getattr__, __dir__ = front_door(__name__, __file__)
