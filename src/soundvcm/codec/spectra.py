"""Spectra of the embedded codec: short-time transforms on whole hops, HTK mel bands, the way back to a wave.

Frame k describes the samples k * hop ... (k + 1) * hop. From magnitudes and their spread to a wave: what is
unsure is drawn from a fixed noise, then phases are iterated. The noise is a real one, the spectrum of white
noise, so that neighbouring frames agree as those of rain do; fast Griffin-Lim (Perraudin et al. 2013) starts
from its phases. Equal magnitudes give the same wave, and a longer sound begins like a shorter one. Knows
waves and spectra only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOMENTUM = 0.99
UNIT_RATE = 16_000  # magnitudes are those of windows at this rate
_SEED = 20130


def frames_of(wave: Tensor, fft: int, hop: int, window: Tensor) -> Tensor:
    """Complex spectrum [b, bins, s / hop] of a wave [b, s]; the ends are reflected."""
    side = (fft - hop) // 2
    mode = "reflect" if wave.shape[1] > side else "constant"
    padded = F.pad(wave[:, None], (side, side), mode=mode)[:, 0]
    return torch.stft(padded, fft, hop, window=window, center=False, return_complex=True)


def overlap_add(frames: Tensor, weight: Tensor, hop: int) -> Tensor:
    """Sum windowed frames [b, t, fft] at steps of `hop`, divide by the summed weight [fft], keep t * hop."""
    batch, count, fft = frames.shape
    parts = fft // hop

    def add(values: Tensor) -> Tensor:
        pieces = values.reshape(len(values), count, parts, hop)
        summed = values.new_zeros(len(values), count + parts - 1, hop)
        for k in range(parts):
            summed[:, k : k + count] += pieces[:, :, k]
        return summed.flatten(1)

    cut = (fft - hop) // 2
    envelope = add(weight.expand(1, count, fft)).clamp_min(1e-4)
    return (add(frames) / envelope)[:, cut : cut + count * hop]


def _mel_edges(mels: int, top_hertz: float) -> Tensor:
    """[m + 2] edges (Hz) of triangular bands between 0 Hz and `top_hertz`, HTK mel scale."""
    return mel_to_hertz(torch.linspace(0.0, hertz_to_mel(top_hertz), mels + 2, dtype=torch.float64))


def hertz_to_mel(hertz: float) -> float:
    """On the HTK mel scale."""
    return float(2595.0 * torch.log10(torch.tensor(1.0 + hertz / 700.0, dtype=torch.float64)))


def mel_to_hertz(mel: Tensor) -> Tensor:
    """Back from the HTK mel scale, float64."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def mel_triangles(mels: int, bins: int, sample_rate: int, top_hertz: float | None = None) -> Tensor:
    """Triangular filters [m, bins] on the HTK mel scale up to `top_hertz` or half the rate, each of sum 1."""
    edges = _mel_edges(mels, top_hertz or sample_rate / 2)
    hertz = torch.linspace(0.0, sample_rate / 2, bins, dtype=torch.float64)
    rise = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    triangles = torch.minimum(rise, fall).clamp_min(0.0)
    # Narrow low bands may fall between two bins: give each at least its nearest bin.
    nearest = (edges[1:-1, None] - hertz).abs().argmin(dim=1)
    rows = torch.arange(mels)
    triangles[rows, nearest] = triangles[rows, nearest].clamp_min(0.05)
    return (triangles / triangles.sum(dim=1, keepdim=True)).float()


def bins_from_mel(mels: int, bins: int, sample_rate: int, top_hertz: float | None = None) -> Tensor:
    """[bins, m] weights that interpolate log-mel values, linearly in frequency, at each bin."""
    centres = _mel_edges(mels, top_hertz or sample_rate / 2)[1:-1]
    hertz = torch.linspace(0.0, sample_rate / 2, bins, dtype=torch.float64).clamp(centres[0], centres[-1])
    right = torch.searchsorted(centres, hertz).clamp(1, mels - 1)
    part = (hertz - centres[right - 1]) / (centres[right] - centres[right - 1])
    weights = torch.zeros(bins, mels, dtype=torch.float64)
    rows = torch.arange(bins)
    weights[rows, right - 1] = 1.0 - part
    weights[rows, right] = part
    return weights.float()


def analysis_window(fft: int, sample_rate: int) -> Tensor:
    """Hann window by which a tone has the magnitude at any rate that it has at 16 kHz in as many seconds."""
    return torch.hann_window(fft) * (UNIT_RATE / sample_rate)


