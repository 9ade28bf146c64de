"""Audio codecs: wave => latents => wave. The front door; each codec is imported only when it is asked for."""

from typing import TYPE_CHECKING

from soundvcm.codec.base import AudioCodec as AudioCodec
from soundvcm.codec.base import importance_of as importance_of
from soundvcm.codec.base import latent_hop as latent_hop
from soundvcm.codec.base import pad_to_hop as pad_to_hop
from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.codec.neural import NeuralCodec as NeuralCodec
    from soundvcm.codec.neural import NeuralCodecConfig as NeuralCodecConfig
    from soundvcm.codec.paper import PaperCodec as PaperCodec
    from soundvcm.codec.paper import paper_codec as paper_codec
    from soundvcm.codec.paper import saved_vocoder as saved_vocoder

__getattr__, __dir__ = front_door(__name__, __file__)
