"""VGGish: wave at 16 kHz => 128 numbers for each 0.96 s, before the published post-processing.

VGG-like network on log-mel patches (Hershey et al. 2017; Google, tensorflow/models research/audioset/vggish,
Apache-2.0), keys of its PyTorch port. The public weights were never run here to published numbers. Knows one
weights file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from soundvcm import weights
from soundvcm.evaluation.networks.filters import htk_triangles, mono_wave

SAMPLE_RATE = 16_000
WINDOW, HOP, FFT = 400, 160, 512
BANDS, LOW_HZ, HIGH_HZ = 64, 125.0, 7500.0
PATCH_FRAMES = 96
LOG_OFFSET = 0.01
WIDTH = 128
WEIGHTS = "vggish"
#: channels of each stage of 3 x 3 convolutions; every stage ends in 2 x 2 maxima
STAGES = ((64,), (128,), (256, 256), (512, 512))


class Vggish(nn.Module):
    """Log-mel patches [b, 96, 64] => embeddings [b, 128], without the last ReLU of the original, which the
    field's protocol leaves out (av-benchmark and audioldm_eval).
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 1
        for stage in STAGES:
            for channels in stage:
                layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
                inputs = channels
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        flat = inputs * (PATCH_FRAMES // 16) * (BANDS // 16)
        self.embeddings = nn.Sequential(
            nn.Linear(flat, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, WIDTH)
        )

    def forward(self, patches: Tensor) -> Tensor:
        """[b, 96, 64] => [b, 128]."""
        seen = self.features(patches[:, None])
        # The linear layers were trained on maps with channels last.
        embedding: Tensor = self.embeddings(seen.permute(0, 2, 3, 1).flatten(1))
        return embedding


def patches(wave: Tensor) -> Tensor:
    """Log-mel patches [p, 96, 64] of a mono wave [s] at 16 kHz, side by side; the rest is left out.

    Raises:
        InputError: unless the wave is finite, one-dimensional and at least 0.975 s long.
    """
    signal = mono_wave(wave, (PATCH_FRAMES - 1) * HOP + WINDOW, SAMPLE_RATE, "VGGish")
    frames = signal.double().unfold(0, WINDOW, HOP)
    spectrum = torch.fft.rfft(frames * torch.hann_window(WINDOW, dtype=torch.float64), FFT).abs()
    mel = (spectrum @ htk_triangles(BANDS, FFT, SAMPLE_RATE, LOW_HZ, HIGH_HZ).T + LOG_OFFSET).log()
    found: Tensor = mel.unfold(0, PATCH_FRAMES, PATCH_FRAMES).transpose(1, 2).float().contiguous()
    return found


def load_vggish(source: str | Path | Mapping[str, Tensor] = WEIGHTS) -> Vggish:
    """The network from its public file (or a state dict), strictly; the matrices of its post-processing,
    which some copies carry, are left out.

    Raises:
        WeightsError: if the file is missing (what to fetch is said) or of another network.
    """
    tensors = source if isinstance(source, Mapping) else weights.load(source)[0]
    return weights.built(Vggish, tensors, "VGGish", drop=("pproc.pca_eigen_vectors", "pproc.pca_means"))


@torch.inference_mode()
def embeddings(network: Vggish, wave: Tensor) -> Tensor:
    """[p, 128] of a mono wave [s] at 16 kHz: 8 windows for 8 s."""
    found: Tensor = network(patches(wave))
    return found
