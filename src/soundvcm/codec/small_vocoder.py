"""A small vocoder for the paper's mel spectra, two million parameters: log-mel => wave in place of BigVGAN.

log-mel => the bands spread over the bins, and a ConvNeXt correction => magnitudes and how sure they are
=> what is unsure drawn from a fixed noise => phases by fast Griffin-Lim => wave
It is the embedded codec's decoder for another input, and trained by us in the same way (`python -m tiny
vocoder`). Knows no files, no latents and no training.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm.codec.mel import MelConfig, band_centres, mel_filters
from soundvcm.codec.neural import (
    CEILING,
    DRAWN_IN_COPIES,
    FLOOR,
    SPREADS,
    ConvNeXt,
    enlivened,
    linear_magnitudes,
)
from soundvcm.codec.spectra import find_phases, hold_peaks
from soundvcm.config import Config
from soundvcm.records import check_shape

_LN_10 = math.log(10.0)
# A tone is half as strong in a window half as long, noise 0.71 times: in between, learned from there.
_SHORTER = 0.5


class SmallVocoderConfig(Config):
    """Sizes of one small vocoder; saved with its weights.

    Attributes:
        mel: front end whose spectra it takes.
        width: channels.
        blocks: ConvNeXt blocks at the rate of the mel frames and at twice that rate.
        iterations: rounds of fast Griffin-Lim.
    """

    mel: MelConfig
    width: int = 224
    blocks: tuple[int, int] = (2, 3)
    iterations: int = 8

    @property
    def fft(self) -> int:
        """Window of the magnitudes (samples); they are half a hop apart."""
        return self.mel.window // 2


class SmallVocoder(nn.Module):
    """Log-mel [b, bins, f] => wave [b, f * hop] in -1 .. 1; the same mel gives the same wave."""

    spread: Tensor
    level: Tensor
    #: phases are found for a whole sound: it is not decoded in chunks
    reach: int | None = None

    def __init__(self, config: SmallVocoderConfig) -> None:
        super().__init__()
        self.config = config
        mel, width, bins = config.mel, config.width, config.fft // 2 + 1
        self.bins, self.hop = mel.bins, mel.hop
        slow, fast = config.blocks
        self.stem = nn.Conv1d(mel.bins, width, 5, padding=2)
        self.slow = nn.Sequential(*(ConvNeXt(width) for _ in range(slow)))
        self.up = nn.ConvTranspose1d(width, width, 2, stride=2)
        self.fast = nn.Sequential(*(ConvNeXt(width) for _ in range(fast)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, bins)
        self.doubt = nn.Linear(width, bins)
        for layer in (self.head, self.doubt):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        hertz = np.linspace(0.0, mel.sample_rate / 2, bins)
        rows = [np.interp(hertz, band_centres(mel), row) for row in np.eye(mel.bins)]
        with torch.device("cpu"):  # have numbers also where the weights are made without memory of their own
            spread = torch.from_numpy(np.stack(rows, 1)).float()
            level = torch.from_numpy(np.log(mel_filters(mel).sum(axis=1))).float()
        self.register_buffer("spread", spread, persistent=False)
        self.register_buffer("level", level[:, None], persistent=False)

    def narrow(self) -> SmallVocoder:
        """Nothing to gain from bfloat16 here; returns itself, as it is."""
        return self

    def magnitudes(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """[b, bins, f] => log(magnitude + FLOOR) and its standard deviation, float32 [b, fft bins, 2f]."""
        check_shape("mel", mel, "b m f", m=self.bins)
        bands = mel.float() * (_LN_10 if self.config.mel.log == "log10" else 1.0)
        h = self.fast(self.up(self.slow(self.stem(bands / 4.0 + 1.0))))
        h = self.norm(h.transpose(1, 2))
        finer = F.interpolate(bands - self.level, scale_factor=2, mode="linear")
        plain = torch.log(torch.exp(torch.matmul(self.spread, finer) - _SHORTER) + FLOOR)
        low, high = SPREADS
        doubt = torch.sigmoid(self.doubt(h).transpose(1, 2).float() - 1.0)
        return plain + self.head(h).transpose(1, 2).float(), low + (high - low) * doubt

    def forward(self, mel: Tensor) -> Tensor:
        """[b, bins, f] => [b, f * hop]."""
        size, spread = self.magnitudes(mel)
        # As in copies of the embedded codec: nearest to the original for YAMNet here too, at both rates.
        size, spread = linear_magnitudes(enlivened(size)), DRAWN_IN_COPIES * spread
        found = find_phases(size, self.config.fft, self.hop // 2, self.config.iterations, spread)
        return hold_peaks(found, CEILING, self.config.mel.sample_rate // 100)