class LogMel(nn.Module):
    """Wave [b, s] -> standardised natural-log mel [b, m, s / hop], windows of four hops.

    Magnitudes are counted as at 16 kHz, see `analysis_window`.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, mels: int, hop: int, sample_rate: int, top_hertz: float | None = None) -> None:
        super().__init__()
        self.hop, self.fft = hop, 4 * hop
        with torch.device("cpu"):  # have numbers also where the weights are made without memory of their own
            filters = mel_triangles(mels, self.fft // 2 + 1, sample_rate, top_hertz)
            window = analysis_window(self.fft, sample_rate)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", window, persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """[b, s] -> [b, m, s // hop]; log floor 1e-4, then (x + 4) / 3 to be of order one."""
        mel = torch.matmul(self.filters, frames_of(wave, self.fft, self.hop, self.window).abs())
        return (torch.log(mel.clamp_min(1e-4)) + 4.0) / 3.0

    @staticmethod
    def undo(mel: Tensor) -> Tensor:
        """Standardised mel -> log magnitude of windows half as long (a tone is half as strong in them)."""
        return mel * 3.0 - 4.0 - 0.6931


def white_noise(frames: int, fft: int, hop: int) -> tuple[Tensor, Tensor]:
    """The fixed noise: standardised log magnitudes [bins, t] and phases [bins, t] as unit numbers."""
    spectrum = frames_of(white_wave(frames * hop), fft, hop, torch.hann_window(fft))[0]
    size = spectrum.abs().clamp_min(1e-6)
    return standardised(size, torch.hann_window(fft)), spectrum / size


def white_wave(samples: int) -> Tensor:
    """The fixed noise itself, [1 samples]."""
    return torch.randn((1, samples), generator=torch.Generator().manual_seed(_SEED))


def standardised(size: Tensor, window: Tensor) -> Tensor:
    """Log magnitudes of white noise, of about zero mean and unit variance, without their tails."""
    # A Rayleigh variable of this energy: its logarithm has mean log(root energy) - 0.2886, deviation 0.6413.
    level = torch.log(size) - 0.5 * torch.log(window.square().sum()) + 0.2886
    return (level / 0.6413).clamp(-4.0, 3.0)


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
    # Pairs of real numbers, [b, t, bins, 2]: products of real and complex numbers go through complex copies.
    size = size.transpose(1, 2)[..., None].repeat(1, 1, 1, 2)

    def wave_of(unit: Tensor) -> Tensor:
        spectrum = torch.view_as_complex(size * torch.view_as_real(unit))
        return overlap_add(torch.fft.irfft(spectrum, n=fft) * window, weight, hop)

    unit = phases.T.contiguous()[None]
    before: Tensor | None = None
    for _ in range(iterations):
        seen = torch.view_as_real(frames_of(wave_of(unit), fft, hop, window).transpose(1, 2))
        ahead = seen if before is None else seen + MOMENTUM * (seen - before)
        before = seen
        unit = torch.sgn(torch.view_as_complex(ahead))
    return wave_of(unit)


def hold_peaks(wave: Tensor, ceiling: float, reach: int) -> Tensor:
    """The wave [b, s] with no sample beyond +-ceiling; what is 2 x reach away from such a peak is untouched.

    The gain is the least one needed within `reach` samples, averaged over as many: the average at a sample is
    then never above what that sample needs.

    Args:
        wave: any level.
        ceiling: largest absolute sample of the result.
        reach: samples over which the gain falls and rises.
    """
    loud = (wave.abs() > ceiling).any(0).nonzero()
    if not len(loud):
        return wave
    # Beyond twice the reach the gain is 1.
    first, last = max(0, int(loud[0]) - 2 * reach), int(loud[-1]) + 2 * reach + 1
    held = wave.clone()
    held[:, first:last] *= peak_gain(wave[:, first:last], ceiling, reach)
    return held


def peak_gain(wave: Tensor, ceiling: float, reach: int) -> Tensor:
    """[b, s] factors of `hold_peaks` for each sample, 1 where nothing is loud."""
    width = 2 * reach + 1
    loudest = F.max_pool1d(wave.abs()[:, None], width, stride=1, padding=reach)
    needed = (ceiling / loudest.clamp_min(1e-9)).clamp(max=1.0)
    padded = F.pad(needed, (reach, reach), mode="replicate")
    return F.avg_pool1d(padded, width, stride=1)[:, 0]
