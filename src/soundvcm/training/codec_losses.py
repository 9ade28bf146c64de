"""What the embedded codec is trained by: spectra at several resolutions, and small critics of spectrograms.

Reconstruction alone leaves buzzing phases; hinge discriminators on complex spectrograms with feature matching
(as in HiFi-GAN and Encodec, arXiv 2010.05646 and 2210.13438) clean them up. Knows waves only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm.codec.neural import mel_triangles

RESOLUTIONS = ((256, 64, 40), (512, 128, 64), (1024, 256, 96), (2048, 512, 128))


class SpectralLoss(nn.Module):
    """Mean absolute difference of log-mel spectra plus that of log-magnitudes, over four window lengths."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        for fft, _, mels in RESOLUTIONS:
            self.register_buffer(f"window_{fft}", torch.hann_window(fft), persistent=False)
            filters = mel_triangles(mels, fft // 2 + 1, sample_rate)
            self.register_buffer(f"filters_{fft}", filters, persistent=False)

    def forward(self, wave: Tensor, truth: Tensor) -> Tensor:
        """Waves [b, s] -> scalar."""
        total = wave.new_zeros(())
        for fft, hop, _ in RESOLUTIONS:
            window, filters = getattr(self, f"window_{fft}"), getattr(self, f"filters_{fft}")
            made, real = (_magnitude(x, fft, hop, window) for x in (wave, truth))
            mel_made, mel_real = (torch.log(torch.matmul(filters, x) + 1e-4) for x in (made, real))
            total = total + F.l1_loss(mel_made, mel_real)
            total = total + 0.25 * F.l1_loss(torch.log(made + 1e-3), torch.log(real + 1e-3))
            # Loud partials decide what is heard; the linear term keeps them from being traded for the floor.
            total = total + 2.0 * F.l1_loss(made, real) / (real.mean() + 1e-2)
        return total / len(RESOLUTIONS)


class Discriminators(nn.Module):
    """Three small 2-D convolutional critics, each on the complex spectrogram of one window length."""

    def __init__(self, ffts: tuple[int, ...] = (256, 512, 1024), channels: int = 20) -> None:
        super().__init__()
        self.ffts = ffts
        self.critics = nn.ModuleList(_critic(channels) for _ in ffts)

    def forward(self, wave: Tensor) -> list[list[Tensor]]:
        """Wave [b, s] -> for each critic its feature maps, the score map last."""
        found = []
        for fft, critic in zip(self.ffts, self.critics, strict=True):
            window = torch.hann_window(fft, device=wave.device)
            spectrum = torch.stft(wave, fft, fft // 4, window=window, return_complex=True, normalized=True)
            # The square root of the size keeps quiet parts visible to the critic.
            scale = (spectrum.abs() + 1e-4).rsqrt()
            h = torch.stack([spectrum.real * scale, spectrum.imag * scale], dim=1)
            maps = []
            assert isinstance(critic, nn.ModuleList)
            for layer in critic:
                h = layer(h)
                maps.append(h)
            found.append(maps)
        return found


def critic_loss(real: list[list[Tensor]], made: list[list[Tensor]]) -> Tensor:
    """Hinge loss of the critics: real above one, made below minus one."""
    terms = [F.relu(1 - r[-1]).mean() + F.relu(1 + m[-1]).mean() for r, m in zip(real, made, strict=True)]
    return torch.stack(terms).mean()


def adversarial_loss(real: list[list[Tensor]], made: list[list[Tensor]]) -> tuple[Tensor, Tensor]:
    """For the codec: (minus the critics' mean score, mean difference of their feature maps)."""
    fool = torch.stack([-m[-1].mean() for m in made]).mean()
    pairs = [
        F.l1_loss(a, b.detach()) / (b.detach().abs().mean() + 1e-3)
        for m, r in zip(made, real, strict=True)
        for a, b in zip(m[:-1], r[:-1], strict=True)
    ]
    return fool, torch.stack(pairs).mean()


def _magnitude(wave: Tensor, fft: int, hop: int, window: Tensor) -> Tensor:
    spectrum = torch.stft(wave, fft, hop, window=window, return_complex=True, pad_mode="constant")
    # A plain abs() has no finite gradient at zero.
    return torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-9)


def _critic(channels: int) -> nn.ModuleList:
    def layer(inside: int, outside: int, stride: tuple[int, int]) -> nn.Module:
        conv = nn.Conv2d(inside, outside, (5, 3), stride=stride, padding=(2, 1))
        return nn.Sequential(nn.utils.parametrizations.weight_norm(conv), nn.LeakyReLU(0.1))

    body = [
        layer(2, channels, (2, 1)),
        layer(channels, channels, (2, 1)),
        layer(channels, 2 * channels, (2, 2)),
        layer(2 * channels, 2 * channels, (2, 1)),
    ]
    score = nn.utils.parametrizations.weight_norm(nn.Conv2d(2 * channels, 1, 3, padding=1))
    return nn.ModuleList([*body, score])
