"""Networks that listen, for scores only: front door of this folder.

The bundled YAMNet is here by name; each of the others is a module of its own (`aisfx`, `clap`, `desync`,
`imagebind`, `panns`, `passt`, `vggish`) that is imported where it is asked for. Knows no scores.
"""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.evaluation.networks.yamnet import Yamnet as Yamnet
    from soundvcm.evaluation.networks.yamnet import bundled_yamnet as bundled_yamnet
    from soundvcm.evaluation.networks.yamnet import class_scores as class_scores
    from soundvcm.evaluation.networks.yamnet import classify as classify

__getattr__, __dir__ = front_door(__name__, __file__)
