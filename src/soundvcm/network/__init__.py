"""The velocity network: front door of this folder.

Configurations and sizes come without torch; the network itself is loaded when first asked for.
"""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door
from soundvcm.network.config import SIZES as SIZES
from soundvcm.network.config import NetworkConfig as NetworkConfig

if TYPE_CHECKING:
    from soundvcm.network.conditioning import Encoded as Encoded
    from soundvcm.network.low_rank import adapters as adapters
    from soundvcm.network.low_rank import add_adapters as add_adapters
    from soundvcm.network.low_rank import merged as merged
    from soundvcm.network.low_rank import with_adapters as with_adapters
    from soundvcm.network.model import VelocityNetwork as VelocityNetwork
    from soundvcm.network.model import adopt as adopt
    from soundvcm.network.model import adopt_flow as adopt_flow
    from soundvcm.network.model import placed as placed
    from soundvcm.network.recognition import recognise as recognise

__getattr__, __dir__ = front_door(__name__, __file__)
