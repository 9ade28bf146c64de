"""A new audio codec in one file: the cosine transform of blocks of 64 samples, of which 48 numbers are kept.

    python examples/new_codec.py

A codec gives a mean and a spread for every latent; what it throws away, no network can bring back. Everything
else (rates, lengths, standardisation) follows from the three properties.
"""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from torch import Tensor

from soundvcm.codec import AudioCodec, latent_hop, pad_to_hop
from soundvcm.records import Moments

HOP, KEPT = 64, 48


class CosineCodec:
    """wave [b, s] => latents [b, ceil(s / 64), 48] => wave; nothing above 6 kHz is kept."""

    sample_rate, dim = 16_000, KEPT
    latent_rate = Fraction(16_000, HOP)

    def __init__(self, spread: float = 0.01) -> None:
        k, j = torch.arange(HOP)[:, None], torch.arange(HOP)[None]
        basis = torch.cos(math.pi * k * (j + 0.5) / HOP) * math.sqrt(2 / HOP)
        basis[0] /= math.sqrt(2)
        self.basis, self.spread = basis[:KEPT], spread

    def encode(self, wave: Tensor) -> Moments:
        """The posterior: the numbers themselves, and the same small spread for all."""
        blocks = pad_to_hop(wave, HOP).unflatten(-1, (-1, HOP))
        mean = blocks @ self.basis.T
        return Moments(mean, torch.full_like(mean, self.spread))

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [b, n, 48] => wave [b, 64 n]."""
        return (latents @ self.basis).flatten(1).clamp(-1, 1)


def main() -> dict[str, float]:
    """How well tones come back (dB of signal over error)."""
    codec, found = CosineCodec(), {}
    assert isinstance(codec, AudioCodec) and latent_hop(codec) == HOP
    time = torch.arange(16_000) / 16_000
    for hertz in (440, 4000, 7500):
        wave = 0.5 * torch.sin(2 * math.pi * hertz * time)[None]
        moments = codec.encode(wave)
        error = codec.decode(moments.mean) - wave
        found[f"{hertz} Hz"] = float(10 * torch.log10(wave.square().mean() / error.square().mean()))
    print(f"1 s => {list(moments.mean.shape)};", {name: round(value, 1) for name, value in found.items()})
    return found


if __name__ == "__main__":
    main()
