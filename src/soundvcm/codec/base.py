"""What every audio codec promises: sound => posterior moments of latents, latents => sound.

    wave [b, s] => encode => Moments [b, n, c];   latents [b, n, c] => decode => wave [b, s]

And a local function over a long axis in pieces, with the same result and bounded memory: each piece is
computed with as much of its neighbours as the function reaches. Knows no codec in particular, no files and
no video.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.records import Moments


@runtime_checkable
class AudioCodec(Protocol):
    """wave => latents => wave; latents are the codec's own (not standardised), `hop` samples each."""

    @property
    def sample_rate(self) -> int:
        """Samples a second of the sound."""
        ...

    @property
    def latent_rate(self) -> Fraction:
        """Latents a second."""
        ...

    @property
    def dim(self) -> int:
        """Channels c of one latent."""
        ...

    def encode(self, wave: Tensor) -> Moments:
        """Wave [b, s] in -1 .. 1 => posterior mean and std [b, n, c], n = ceil(s / hop)."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [b, n, c] => wave [b, n * hop] in -1 .. 1."""
        ...


def latent_hop(codec: AudioCodec) -> int:
    """Samples one latent stands for: sample_rate / latent_rate."""
    return int(codec.sample_rate / codec.latent_rate)


def importance_of(codec: AudioCodec) -> list[float] | None:
    """How much of the sound each latent channel carries, the largest 1; None for codecs that do not tell."""
    told = getattr(codec, "importance", None)
    return None if told is None else [float(value) for value in told]


def pad_to_hop(wave: Tensor, hop: int) -> Tensor:
    """The wave [b, s] with silence at its end up to a whole number of hops, at least one."""
    samples = wave.shape[-1]
    missing = hop - samples if samples < hop else -samples % hop
    return F.pad(wave, (0, missing)) if missing else wave


def in_chunks(function: Callable[[Tensor], Tensor], x: Tensor, chunk: int, reach: int, factor: int) -> Tensor:
    """The same as `function(x)` for a function that looks at most `reach` positions to either side.

    Args:
        function: [b, c, n] => [..., n * factor].
        x: [b, c, n].
        chunk: positions computed at a time; an x no longer than that plus its margins goes in one piece.
        reach: positions on either side that an output depends on.
        factor: outputs for each position.
    """
    length = x.shape[-1]
    if length <= chunk + 2 * reach:
        return function(x)
    pieces = []
    for start in range(0, length, chunk):
        end = min(length, start + chunk)
        first = max(0, start - reach)
        piece = function(x[..., first : min(length, end + reach)])
        pieces.append(piece[..., (start - first) * factor : (end - first) * factor])
    return torch.cat(pieces, dim=-1)
