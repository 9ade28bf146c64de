"""SoundVCM: give silent video a soundtrack in one network call.

    import soundvcm
    sound = soundvcm.load("tiny").generate("clip.mp4", prompt="rain on a tin roof", seed=7)
    sound.mux("clip.mp4", "clip.sound.mp4")

Importing this package loads neither torch nor av; the names below are found when first used.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from soundvcm.errors import SoundVCMError as SoundVCMError
from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.generate.audio import Audio as Audio
    from soundvcm.generate.options import GenerateOptions as GenerateOptions
    from soundvcm.generate.pipeline import Pipeline as Pipeline
    from soundvcm.generate.render import render as render
    from soundvcm.systems.loading import load as load

__version__ = "0.1.0"

_find, __dir__ = front_door(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "Sound":  # until the next version
        warnings.warn("soundvcm.Sound is called soundvcm.Audio now", DeprecationWarning, stacklevel=2)
        name = "Audio"
    return _find(name)
