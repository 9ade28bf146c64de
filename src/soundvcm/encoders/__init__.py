"""Front door of the encoders: pictures, motion and words => tokens; each is loaded when first asked for.

`tiny`: ImageEncoder (semantic), MotionEncoder (sync), TextEmbedder (text); pictures and words share one
space. The paper's: ClipPictureEncoder (semantic), SynchformerEncoder (sync), ClipTextEncoder (text).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundvcm.encoders.base import TextEncoder, VideoEncoder
    from soundvcm.encoders.cache import FeatureCache
    from soundvcm.encoders.clip import ClipPictureEncoder, ClipTextEncoder, clip_encoders
    from soundvcm.encoders.small.images import ImageEncoder
    from soundvcm.encoders.small.motion import COLUMNS as MOTION_COLUMNS
    from soundvcm.encoders.small.motion import MotionEncoder, motion_level
    from soundvcm.encoders.small.text import TextEmbedder
    from soundvcm.encoders.synchformer import SynchformerEncoder, synchformer_encoder
    from soundvcm.encoders.synchformer_av import Synchformer, load_synchformer

__all__ = [
    "MOTION_COLUMNS",
    "ClipPictureEncoder",
    "ClipTextEncoder",
    "FeatureCache",
    "MotionEncoder",
    "ImageEncoder",
    "Synchformer",
    "SynchformerEncoder",
    "TextEncoder",
    "VideoEncoder",
    "TextEmbedder",
    "clip_encoders",
    "load_synchformer",
    "motion_level",
    "synchformer_encoder",
]

_HOMES = {
    "ClipPictureEncoder": "clip",
    "ClipTextEncoder": "clip",
    "FeatureCache": "cache",
    "MotionEncoder": "small.motion",
    "ImageEncoder": "small.images",
    "Synchformer": "synchformer_av",
    "SynchformerEncoder": "synchformer",
    "TextEncoder": "base",
    "VideoEncoder": "base",
    "TextEmbedder": "small.text",
    "clip_encoders": "clip",
    "load_synchformer": "synchformer_av",
    "motion_level": "small.motion",
    "synchformer_encoder": "synchformer",
}


def __getattr__(name: str) -> Any:
    if name == "MOTION_COLUMNS":
        return import_module("soundvcm.encoders.small.motion").COLUMNS
    if name in _HOMES:
        return getattr(import_module(f"soundvcm.encoders.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'soundvcm.encoders' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
