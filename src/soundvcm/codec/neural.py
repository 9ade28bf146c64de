"""The embedded codec: sound <-> 31.25 latents a second, in about six million parameters.

wave => log-mel => principal components + ConvNeXt correction => moments
latents => mel + ConvNeXt correction => magnitudes and their spread => phases by fast Griffin-Lim => wave
Both halves start as a linear codec of the mel spectrum (the principal components of the training sounds) and
learn what that misses. The decoder says how large each magnitude is and how sure that is; what is unsure
(noise) is drawn, or rain would sound like an organ. Phases are found by iteration, because a network small
enough to train on a CPU finds them badly (docs/decisions.md). Knows nothing of pictures, text or training.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm.codec.spectra import UNIT_RATE, LogMel, bins_from_mel, find_phases, hold_peaks
from soundvcm.config import Config
from soundvcm.records import Moments, check_shape

CEILING = 0.97  # of the decoded wave; louder moments are turned down, only they
FLOOR = 0.01  # magnitudes are predicted as log(magnitude + FLOOR)
DRAWN = 0.85  # share of the spread that is drawn: nearest to the original for YAMNet among 0.7, 0.85, 1, 1.2
# Magnitudes are regressed, which shrinks what is hard to foresee. In copies of real sounds, changes faster
# than 7 frames (56 ms) are enlarged and less is drawn; the three numbers: nearest to the original for YAMNet
# on validation clips. Made latents have enough fast changes of their own (docs/decisions.md).
FAST_FRAMES = 7
FAST_GAIN = 1.4
DRAWN_IN_COPIES = 0.65
SPREADS = (0.02, 0.9)  # least and greatest standard deviation of a log magnitude; that of pure noise is 0.64


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
        head_fft: window of the magnitudes (samples).
        iterations: rounds of fast Griffin-Lim.
        top_hertz: upper edge of the highest mel band; None is half the sample rate.
    """

    kind: Literal["neural"] = "neural"
    sample_rate: int = 16_000
    hop: int = 256
    mels: int = 128
    dim: int = 96
    width: int = 256
    fast_width: int = 256
    encoder_blocks: int = 4
    decoder_blocks: tuple[int, int, int] = (2, 3, 4)
    head_fft: int = 512
    iterations: int = 8
    top_hertz: float | None = None


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
        out: Tensor = x + h.transpose(1, 2)
        return out


