"""What the embedded codec is trained by: how likely and how far off its magnitudes are.

Knows magnitudes and waves only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm.codec.neural import DRAWN
from soundvcm.codec.spectra import frames_of, mel_triangles, standardised

SPANS = (1, 4, 16)  # frames over which the power of a band is compared
QUIET = 0.05  # what is below this magnitude (about -65 dB of a full tone) is left alone


class MagnitudeLoss(nn.Module):
    """Likelihood of the log magnitudes, and differences of log mel bands and of roots (loud partials).

    With `noise`, also what sounds after the unsure part is drawn: the power of bands over some spans of time,
    which keeps levels, and how fast bands change, which regression alone would smooth. Magnitudes of the wave
    are multiplied by `scale` first.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, fft: int, hop: int, sample_rate: int, scale: float = 1.0) -> None:
        super().__init__()
        self.fft, self.hop = fft, hop
        self.register_buffer("window", scale * torch.hann_window(fft), persistent=False)
        filters = mel_triangles(64, fft // 2 + 1, sample_rate)
        self.register_buffer("filters", filters, persistent=False)

    def forward(
        self, made: Tensor, spread: Tensor, wave: Tensor, noise: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Magnitudes and spreads [b, bins, t] against the wave [b, s] -> {"log", "doubt", "bands", "root"}.

        "doubt" is the negative log-likelihood of a normal law with that spread, up to a constant. White noise
        [b, s] of unit variance adds {"power", "flux"}.
        """
        real = frames_of(wave, self.fft, self.hop, self.window).abs()
        bands = [torch.log(torch.matmul(self.filters, x) + QUIET) for x in (made, real)]
        roots = [torch.sqrt(x + 1e-4) for x in (made, real)]
        drawn = {} if noise is None else self._drawn(made, spread, real, noise)
        miss = torch.log(made + QUIET) - torch.log(real + QUIET)
        return {
            "log": miss.abs().mean(),
            "doubt": (0.5 * (miss / spread).square() + torch.log(spread)).mean(),
            "bands": F.l1_loss(bands[0], bands[1]),
            "root": F.l1_loss(roots[0], roots[1]),
        } | drawn

    @staticmethod
    def of(terms: dict[str, Tensor]) -> Tensor:
        """What is minimised."""
        return 0.3 * terms["doubt"] + terms["log"] + 0.5 * terms["bands"] + terms["root"]

    def _drawn(self, made: Tensor, spread: Tensor, real: Tensor, noise: Tensor) -> dict[str, Tensor]:
        level = standardised(frames_of(noise, self.fft, self.hop, self.window).abs(), self.window)
        drawn = made * torch.exp(DRAWN * spread * level)
        powers = [torch.matmul(self.filters, x.square()) for x in (drawn, real)]
        losses = []
        for span in SPANS:
            logs = [0.5 * torch.log(F.avg_pool1d(power, span) + QUIET**2) for power in powers]
            losses.append(F.l1_loss(logs[0], logs[1]))
        logs = [0.5 * torch.log(power + QUIET**2) for power in powers]
        speeds = [F.avg_pool1d(x.diff(dim=2).abs(), SPANS[-1], SPANS[-1] // 2) for x in logs]
        return {"power": torch.stack(losses).mean(), "flux": F.l1_loss(speeds[0], speeds[1])}
