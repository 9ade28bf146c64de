"""YAMNet: wave at 16 kHz => scores of 521 AudioSet classes and 1024-wide embeddings, a row every 0.48 s.

MobileNet-v1 on log-mel patches of 0.96 s (Google, tensorflow/models research/audioset/yamnet, Apache-2.0). It
serves our scores, reports and the summary line of a command (`classify`); nothing we make is trained on it.
Knows one bundled weights file and resampling.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from soundvcm import media
from soundvcm.errors import InputError, WeightsError
from soundvcm.weights import load

SAMPLE_RATE = 16_000
WINDOW, HOP, FFT = 400, 160, 512
PATCH_FRAMES, PATCH_HOP = 96, 48
PATCH_SAMPLES = (PATCH_FRAMES - 1) * HOP + WINDOW
BATCH_NORM_EPS = 1e-4
BATCH = 64
# (stride, channels) of the separable blocks
BLOCKS = (
    (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512),
    *((1, 512),) * 5, (2, 1024), (1, 1024),
)  # fmt: skip


class Yamnet:
    """`listen(wave)` for scores and embeddings together; `scores` and `embeddings` for one of them."""

    def __init__(self, weights: str | Path = "yamnet") -> None:
        """Read the network; batch norms are folded into the convolutions.

        Raises:
            WeightsError: if the file is missing, damaged or of another kind.
        """
        tensors, _ = load(weights)
        try:
            self.network = _network(tensors)
            self.window, self.mel = tensors["win"].float(), tensors["mel"].float()
            self.head = tensors["fc.weight"].float(), tensors["fc.bias"].float()
            self.classes = bytes(tensors["classes"].numpy()).decode("utf-8").split("\n")
        except (KeyError, RuntimeError, ValueError) as error:
            raise WeightsError(
                f"{weights} is not YAMNet ({str(error).splitlines()[0]}): reinstall soundvcm"
            ) from None

    @torch.inference_mode()
    def listen(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Mono wave [s] at 16 kHz => (scores [patches, 521] in 0..1, embeddings [patches, 1024]), float32.

        The end is filled with zeros to whole patches, a wave shorter than 0.975 s to one.

        Raises:
            InputError: unless the wave is finite, one-dimensional and not empty.
        """
        patches = self.patches(wave)[:, None]
        parts = [self.network(patches[at : at + BATCH]).mean((2, 3)) for at in range(0, len(patches), BATCH)]
        embeddings = torch.cat(parts)
        return F.linear(embeddings, *self.head).sigmoid(), embeddings

    def scores(self, wave: Tensor) -> Tensor:
        """[patches, 521] of a mono wave [s] at 16 kHz; see `classes` for the names."""
        return self.listen(wave)[0]

    def embeddings(self, wave: Tensor) -> Tensor:
        """[patches, 1024] of a mono wave [s] at 16 kHz."""
        return self.listen(wave)[1]

    def top(self, wave: Tensor, count: int = 3) -> list[tuple[str, float]]:
        """The highest classes of the whole wave, with their mean scores."""
        found = self.scores(wave).mean(0).topk(count)
        return [(self.classes[int(k)], float(p)) for p, k in zip(*found, strict=True)]

    @torch.inference_mode()
    def patches(self, wave: Tensor) -> Tensor:
        """Log-mel patches [patches, 96, 64] of a mono wave [s] at 16 kHz."""
        if wave.ndim != 1 or not len(wave) or not bool(torch.isfinite(wave).all()):
            raise InputError("YAMNet takes one finite mono wave [samples] at 16 kHz")
        hop = PATCH_HOP * HOP
        more = max(0, ceil((len(wave) - PATCH_SAMPLES) / hop))
        filled = F.pad(wave.float().cpu(), (0, PATCH_SAMPLES + more * hop - len(wave)))
        frames = filled.unfold(0, WINDOW, HOP) * self.window
        mel: Tensor = (torch.fft.rfft(frames, FFT).abs() @ self.mel + 0.001).log()
        return mel.unfold(0, PATCH_FRAMES, PATCH_HOP).transpose(1, 2).contiguous()


@lru_cache(maxsize=1)
def bundled_yamnet() -> Yamnet:
    """The bundled network, read once per process."""
    return Yamnet()


class _Same(nn.Module):
    """Convolution padded as TensorFlow's "same" pads, then ReLU."""

    def __init__(self, weight: Tensor, bias: Tensor, stride: int, groups: int) -> None:
        super().__init__()
        outputs, inputs, kernel, _ = weight.shape
        self.before = nn.ZeroPad2d((0, 1, 0, 1)) if stride == 2 else nn.Identity()
        padding = 0 if stride == 2 else kernel // 2
        self.conv = nn.Conv2d(inputs * groups, outputs, kernel, stride, padding, groups=groups)
        self.conv.weight, self.conv.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(self.before(x)))


def _network(tensors: dict[str, Tensor]) -> nn.Sequential:
    """The 27 convolutions of the body, from keys body.I.c.weight and body.I.b.*."""
    shapes = [(2, 1)]
    inputs = 32
    for stride, channels in BLOCKS:
        shapes += [(stride, inputs), (1, 1)]
        inputs = channels
    layers = []
    for number, (stride, groups) in enumerate(shapes):
        name = f"body.{number}."
        mean, var, gain, bias = (
            tensors[f"{name}b.{part}"].float() for part in ("running_mean", "running_var", "weight", "bias")
        )
        gain = gain / (var + BATCH_NORM_EPS).sqrt()
        weight = tensors[name + "c.weight"].float() * gain[:, None, None, None]
        layers.append(_Same(weight, bias - mean * gain, stride, groups))
    return nn.Sequential(*layers).eval().requires_grad_(False)


def classify(wave: NDArray[np.float32], sample_rate: int, count: int = 3) -> list[str]:
    """Names of YAMNet's `count` highest classes, highest first; "Silence" where nothing sounds."""
    return [name for name, _ in class_scores(wave, sample_rate, count)]


def class_scores(wave: NDArray[np.float32], sample_rate: int, count: int = 3) -> list[tuple[str, float]]:
    """YAMNet's `count` highest classes with their scores (0 .. 1), highest first.

    Args:
        wave: [channels, samples]; channels are averaged.
        sample_rate: of the wave.
        count: how many names.
    """
    mono = np.asarray(wave, dtype=np.float32).mean(axis=0, keepdims=True)
    if not np.abs(mono).max(initial=0.0) > 1e-4:
        return [("Silence", 1.0)]
    if sample_rate != SAMPLE_RATE:
        mono = media.resample(mono, sample_rate, SAMPLE_RATE)
    network = bundled_yamnet()
    sound = torch.from_numpy(np.ascontiguousarray(mono[0]))
    # Patches count by their energy: a few short sounds in a long pause still decide the class.
    energy = network.patches(sound).exp().mean(dim=(1, 2))
    scores = (network.scores(sound) * (energy / energy.sum())[:, None]).sum(dim=0)
    scores[network.classes.index("Silence")] = 0.0
    best = scores.topk(count)
    return [
        (network.classes[int(k)], float(score)) for k, score in zip(best.indices, best.values, strict=True)
    ]