class Encoder(nn.Module):
    """Log-mel [b, m, 2n] -> mean and log-variance [b, n, 2c]: linear components plus a learned correction."""

    def __init__(self, config: NeuralCodecConfig) -> None:
        super().__init__()
        width = config.width
        self.components = nn.Conv1d(config.mels, config.dim, 2, stride=2)
        self.stem = nn.Conv1d(config.mels, width, 7, padding=3)
        self.first = ConvNeXt(width)
        self.halve = nn.Conv1d(width, width, 2, stride=2)
        self.blocks = nn.Sequential(*(ConvNeXt(width) for _ in range(config.encoder_blocks)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.out = nn.Linear(width, 2 * config.dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        nn.init.constant_(self.out.bias[config.dim :], -4.6)

    def forward(self, mel: Tensor) -> Tensor:
        """[b, m, 2n] -> [b, n, 2c]."""
        h = self.blocks(self.halve(self.first(self.stem(mel))))
        linear = self.components(mel).transpose(1, 2)
        correction: Tensor = self.out(self.norm(h.transpose(1, 2)))
        return correction + F.pad(linear, (0, linear.shape[2]))


class Decoder(nn.Module):
    """Latents [b, n, c] -> log magnitudes [b, bins, 4n] (linear mel plus a correction) and their spread."""

    spread: Tensor

    def __init__(self, config: NeuralCodecConfig) -> None:
        super().__init__()
        slow, middle, fast = config.decoder_blocks
        width, bins = config.width, config.head_fft // 2 + 1
        self.mel = nn.ConvTranspose1d(config.dim, config.mels, 2, stride=2)
        self.stem = nn.Conv1d(config.dim, width, 7, padding=3)
        self.slow = nn.Sequential(*(ConvNeXt(width) for _ in range(slow)))
        self.up = nn.ConvTranspose1d(width, width, 2, stride=2)
        self.join = nn.Conv1d(config.mels, width, 1)
        self.middle = nn.Sequential(*(ConvNeXt(width) for _ in range(middle)))
        self.up_fast = nn.ConvTranspose1d(width, config.fast_width, 2, stride=2)
        self.fast = nn.Sequential(*(ConvNeXt(config.fast_width) for _ in range(fast)))
        self.norm = nn.LayerNorm(config.fast_width, eps=1e-6)
        self.head = nn.Linear(config.fast_width, bins)
        self.doubt = nn.Linear(config.fast_width, bins)
        for layer in (self.head, self.doubt):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.device("cpu"):  # has numbers also where the weights are made without memory of their own
            spread = bins_from_mel(config.mels, bins, config.sample_rate, config.top_hertz)
        self.register_buffer("spread", spread, persistent=False)

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """[b, n, c] -> log(magnitude + FLOOR) and its standard deviation, both float32 [b, bins, 4n]."""
        x = latents.transpose(1, 2)
        mel = self.mel(x)
        h = self.middle(self.up(self.slow(self.stem(x))) + self.join(mel))
        h = self.fast(self.up_fast(h))
        h = self.norm(h.transpose(1, 2))
        finer = F.interpolate(LogMel.undo(mel.float()), scale_factor=2, mode="linear")
        size = torch.matmul(self.spread, finer) + self.head(h).transpose(1, 2).float()
        low, high = SPREADS
        return size, low + (high - low) * torch.sigmoid(self.doubt(h).transpose(1, 2).float() - 1.0)


def linear_magnitudes(size: Tensor) -> Tensor:
    """log(magnitude + FLOOR) -> magnitude, not negative and within reason."""
    return (torch.exp(size.clamp(max=8.0)) - FLOOR).clamp_min(0.0)


def enlivened(size: Tensor) -> Tensor:
    """Log magnitudes [b, bins, t] with their changes within `FAST_FRAMES` enlarged by `FAST_GAIN`."""
    reach = FAST_FRAMES // 2
    around = F.avg_pool1d(F.pad(size, (reach, reach), mode="replicate"), FAST_FRAMES, 1)
    return size + (FAST_GAIN - 1.0) * (size - around)


class NeuralCodec(nn.Module):
    """The embedded `AudioCodec`: see the module's first lines."""

    def __init__(self, config: NeuralCodecConfig | None = None) -> None:
        super().__init__()
        self.config = config or NeuralCodecConfig()
        self.encoder = Encoder(self.config)
        self.decoder = Decoder(self.config)
        self.mel = LogMel(self.config.mels, self.config.hop, self.config.sample_rate, self.config.top_hertz)

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

    @property
    def importance(self) -> Tensor:
        """[c] standard deviation (log mel) that each channel, of unit variance, adds to the sound; largest 1.

        The channels began as principal components of equal variance; the rows that make them tell their size.
        """
        size = 1.0 / self.encoder.components.weight.detach().flatten(1).norm(dim=1).float()
        share: Tensor = size / size.max()
        return share

    def encode(self, wave: Tensor) -> Moments:
        """[b, s] -> moments [b, n, c], n = ceil(s / latent_hop); the end is padded with silence."""
        check_shape("wave", wave, "b s")
        short = -wave.shape[1] % self.latent_hop
        mean, log_variance = self.encoder(self.mel(F.pad(wave, (0, short)))).chunk(2, dim=-1)
        return Moments(mean, torch.exp(0.5 * log_variance.clamp(-14.0, 6.0)))

    def magnitudes(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """[b, n, c] -> magnitudes [b, bins, 4n] of windows hop / 2 apart, and the spread of their logs.

        Magnitudes are counted as at 16 kHz, see `spectra.analysis_window`.
        """
        check_shape("latents", latents, f"b n {self.dim}")
        size, spread = self.decoder(latents)
        return linear_magnitudes(size), spread

    def decode(self, latents: Tensor) -> Tensor:
        """[b, n, c] -> wave [b, n * latent_hop]; the same latents give the same wave."""
        size, spread = self.magnitudes(latents)
        return self._wave(size, DRAWN * spread)

    def copy(self, wave: Tensor) -> Tensor:
        """[b, s] -> the same sound through the latents, padded to whole ones [b, n * latent_hop]."""
        size, spread = self.decoder(self.encode(wave).mean)
        return self._wave(linear_magnitudes(enlivened(size)), DRAWN_IN_COPIES * spread)

    def _wave(self, size: Tensor, spread: Tensor) -> Tensor:
        config = self.config
        size = size * (config.sample_rate / UNIT_RATE)
        wave = find_phases(size, config.head_fft, config.hop // 2, config.iterations, spread)
        # Guided latents may ask for a click far beyond full scale; scaling all would silence the rest.
        return hold_peaks(wave, CEILING, config.sample_rate // 100)

    @torch.no_grad()
    def start_linear(self, waves: Tensor) -> None:
        """Set the linear halves to the principal components of the sounds [b, s], unit variance each."""
        mel = self.mel(waves)
        pairs = mel.unfold(2, 2, 2).permute(0, 2, 1, 3).reshape(-1, 2 * self.config.mels)
        pairs = pairs[pairs.amax(dim=1) > pairs.min() + 0.3]  # silence teaches nothing
        centre = pairs.mean(dim=0)
        values, vectors = torch.linalg.eigh(torch.cov((pairs - centre).T.double()))
        vectors = vectors[:, -self.dim :].flip(1).float()
        scale = values[-self.dim :].flip(0).clamp_min(1e-6).sqrt().float()
        rows = (vectors / scale).T.reshape(self.dim, self.config.mels, 2)
        self.encoder.components.weight.copy_(rows)
        bias = self.encoder.components.bias
        assert bias is not None
        bias.copy_(-(centre @ vectors) / scale)
        self.decoder.mel.weight.copy_((vectors * scale).T.reshape(self.dim, self.config.mels, 2))
        # One bias a band: the mean of both halves of a pair.
        offset = self.decoder.mel.bias
        assert offset is not None
        offset.copy_(centre.reshape(self.config.mels, 2).mean(dim=1))
