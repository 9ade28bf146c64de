"""From magnitudes and their spread to a wave: the unsure is drawn from a fixed noise, phases are iterated.

The noise is a real one, the spectrum of white noise, so that neighbouring frames agree as those of rain do;
fast Griffin-Lim (Perraudin et al. 2013) starts from its phases. It comes from a fixed seed: equal magnitudes
give the same wave, and a longer sound begins like a shorter one. Knows spectra only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from soundvcm.codec.spectra import frames_of, overlap_add

MOMENTUM = 0.99
_SEED = 20130


def white_noise(frames: int, fft: int, hop: int) -> tuple[Tensor, Tensor]:
    """The fixed noise: standardised log magnitudes [bins, t] and phases [bins, t] as unit numbers."""
    generator = torch.Generator().manual_seed(_SEED)
    wave = torch.randn((1, frames * hop), generator=generator)
    spectrum = frames_of(wave, fft, hop, torch.hann_window(fft))[0]
    size = spectrum.abs().clamp_min(1e-6)
    # A Rayleigh variable of this energy: its logarithm has mean log(root energy) - 0.2886, deviation 0.6413.
    level = torch.log(size) - 0.5 * torch.log(torch.hann_window(fft).square().sum()) + 0.2886
    return (level / 0.6413).clamp(-4.0, 3.0), spectrum / size


def find_phases(
    magnitudes: Tensor, fft: int, hop: int, iterations: int, spread: Tensor | None = None
) -> Tensor:
    """A wave [b, t * hop] whose spectrum has nearly the magnitudes [b, bins, t], float32.

    Args:
        magnitudes: not negative.
        fft: window (samples, Hann).
        hop: samples between frames.
        iterations: rounds; each costs two transforms. 0 keeps the phases of the noise.
        spread: standard deviation of the log magnitudes, drawn from the fixed noise; None draws nothing.
    """
    window = torch.hann_window(fft, device=magnitudes.device)
    weight = window.square()
    level, phases = (part.to(magnitudes.device) for part in white_noise(magnitudes.shape[2], fft, hop))
    size = magnitudes.float()
    if spread is not None:
        size = size * torch.exp(spread.float() * level)

    def wave_of(spectrum: Tensor) -> Tensor:
        return overlap_add(torch.fft.irfft(spectrum.transpose(1, 2), n=fft) * window, weight, hop)

    unit = phases.expand(size.shape)
    before: Tensor | None = None
    for _ in range(iterations):
        seen = frames_of(wave_of(size * unit), fft, hop, window)
        ahead = seen if before is None else seen + MOMENTUM * (seen - before)
        before = seen
        unit = ahead / ahead.abs().clamp_min(1e-9)
    return wave_of(size * unit)
