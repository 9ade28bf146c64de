"""Audio codecs: wave => latents => wave. The front door; each codec is imported only when it is asked for."""

from __future__ import annotations

from soundvcm.codec.base import AudioCodec, latent_hop, pad_to_hop

__all__ = ["AudioCodec", "latent_hop", "pad_to_hop"]
