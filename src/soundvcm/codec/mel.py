"""Log-mel spectrograms of the paper's codecs, 16 kHz and 44.1 kHz, as in MMAudio; our own Slaney filter bank.

    wave [b, s] => reflect padding => Hann STFT => magnitude => mel bands => log

Knows nothing of networks: the bank is computed here in a dozen lines, so no audio library is needed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from soundvcm.config import Config
from soundvcm.errors import InputError

MAGNITUDE_FLOOR = 1e-9  # added to the power before the root, so that silence has a slope
LOG_FLOOR = 1e-5

# Slaney's mel scale: linear up to 1 kHz (15 mels), then 27 equal steps in log frequency per factor 6.4.
_HERTZ_PER_MEL = 200.0 / 3.0
_BREAK_HERTZ = 1000.0
_BREAK_MEL = _BREAK_HERTZ / _HERTZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


class MelConfig(Config):
    """One mel front end.

    Attributes:
        sample_rate: samples a second.
        window: samples of the Hann window and of the FFT.
        hop: samples between frames.
        bins: mel bands.
        low_hertz: lowest frequency of the bank.
        high_hertz: highest frequency of the bank.
        log: base of the logarithm.
    """

    sample_rate: int
    window: int
    hop: int
    bins: int
    low_hertz: float = 0.0
    high_hertz: float
    log: Literal["log10", "ln"]


MEL_16K = MelConfig(sample_rate=16_000, window=1024, hop=256, bins=80, high_hertz=8_000.0, log="log10")
MEL_44K = MelConfig(sample_rate=44_100, window=2048, hop=512, bins=128, high_hertz=22_050.0, log="ln")


def hertz_to_mel(hertz: NDArray[np.floating]) -> NDArray[np.floating]:
    """Slaney's mel number of frequencies in hertz, any shape."""
    hertz = np.asarray(hertz, dtype=float)
    above = _BREAK_MEL + np.log(np.maximum(hertz, _BREAK_HERTZ) / _BREAK_HERTZ) / _LOG_STEP
    return np.where(hertz < _BREAK_HERTZ, hertz / _HERTZ_PER_MEL, above)


def mel_to_hertz(mel: NDArray[np.floating]) -> NDArray[np.floating]:
    """Frequencies in hertz of Slaney's mel numbers, any shape; the inverse of `hertz_to_mel`."""
    mel = np.asarray(mel, dtype=float)
    above = _BREAK_HERTZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _HERTZ_PER_MEL, above)


def _edges(config: MelConfig) -> NDArray[np.floating]:
    """[bins + 2] where bands begin, peak and end (hertz): equally spaced in mels."""
    ends = hertz_to_mel(np.array([config.low_hertz, config.high_hertz]))
    return mel_to_hertz(np.linspace(ends[0], ends[1], config.bins + 2))


def band_centres(config: MelConfig) -> NDArray[np.floating]:
    """[bins] frequencies (hertz) at which the bands peak."""
    return _edges(config)[1:-1]


@lru_cache(maxsize=8)
def mel_filters(config: MelConfig) -> NDArray[np.floating]:
    """Triangles [bins, window / 2 + 1] in double precision, each of unit area in hertz (Slaney's norm)."""
    edges = _edges(config)
    grid = np.linspace(0.0, config.sample_rate / 2, config.window // 2 + 1)
    widths = np.diff(edges)
    slopes = edges[:, None] - grid[None, :]
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    bank = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    bank.setflags(write=False)
    return bank


@lru_cache(maxsize=16)
def _constants(config: MelConfig, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Hann window and filters in the format and on the device of the wave (cast before the move: MPS)."""
    phase = 2.0 * np.pi * np.arange(config.window) / config.window
    window = torch.from_numpy(0.5 - 0.5 * np.cos(phase)).to(dtype).to(device)
    bank = torch.from_numpy(mel_filters(config).copy()).to(dtype).to(device)
    return window, bank


def log_mel(wave: Tensor, config: MelConfig) -> Tensor:
    """Log-mel spectrogram of a wave (as in MMAudio).

    Args:
        wave: [b, s] samples, clamped to -1 .. 1 here; half precision is computed in float32.
        config: the front end.

    Returns:
        [b, bins, frames], frames = floor((s - hop) / hop) + 1 for an even window.

    Raises:
        InputError: if the wave is shorter than the reflected margin (window - hop) / 2 + 1.
    """
    if wave.dtype in (torch.float16, torch.bfloat16):
        wave = wave.float()
    margin = (config.window - config.hop) // 2
    if wave.shape[-1] <= margin:
        raise InputError(
            f"{wave.shape[-1]} samples are too few for a mel spectrogram: at least {margin + 1} are needed"
        )
    window, bank = _constants(config, wave.dtype, wave.device)
    padded = F.pad(wave.clamp(-1.0, 1.0).unsqueeze(1), (margin, margin), mode="reflect").squeeze(1)
    spectrum = torch.stft(
        padded, config.window, config.hop, window=window, center=False, onesided=True, return_complex=True
    )
    magnitude = (spectrum.real.square() + spectrum.imag.square() + MAGNITUDE_FLOOR).sqrt()
    mel = (bank @ magnitude).clamp(min=LOG_FLOOR)
    return mel.log10() if config.log == "log10" else mel.log()
