"""The embedded codec: 16 kHz sound <-> 31.25 latents a second, in about five million parameters.

wave => log-mel => ConvNeXt encoder => moments
latents => ConvNeXt decoder => complex spectrum => inverse STFT => wave
The decoder ends in an inverse short-time Fourier transform (as Vocos does, arXiv 2306.00814), so that all
learned layers run at frame rate and 8 s decode in tens of milliseconds on two CPU cores. Knows nothing of
pictures, text or training.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm.config import Config
from soundvcm.records import Moments
from soundvcm.shapes import check_shape


class NeuralCodecConfig(Config):
    """Sizes of the embedded codec; saved with its weights.

    Attributes:
        kind: name in the codec front door.
        sample_rate: samples a second.
        hop: samples between two mel frames; one latent stands for two of them.
        mels: mel bands of the encoder's input.
        dim: latent channels c.
        width: channels of the encoder and of the decoder's two slow stages.
        fast_width: channels of the decoder's fast stage (hop / 2).
        encoder_blocks: ConvNeXt blocks of the encoder at latent rate.
        decoder_blocks: ConvNeXt blocks of the decoder at latent rate, mel rate and twice the mel rate.
        head_fft: length of the inverse transform at the end (samples).
    """

    kind: Literal["neural"] = "neural"
    sample_rate: int = 16_000
    hop: int = 256
    mels: int = 96
    dim: int = 24
    width: int = 256
    fast_width: int = 192
    encoder_blocks: int = 4
    decoder_blocks: tuple[int, int, int] = (3, 3, 4)
    head_fft: int = 512


class ConvNeXt(nn.Module):
    """ConvNeXt block over time: depthwise conv 7, LayerNorm, two pointwise layers, scaled residual."""

    def __init__(self, width: int, expansion: int = 3) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, expansion * width)
        self.reduce = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.3))

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, n] -> [b, c, n]."""
        h = self.norm(self.depthwise(x).transpose(1, 2))
        h = self.reduce(F.silu(self.expand(h))) * self.scale
        return x + h.transpose(1, 2)


