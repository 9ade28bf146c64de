"""SoundVCM: give silent video a soundtrack in one network call.

    import soundvcm
    sound = soundvcm.load("tiny").generate("clip.mp4", prompt="rain on a tin roof", seed=7)
    sound.mux("clip.mp4", "clip.sound.mp4")

Importing this package loads neither torch nor av; the names below are found when first used.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from soundvcm.errors import SoundVCMError as SoundVCMError

if TYPE_CHECKING:
    from soundvcm.generate.audio import Audio as Audio
    from soundvcm.generate.options import GenerateOptions as GenerateOptions
    from soundvcm.generate.pipeline import Pipeline as Pipeline
    from soundvcm.generate.render import render as render
    from soundvcm.systems.loading import load as load

__version__ = "0.1.0"

_HOMES = {
    "Audio": "generate.audio",
    "GenerateOptions": "generate.options",
    "Pipeline": "generate.pipeline",
    "load": "systems.loading",
    "render": "generate.render",
}
__all__ = ["SoundVCMError", "__version__", *_HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name == "Sound":  # until the next version
        warnings.warn("soundvcm.Sound is called soundvcm.Audio now", DeprecationWarning, stacklevel=2)
        name = "Audio"
    if name in _HOMES:
        return getattr(import_module(f"soundvcm.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'soundvcm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
