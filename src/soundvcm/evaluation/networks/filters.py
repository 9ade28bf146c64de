"""Mel filters as the networks that score sound were trained with, and the check of what they are given.

Four conventions: triangles in HTK mels (VGGish), Slaney's scale with equal areas (PANNs, as librosa draws
them), triangles in Kaldi's mels (PaSST), triangles in Hz (Synchformer). Knows numbers, no networks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.errors import InputError


def mono_wave(wave: Tensor, least: int, sample_rate: int, who: str) -> Tensor:
    """The wave as float32 on the CPU.

    Raises:
        InputError: unless it is finite, one-dimensional and has at least `least` samples.
    """
    if wave.ndim != 1 or not bool(torch.isfinite(wave).all()):
        raise InputError(f"{who} takes one finite mono wave [samples] at {sample_rate} Hz")
    if len(wave) < least:
        raise InputError(
            f"{who} takes at least {least / sample_rate:.3f} s, not {len(wave) / sample_rate:.3f} s: give"
            " longer sounds"
        )
    return wave.detach().float().cpu()


def padded(wave: Tensor, seconds: int, sample_rate: int, who: str, *, repeat: bool = False) -> Tensor:
    """The wave [s] with silence at the end to so many seconds; `repeat`: as often as it fits, then silence.

    Raises:
        InputError: if it is longer.
    """
    samples = seconds * sample_rate
    if len(wave) > samples:
        raise InputError(
            f"{who} takes at most {seconds} s, not {len(wave) / sample_rate:g}: give --seconds {seconds}"
        )
    wave = wave.repeat(samples // len(wave)) if repeat else wave
    return F.pad(wave, (0, samples - len(wave)))


def htk_triangles(bands: int, fft: int, sample_rate: int, low: float, high: float) -> Tensor:
    """Triangles of height 1 whose flanks are straight in HTK mels, [bands, fft // 2 + 1], float64; bin 0
    is never used.
    """
    bins = _htk_mel(torch.linspace(0, sample_rate / 2, fft // 2 + 1, dtype=torch.float64))
    ends = _htk_mel(torch.tensor([low, high], dtype=torch.float64))
    edges = torch.linspace(float(ends[0]), float(ends[1]), bands + 2, dtype=torch.float64)
    found = _triangles(edges, bins)
    found[:, 0] = 0
    return found


def kaldi_triangles(bands: int, fft: int, sample_rate: int, low: float, high: float) -> Tensor:
    """Kaldi's filters [bands, fft // 2 + 1], float64: as HTK's (1127 ln(1 + f / 700)), without the bin at
    half the sample rate.
    """
    hertz = torch.arange(fft // 2, dtype=torch.float64) * sample_rate / fft
    ends = 1127 * torch.log1p(torch.tensor([low, high], dtype=torch.float64) / 700)
    step = (ends[1] - ends[0]) / (bands + 1)
    edges = ends[0] + step * torch.arange(bands + 2, dtype=torch.float64)
    found = _triangles(edges, 1127 * torch.log1p(hertz / 700))
    return torch.nn.functional.pad(found, (0, 1))


def slaney_triangles(bands: int, fft: int, sample_rate: int, low: float, high: float) -> Tensor:
    """Slaney's filters of equal area [bands, fft // 2 + 1], float64: straight in Hz between edges that are
    even up to 1 kHz and logarithmic above.
    """
    hertz = torch.linspace(0, sample_rate / 2, fft // 2 + 1, dtype=torch.float64)
    ends = _slaney_mel(torch.tensor([low, high], dtype=torch.float64))
    edges = _slaney_hertz(torch.linspace(float(ends[0]), float(ends[1]), bands + 2, dtype=torch.float64))
    return _triangles(edges, hertz) * (2 / (edges[2:] - edges[:-2]))[:, None]


def torchaudio_triangles(bands: int, fft: int, sample_rate: int) -> Tensor:
    """Triangles of height 1, straight in Hz, between edges even in HTK mels from 0 to half the sample rate,
    [bands, fft // 2 + 1], float64: what torchaudio's MelSpectrogram uses by default.
    """
    hertz = torch.linspace(0, sample_rate / 2, fft // 2 + 1, dtype=torch.float64)
    top = float(_htk_mel(torch.tensor(sample_rate / 2, dtype=torch.float64)))
    edges = 700 * (torch.linspace(0, top, bands + 2, dtype=torch.float64) / 1127).expm1()
    return _triangles(edges, hertz)


def _triangles(edges: Tensor, at: Tensor) -> Tensor:
    """[k, len(at)]: rises from edge k to k + 1, falls to k + 2."""
    rise = (at - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - at) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rise, fall).clamp_min(0.0)


def _htk_mel(hertz: Tensor) -> Tensor:
    return 1127.0 * torch.log1p(hertz / 700.0)


STEP_HZ, BEND_HZ = 200.0 / 3, 1000.0
LOG_STEP = float(torch.tensor(6.4, dtype=torch.float64).log()) / 27


def _slaney_mel(hertz: Tensor) -> Tensor:
    above = BEND_HZ / STEP_HZ + (hertz.clamp_min(BEND_HZ) / BEND_HZ).log() / LOG_STEP
    return torch.where(hertz >= BEND_HZ, above, hertz / STEP_HZ)


def _slaney_hertz(mel: Tensor) -> Tensor:
    bend = BEND_HZ / STEP_HZ
    return torch.where(mel >= bend, BEND_HZ * ((mel - bend) * LOG_STEP).exp(), mel * STEP_HZ)