class Encoder(nn.Module):
    """Log-mel [b, m, 2n] -> moments [b, 2c, n]."""

    def __init__(self, config: NeuralCodecConfig) -> None:
        super().__init__()
        width = config.width
        self.stem = nn.Conv1d(config.mels, width, 7, padding=3)
        self.first = ConvNeXt(width)
        self.halve = nn.Conv1d(width, width, 2, stride=2)
        self.blocks = nn.Sequential(*(ConvNeXt(width) for _ in range(config.encoder_blocks)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.out = nn.Linear(width, 2 * config.dim)

    def forward(self, mel: Tensor) -> Tensor:
        """[b, m, 2n] -> [b, n, 2c] (mean and log-variance)."""
        h = self.blocks(self.halve(self.first(self.stem(mel))))
        moments: Tensor = self.out(self.norm(h.transpose(1, 2)))
        return moments


class Decoder(nn.Module):
    """Latents [b, n, c] -> complex spectrum at four frames a latent -> wave [b, n * 2 * hop]."""

    def __init__(self, config: NeuralCodecConfig) -> None:
        super().__init__()
        slow, middle, fast = config.decoder_blocks
        width, bins = config.width, config.head_fft // 2 + 1
        self.hop, self.fft = config.hop // 2, config.head_fft
        self.stem = nn.Conv1d(config.dim, width, 7, padding=3)
        self.slow = nn.Sequential(*(ConvNeXt(width) for _ in range(slow)))
        self.up = nn.ConvTranspose1d(width, width, 2, stride=2)
        self.middle = nn.Sequential(*(ConvNeXt(width) for _ in range(middle)))
        self.up_fast = nn.ConvTranspose1d(width, config.fast_width, 2, stride=2)
        self.fast = nn.Sequential(*(ConvNeXt(config.fast_width) for _ in range(fast)))
        self.norm = nn.LayerNorm(config.fast_width, eps=1e-6)
        self.head = nn.Linear(config.fast_width, 3 * bins)
        self.register_buffer("window", torch.hann_window(self.fft), persistent=False)

    def spectrum(self, latents: Tensor) -> Tensor:
        """[b, n, c] -> complex [b, 4n, bins]; size from its own channel, phase as a direction."""
        h = self.up(self.slow(self.stem(latents.transpose(1, 2))))
        h = self.fast(self.up_fast(self.middle(h)))
        magnitude, real, imaginary = self.head(self.norm(h.transpose(1, 2))).float().chunk(3, dim=-1)
        length = torch.sqrt(real.square() + imaginary.square() + 1e-8)
        size = torch.exp(magnitude.clamp(max=6.0))
        return torch.complex(size * real / length, size * imaginary / length)

    def forward(self, latents: Tensor) -> Tensor:
        """[b, n, c] -> [b, n * 2 * hop]."""
        frames = torch.fft.irfft(self.spectrum(latents), n=self.fft, dim=-1) * self.window
        return overlap_add(frames, self.window.square(), self.hop)


def overlap_add(frames: Tensor, weight: Tensor, hop: int) -> Tensor:
    """Sum windowed frames [b, t, fft] at steps of `hop`, divide by the summed weight, keep t * hop samples.

    The first frame is centred at hop / 2, so that frame k describes the samples k * hop ... (k + 1) * hop.
    """
    batch, count, fft = frames.shape
    length = (count - 1) * hop + fft

    def add(values: Tensor) -> Tensor:
        summed = F.fold(values.transpose(1, 2), (1, length), (1, fft), stride=(1, hop))
        return summed.reshape(values.shape[0], length)

    cut = (fft - hop) // 2
    envelope = add(weight.expand(1, count, fft)).clamp_min(1e-4)
    return (add(frames) / envelope)[:, cut : cut + count * hop]


class NeuralCodec(nn.Module):
    """The embedded `AudioCodec`: see the module's first lines."""

    def __init__(self, config: NeuralCodecConfig | None = None) -> None:
        super().__init__()
        self.config = config or NeuralCodecConfig()
        self.encoder = Encoder(self.config)
        self.decoder = Decoder(self.config)
        self.mel = LogMel(self.config)

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self.config.sample_rate

    @property
    def latent_hop(self) -> int:
        """Samples one latent stands for."""
        return 2 * self.config.hop

    @property
    def latent_rate(self) -> Fraction:
        """Latents a second."""
        return Fraction(self.config.sample_rate, self.latent_hop)

    @property
    def dim(self) -> int:
        """Latent channels c."""
        return self.config.dim

    def encode(self, wave: Tensor) -> Moments:
        """[b, s] -> moments [b, n, c], n = ceil(s / latent_hop); the end is padded with silence."""
        check_shape("wave", wave, "b s")
        short = -wave.shape[1] % self.latent_hop
        mean, log_variance = self.encoder(self.mel(F.pad(wave, (0, short)))).chunk(2, dim=-1)
        return Moments(mean, torch.exp(0.5 * log_variance.clamp(-14.0, 6.0)))

    def decode(self, latents: Tensor) -> Tensor:
        """[b, n, c] -> wave [b, n * latent_hop]."""
        check_shape("latents", latents, f"b n {self.dim}")
        wave: Tensor = self.decoder(latents)
        return wave


class LogMel(nn.Module):
    """Wave [b, s] -> standardised natural-log mel [b, m, s / hop]; triangles on the HTK mel scale."""

    def __init__(self, config: NeuralCodecConfig) -> None:
        super().__init__()
        self.hop, self.fft = config.hop, 4 * config.hop
        filters = mel_triangles(config.mels, self.fft // 2 + 1, config.sample_rate)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", torch.hann_window(self.fft), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """[b, s] -> [b, m, s // hop]; log floor 1e-4, then (x + 4) / 3 to be of order one."""
        side = (self.fft - self.hop) // 2
        padded = F.pad(wave[:, None], (side, side), mode="reflect" if wave.shape[1] > side else "constant")[
            :, 0
        ]
        spectrum = torch.stft(
            padded, self.fft, self.hop, window=self.window, center=False, return_complex=True
        )
        mel = torch.matmul(self.filters, spectrum.abs())
        return (torch.log(mel.clamp_min(1e-4)) + 4.0) / 3.0


def mel_triangles(mels: int, bins: int, sample_rate: int) -> Tensor:
    """Triangular filters [m, bins] from 0 Hz to the Nyquist frequency, HTK mel scale, each summing to one."""
    nyquist = sample_rate / 2
    top = 2595.0 * torch.log10(torch.tensor(1.0 + nyquist / 700.0, dtype=torch.float64))
    edges = 700.0 * (10.0 ** (torch.linspace(0.0, float(top), mels + 2, dtype=torch.float64) / 2595.0) - 1.0)
    hertz = torch.linspace(0.0, nyquist, bins, dtype=torch.float64)
    rise = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    # Narrow low bands may fall between two bins: give each at least its nearest bin.
    triangles = torch.minimum(rise, fall).clamp_min(0.0)
    nearest = (edges[1:-1, None] - hertz).abs().argmin(dim=1)
    triangles[torch.arange(mels), nearest] = triangles[torch.arange(mels), nearest].clamp_min(0.05)
    return (triangles / triangles.sum(dim=1, keepdim=True)).float()
