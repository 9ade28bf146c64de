"""Phases for given magnitudes: fast Griffin-Lim (Perraudin et al. 2013), from a fixed start; fixed noise.

The start is drawn from a fixed seed frame by frame, so that the same magnitudes give the same wave and a
longer sound begins like a shorter one. Knows spectra only.
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from soundvcm.codec.spectra import frames_of, overlap_add

MOMENTUM = 0.99
_SEED = 20130


def fixed_noise(like: Tensor) -> Tensor:
    """Standard normal numbers [bins, t], the same for every row [b, bins, t] and every call."""
    generator = torch.Generator().manual_seed(_SEED + 1)
    return torch.randn((like.shape[2], like.shape[1]), generator=generator).T.to(like.device)


def find_phases(magnitudes: Tensor, fft: int, hop: int, iterations: int) -> Tensor:
    """A wave [b, t * hop] whose spectrum has nearly the magnitudes [b, bins, t], float32.

    Args:
        magnitudes: not negative.
        fft: window (samples, Hann).
        hop: samples between frames.
        iterations: rounds; each costs two transforms. 0 keeps the starting phases.
    """
    size = magnitudes.float()
    window = torch.hann_window(fft, device=size.device)
    weight = window.square()
    generator = torch.Generator().manual_seed(_SEED)
    angle = torch.rand((size.shape[2], size.shape[1]), generator=generator).T.to(size.device) * (2 * pi)
    unit = torch.polar(torch.ones_like(angle), angle).expand(size.shape)

    def wave_of(spectrum: Tensor) -> Tensor:
        return overlap_add(torch.fft.irfft(spectrum.transpose(1, 2), n=fft) * window, weight, hop)

    before: Tensor | None = None
    for _ in range(iterations):
        seen = frames_of(wave_of(size * unit), fft, hop, window)
        ahead = seen if before is None else seen + MOMENTUM * (seen - before)
        before = seen
        unit = ahead / ahead.abs().clamp_min(1e-9)
    return wave_of(size * unit)
