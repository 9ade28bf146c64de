"""What the embedded codec is trained by: differences of magnitudes, as a listener weighs them.

Knows magnitudes and waves only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm.codec.neural import NeuralCodecConfig
from soundvcm.codec.spectra import frames_of, mel_triangles

QUIET = 0.05  # what is below this magnitude (about -65 dB of a full tone) is left alone


class MagnitudeLoss(nn.Module):
    """Three mean absolute differences: of log magnitudes, of log mel bands, of roots (loud partials)."""

    window: Tensor
    filters: Tensor

    def __init__(self, config: NeuralCodecConfig) -> None:
        super().__init__()
        self.fft, self.hop = config.head_fft, config.hop // 2
        self.register_buffer("window", torch.hann_window(self.fft), persistent=False)
        filters = mel_triangles(64, self.fft // 2 + 1, config.sample_rate)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, made: Tensor, wave: Tensor) -> dict[str, Tensor]:
        """Magnitudes [b, bins, t] against those of the wave [b, s] -> {"log", "bands", "root"}."""
        real = frames_of(wave, self.fft, self.hop, self.window).abs()
        bands = [torch.log(torch.matmul(self.filters, x) + QUIET) for x in (made, real)]
        roots = [torch.sqrt(x + 1e-4) for x in (made, real)]
        return {
            "log": F.l1_loss(torch.log(made + QUIET), torch.log(real + QUIET)),
            "bands": F.l1_loss(bands[0], bands[1]),
            "root": F.l1_loss(roots[0], roots[1]),
        }
