"""SoundVCM: give silent video a soundtrack in one network call.

    import soundvcm
    sound = soundvcm.load("tiny").generate("clip.mp4", prompt="rain on a tin roof", seed=7)
    sound.mux("clip.mp4", "clip.sound.mp4")

Importing this package loads neither torch nor av; the names below are found when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from soundvcm.errors import SoundVCMError

if TYPE_CHECKING:
    from soundvcm.generate.audio import Sound
    from soundvcm.generate.pipeline import Pipeline
    from soundvcm.systems.loading import load

__version__ = "0.1.0"
__all__ = ["Pipeline", "Sound", "SoundVCMError", "__version__", "load"]

_HOMES = {
    "Pipeline": "soundvcm.generate.pipeline",
    "Sound": "soundvcm.generate.audio",
    "load": "soundvcm.systems.loading",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'soundvcm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
