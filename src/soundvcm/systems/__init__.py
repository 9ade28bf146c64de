"""Every named system: `catalog` is the table, `loading` loads by name, `mmaudio` puts that stack together.

The front door; a name is loaded when it is first used, so that the table can be read without torch.
"""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.systems.catalog import PRESETS as PRESETS
    from soundvcm.systems.catalog import Preset as Preset
    from soundvcm.systems.catalog import require as require
    from soundvcm.systems.catalog import tiny_network as tiny_network
    from soundvcm.systems.loading import load as load
    from soundvcm.systems.loading import saved_codec as saved_codec
    from soundvcm.systems.loading import saved_network as saved_network
    from soundvcm.systems.loading import timeline_of as timeline_of

__getattr__, __dir__ = front_door(__name__, __file__)
