"""Front door of the encoders: pictures, motion and words => tokens; each is loaded when first asked for.

`tiny`: ImageEncoder (semantic), MotionEncoder (sync), TextEmbedder (text); pictures and words share one
space. The paper's: ClipPictureEncoder (semantic), SynchformerEncoder (sync), ClipTextEncoder (text).
"""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.encoders.base import TextEncoder as TextEncoder
    from soundvcm.encoders.base import VideoEncoder as VideoEncoder
    from soundvcm.encoders.cache import FeatureCache as FeatureCache
    from soundvcm.encoders.clip import ClipPictureEncoder as ClipPictureEncoder
    from soundvcm.encoders.clip import ClipTextEncoder as ClipTextEncoder
    from soundvcm.encoders.clip import clip_encoders as clip_encoders
    from soundvcm.encoders.images import ImageEncoder as ImageEncoder
    from soundvcm.encoders.motion import MOTION_COLUMNS as MOTION_COLUMNS
    from soundvcm.encoders.motion import MotionEncoder as MotionEncoder
    from soundvcm.encoders.motion import motion_level as motion_level
    from soundvcm.encoders.synchformer import SynchformerEncoder as SynchformerEncoder
    from soundvcm.encoders.synchformer import synchformer_encoder as synchformer_encoder
    from soundvcm.encoders.synchformer_av import Synchformer as Synchformer
    from soundvcm.encoders.synchformer_av import load_synchformer as load_synchformer
    from soundvcm.encoders.text import TextEmbedder as TextEmbedder

__getattr__, __dir__ = front_door(__name__, __file__)
