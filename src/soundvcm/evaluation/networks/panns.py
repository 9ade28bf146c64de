"""PANNs Cnn14 for 16 kHz: wave => 2048 numbers and logits of 527 AudioSet classes for the whole of it.

Kong et al. 2020 ("PANNs", https://github.com/qiuqiangkong/audioset_tagging_cnn, MIT; weights CC-BY-4.0), keys
of its public file. The public weights were never run here to published numbers. Knows one weights file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm import weights
from soundvcm.evaluation.networks.filters import mono_wave, slaney_triangles

SAMPLE_RATE = 16_000
FFT, HOP = 512, 160
BANDS, LOW_HZ, HIGH_HZ = 64, 50.0, 8000.0
CHANNELS = (64, 128, 256, 512, 1024, 2048)
WIDTH, CLASSES = 2048, 527
LEAST_POWER = 1e-10
LEAST_SAMPLES = 31 * HOP  # five halvings of time need 32 frames
WEIGHTS = "panns_cnn14_16k"
#: constants that the public file carries and that are computed here
CONSTANTS = (
    "spectrogram_extractor.stft.conv_real.weight",
    "spectrogram_extractor.stft.conv_imag.weight",
    "logmel_extractor.melW",
)


class _ConvBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norm and ReLU, [b, c, t, m] => [b, d, t, m]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, t, m] => [b, d, t, m]."""
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)))


class Cnn14(nn.Module):
    """Log-mel frames [b, t, 64] => (embeddings [b, 2048], logits [b, 527])."""

    def __init__(self) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(BANDS)
        inputs = 1
        for number, channels in enumerate(CHANNELS, 1):
            self.add_module(f"conv_block{number}", _ConvBlock(inputs, channels))
            inputs = channels
        self.fc1 = nn.Linear(WIDTH, WIDTH)
        self.fc_audioset = nn.Linear(WIDTH, CLASSES)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """[b, t, 64] => [b, 2048] and [b, 527] before the sigmoid."""
        x = self.bn0(frames.transpose(1, 2)[:, :, :, None])  # bands as channels
        x = x.permute(0, 3, 2, 1)  # [b, 1, t, bands]
        for number in range(1, len(CHANNELS) + 1):
            x = self.get_submodule(f"conv_block{number}")(x)
            if number < len(CHANNELS):
                x = F.avg_pool2d(x, 2)
        x = x.mean(dim=3)
        embedding = F.relu(self.fc1(x.amax(dim=2) + x.mean(dim=2)))
        return embedding, self.fc_audioset(embedding)


def frames(wave: Tensor) -> Tensor:
    """Log-mel frames [t, 64] in dB of a mono wave [s] at 16 kHz, one each 10 ms, the ends mirrored.

    Raises:
        InputError: unless the wave is finite, one-dimensional and at least 0.31 s long.
    """
    signal = mono_wave(wave, LEAST_SAMPLES, SAMPLE_RATE, "PANNs Cnn14")
    window = torch.hann_window(FFT)
    spectrum = torch.stft(signal, FFT, HOP, window=window, center=True, return_complex=True)
    power = spectrum.abs() ** 2
    mel = slaney_triangles(BANDS, FFT, SAMPLE_RATE, LOW_HZ, HIGH_HZ).float() @ power
    return 10 * mel.clamp_min(LEAST_POWER).log10().T


def load_cnn14(source: str | Path | Mapping[str, Tensor] = WEIGHTS) -> Cnn14:
    """The network from its public file (or a state dict), strictly.

    Raises:
        WeightsError: if the file is missing (what to fetch is said) or of another network.
    """
    tensors = source if isinstance(source, Mapping) else weights.load(source)[0]
    return weights.built(Cnn14, tensors, "PANNs Cnn14 (16 kHz)", drop=CONSTANTS)


@torch.inference_mode()
def listen(network: Cnn14, wave: Tensor) -> tuple[Tensor, Tensor]:
    """(embedding [2048], logits [527]) of a mono wave [s] at 16 kHz."""
    embedding, logits = network(frames(wave)[None])
    return embedding[0], logits[0]
