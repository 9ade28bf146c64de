"""Audio codecs: wave => latents => wave. The front door; each codec is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from soundvcm.codec.base import AudioCodec, importance_of, latent_hop, pad_to_hop

if TYPE_CHECKING:
    from soundvcm.codec.neural import NeuralCodec, NeuralCodecConfig
    from soundvcm.codec.paper import PaperCodec, paper_codec

__all__ = [
    "AudioCodec",
    "NeuralCodec",
    "NeuralCodecConfig",
    "PaperCodec",
    "importance_of",
    "latent_hop",
    "pad_to_hop",
    "paper_codec",
]

_HOMES = {
    "NeuralCodec": "soundvcm.codec.neural",
    "NeuralCodecConfig": "soundvcm.codec.neural",
    "PaperCodec": "soundvcm.codec.paper",
    "paper_codec": "soundvcm.codec.paper",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'soundvcm.codec' has no attribute {name!r}")
