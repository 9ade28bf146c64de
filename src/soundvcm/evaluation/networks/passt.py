"""PaSST: wave at 32 kHz, filled to 10 s => 768 numbers and logits of 527 AudioSet classes.

Koutini et al. 2022 ("Efficient training of audio transformers with patchout",
https://github.com/kkoutini/PaSST, Apache-2.0), model passt_s_swa_p16_128_ap476 with its public keys. The
public weights were never run here to published numbers. Knows one weights file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm import weights
from soundvcm.evaluation.networks.filters import kaldi_triangles, mono_wave, padded

SAMPLE_RATE = 32_000
SECONDS = 10
FFT, WINDOW, HOP = 1024, 800, 320
BANDS, LOW_HZ, HIGH_HZ = 128, 0.0, 15_000.0
PREEMPHASIS = 0.97
WIDTH, DEPTH, HEADS, CLASSES = 768, 12, 12, 527
PATCH, STRIDE = 16, 10
GRID = (12, 99)  # (bands, times) of patches of 10 s
EPSILON = 1e-6
WEIGHTS = "passt_s_swa"


class Block(nn.Module):
    """Pre-norm transformer block, [b, l, d] => [b, l, d]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=EPSILON), nn.LayerNorm(width, eps=EPSILON)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})

    def forward(self, x: Tensor) -> Tensor:
        """[b, l, d] => [b, l, d]."""
        parts = self.attn["qkv"](self.norm1(x)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.attn["proj"](mixed)
        out: Tensor = x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))
        return out


class Passt(nn.Module):
    """Log-mel frames [b, 128, t] => (embeddings [b, 768], logits [b, 527]).

    The embedding is the mean of the class and the distillation token; the distillation head is not used.
    """

    def __init__(self, width: int = WIDTH, depth: int = DEPTH, heads: int = HEADS) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(1, width, PATCH, stride=STRIDE)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, width))
        self.new_pos_embed = nn.Parameter(torch.zeros(1, 2, width))
        self.freq_new_pos_embed = nn.Parameter(torch.zeros(1, width, GRID[0], 1))
        self.time_new_pos_embed = nn.Parameter(torch.zeros(1, width, 1, GRID[1]))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, CLASSES))
        self.head_dist = nn.Linear(width, CLASSES)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """[b, 128, t], t <= 1005 => [b, 768] and [b, 527] before the sigmoid."""
        x = self.patch_embed["proj"](frames[:, None])
        x = x + self.time_new_pos_embed[..., : x.shape[-1]] + self.freq_new_pos_embed
        tokens = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        x = torch.cat([tokens.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1)
        embedding = self.norm(self.blocks(x))[:, :2].mean(dim=1)
        return embedding, self.head(embedding)


def frames(wave: Tensor) -> Tensor:
    """Log-mel frames [128, t] of a mono wave [s] at 32 kHz, one each 10 ms; 1,000 for 10 s.

    Raises:
        InputError: unless the wave is finite, one-dimensional and at least 0.17 s long.
    """
    signal = mono_wave(wave, (PATCH + 1) * HOP, SAMPLE_RATE, "PaSST")
    sharp = signal[1:] - PREEMPHASIS * signal[:-1]
    spectrum = torch.stft(
        sharp, FFT, HOP, WINDOW, torch.hann_window(WINDOW, periodic=False), center=True, return_complex=True
    )
    power = spectrum.real**2 + spectrum.imag**2
    mel = kaldi_triangles(BANDS, FFT, SAMPLE_RATE, LOW_HZ, HIGH_HZ).float() @ power
    return ((mel + 1e-5).log() + 4.5) / 5


def filled(wave: Tensor) -> Tensor:
    """The wave [s] at 32 kHz with silence at the end to 10 s.

    Raises:
        InputError: if it is longer.
    """
    return padded(wave, SECONDS, SAMPLE_RATE, "PaSST")


def load_passt(source: str | Path | Mapping[str, Tensor] = WEIGHTS) -> Passt:
    """The network from its public file (or a state dict), strictly.

    Raises:
        WeightsError: if the file is missing (what to fetch is said) or of another network.
    """
    tensors = source if isinstance(source, Mapping) else weights.load(source)[0]
    return weights.built(Passt, tensors, "PaSST")


@torch.inference_mode()
def listen(network: Passt, wave: Tensor) -> tuple[Tensor, Tensor]:
    """(embedding [768], logits [527]) of a mono wave [s] at 32 kHz of up to 10 s."""
    embedding, logits = network(frames(filled(wave))[None])
    return embedding[0], logits[0]
