"""ImageBind huge: sound and pictures => vectors of 1024 numbers in one space, whose cosine is the IB score.

    wave at 16 kHz => 3 parts of 2 s => [1024];  video => 4 pictures => 3 pairs x 3 crops => [1024]

Girdhar et al. 2023 (https://github.com/facebookresearch/ImageBind, weights CC-BY-NC-SA-4.0): its sound and
picture towers with their public keys, written from the paper and the shapes; the other four are not built.
Parts, pictures and crops are av-benchmark's. The public weights were never run here to published numbers.
Knows one weights file, waves and videos.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm import media, weights
from soundvcm.errors import InputError
from soundvcm.evaluation.networks.filters import kaldi_triangles, mono_wave
from soundvcm.records import FrameSpec

SAMPLE_RATE = 16_000
PART_SECONDS, PARTS = 2, 3
FFT, WINDOW, HOP = 512, 400, 160
BANDS, FRAMES, LOW_HZ, HIGH_HZ = 128, 204, 20.0, 8000.0
PREEMPHASIS, LEAST_POWER = 0.97, float(torch.finfo(torch.float32).eps)
SOUND_MEAN, SOUND_STD = -4.268, 9.138
PICTURES = FrameSpec(Fraction(1, 2), None, None)
SIDE, CROPS = 224, 3
PICTURE_MEAN = (0.48145466, 0.4578275, 0.40821073)
PICTURE_STD = (0.26862954, 0.26130258, 0.27577711)
DIM, EPSILON = 1024, 1e-6
LARGEST_SCALE = 100.0
WEIGHTS = "imagebind_huge"


class Block(nn.Module):
    """Pre-norm transformer block, [b, l, d] => [b, l, d]; `extra` adds a learned key and value."""

    def __init__(self, width: int, heads: int, extra: bool) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, add_bias_kv=extra, batch_first=True)
        self.norm_1, self.norm_2 = nn.LayerNorm(width, eps=EPSILON), nn.LayerNorm(width, eps=EPSILON)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})

    def forward(self, x: Tensor) -> Tensor:
        """[b, l, d] => [b, l, d]."""
        y = self.norm_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        out: Tensor = x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm_2(x))))
        return out


class Patches(nn.Module):
    """A convolution, and a norm for sound, [b, c, ...] => [b, patches, d]."""

    def __init__(self, proj: nn.Module, norm: nn.Module | None) -> None:
        super().__init__()
        self.proj, self.norm_layer = proj, norm

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, ...] => [b, patches, d]."""
        tokens: Tensor = self.proj(x).flatten(2).transpose(1, 2)
        return tokens if self.norm_layer is None else self.norm_layer(tokens)


class _Stem(nn.Module):
    """Patches => tokens with a class token in front and learned places, [b, 1 + patches, d]."""

    def __init__(self, proj: nn.Module, norm: nn.Module | None, patches: int, width: int) -> None:
        super().__init__()
        self.rgbt_stem = Patches(proj, norm)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        places = nn.Parameter(torch.zeros(1, 1 + patches, width))
        self.pos_embedding_helper = nn.ParameterDict({"pos_embed": places})

    def forward(self, x: Tensor) -> Tensor:
        """[b, 1, 128, 204] or [b, 3, 2, 224, 224] => [b, 1 + patches, d]."""
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), self.rgbt_stem(x)], dim=1)
        out: Tensor = tokens + self.pos_embedding_helper["pos_embed"]
        return out


class _Scale(nn.Module):
    """Times exp(log_logit_scale), at most 100."""

    def __init__(self) -> None:
        super().__init__()
        self.log_logit_scale: Tensor
        self.register_buffer("log_logit_scale", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x * self.log_logit_scale.exp().clamp_max(LARGEST_SCALE)


class _Tower(nn.Module):
    """Stem, blocks, the class token projected to length one; for sound times a scale."""

    def __init__(self, stem: _Stem, first: nn.Module, width: int, depth: int, heads: int, dim: int) -> None:
        super().__init__()
        sound = isinstance(first, nn.Identity)
        self.preprocessor = stem
        blocks = nn.Sequential(*(Block(width, heads, extra=sound) for _ in range(depth)))
        self.trunk = nn.ModuleDict({"pre_transformer_layer": nn.Sequential(first), "blocks": blocks})
        norm, project = nn.LayerNorm(width, eps=EPSILON), nn.Linear(width, dim, bias=False)
        self.head = nn.Sequential(norm, nn.Identity(), project)  # between them: the first token
        self.postprocessor = nn.Sequential(nn.Identity(), _Scale() if sound else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """A batch of parts of one clip => [b, dim]."""
        x = self.trunk["blocks"](self.trunk["pre_transformer_layer"](self.preprocessor(x)))
        out: Tensor = self.postprocessor(F.normalize(self.head(x[:, 0]), dim=-1))
        return out


def sound_tower(width: int = 768, depth: int = 12, heads: int = 12, dim: int = DIM) -> _Tower:
    """Log-mel parts [b, 1, 128, 204] => [b, dim]; 12 x 19 patches of 16 x 16, one each 10."""
    proj = nn.Conv2d(1, width, 16, stride=10, bias=False)
    stem = _Stem(proj, nn.LayerNorm(width), 12 * 19, width)
    return _Tower(stem, nn.Identity(), width, depth, heads, dim)


def picture_tower(width: int = 1280, depth: int = 32, heads: int = 16, dim: int = DIM) -> _Tower:
    """Pairs of pictures [b, 3, 2, 224, 224] => [b, dim]; 16 x 16 patches of 2 x 14 x 14."""
    proj = nn.Sequential(nn.Identity(), nn.Conv3d(3, width, (2, 14, 14), stride=(2, 14, 14), bias=False))
    stem = _Stem(proj, None, 16 * 16, width)
    return _Tower(stem, nn.LayerNorm(width, eps=EPSILON), width, depth, heads, dim)


def starts(seconds: float) -> list[float]:
    """Where the 3 parts of 2 s begin, spread evenly over the sound: 0, 3, 6 for 8 s."""
    spare = max(seconds - PART_SECONDS, 0.0)
    return [spare * k / (PARTS - 1) for k in range(PARTS)]


def spectra(wave: Tensor) -> Tensor:
    """Log-mel parts [3, 1, 128, 204] of a mono wave [s] at 16 kHz, as Kaldi makes them, with a Hann window.

    Raises:
        InputError: unless the wave is finite, one-dimensional and at least 25 ms long.
    """
    signal = mono_wave(wave, WINDOW, SAMPLE_RATE, "ImageBind")
    found = []
    for start in starts(len(signal) / SAMPLE_RATE):
        part = signal[int(start * SAMPLE_RATE) : int((start + PART_SECONDS) * SAMPLE_RATE)]
        found.append(_kaldi(part - part.mean()))
    return (torch.stack(found)[:, None] - SOUND_MEAN) / SOUND_STD


def _kaldi(part: Tensor) -> Tensor:
    """[128, 204] natural logarithms; frames that the part does not reach are 0 (before standardisation)."""
    rows = part.unfold(0, WINDOW, HOP)
    rows = rows - rows.mean(dim=1, keepdim=True)
    before = torch.cat([rows[:, :1], rows[:, :-1]], dim=1)  # the first sample is its own predecessor
    rows = (rows - PREEMPHASIS * before) * torch.hann_window(WINDOW, periodic=False)
    power = torch.fft.rfft(rows, FFT).abs() ** 2
    mel = kaldi_triangles(BANDS, FFT, SAMPLE_RATE, LOW_HZ, HIGH_HZ).float() @ power.T
    return F.pad(mel.clamp_min(LEAST_POWER).log(), (0, FRAMES - mel.shape[1]))[:, :FRAMES]


def pairs(frames: Tensor) -> Tensor:
    """Neighbouring pictures, three crops each, [3 (f - 1), 3, 2, 224, 224], of frames [f, h, w, 3] uint8.

    The shorter side is scaled to 224 (bicubic, antialias); the crops lie at both ends and the middle of the
    longer one. A single picture is its own neighbour.

    Raises:
        InputError: if there is no picture.
    """
    if not len(frames):
        raise InputError("ImageBind sees at least one picture")
    height, width = frames.shape[1:3]
    short = min(height, width)
    size = (int(SIDE * height / short), int(SIDE * width / short))
    scaled = F.interpolate(frames.permute(0, 3, 1, 2), size, mode="bicubic", antialias=True)
    mean, std = torch.tensor(PICTURE_MEAN).view(3, 1, 1), torch.tensor(PICTURE_STD).view(3, 1, 1)
    pictures = (scaled.float() / 255 - mean) / std
    if len(pictures) == 1:
        pictures = pictures.repeat(2, 1, 1, 1)
    middle, end = math.ceil((max(size) - SIDE) / 2), max(size) - SIDE
    tall = size[0] > size[1]
    crops = [pictures[:, :, a : a + SIDE] if tall else pictures[..., a : a + SIDE] for a in (0, middle, end)]
    found = [torch.stack([crop[k], crop[k + 1]], dim=1) for k in range(len(pictures) - 1) for crop in crops]
    return torch.stack(found)


def load_tower(
    make: Callable[[], _Tower], role: str, source: str | Path | Mapping[str, Tensor] = WEIGHTS
) -> _Tower:
    """One tower from the public file (or a state dict), strictly; the other towers are left where they are.

    Args:
        make: `sound_tower` or `picture_tower`.
        role: "audio" or "vision", as the file calls it.
        source: name, file or tensors.

    Raises:
        WeightsError: if the file is missing (what to fetch is said) or of another network.
    """
    tensors = source if isinstance(source, Mapping) else weights.load(source)[0]
    own: dict[str, Tensor] = {}
    for part in ("preprocessor", "trunk", "head", "postprocessor"):
        prefix = f"modality_{part}s.{role}."
        own |= {f"{part}.{k.removeprefix(prefix)}": v for k, v in tensors.items() if k.startswith(prefix)}
    return weights.built(make, own, f"ImageBind ({role})")


@lru_cache(maxsize=2)
def tower(role: str) -> _Tower:
    """The public sound or picture tower, each read once per process and only when asked for.

    Raises:
        WeightsError: as `load_tower`.
    """
    return load_tower(sound_tower if role == "audio" else picture_tower, role)


@torch.inference_mode()
def listen(wave: Tensor) -> Tensor:
    """[1024] of a mono wave [s] at 16 kHz: the mean over its parts."""
    parts: Tensor = tower("audio")(spectra(wave))
    return parts.mean(0)


@torch.inference_mode()
def watch(video: Path, seconds: float) -> Tensor:
    """[1024] of the first seconds of a video: the mean over its pairs of pictures and their crops.

    Raises:
        MediaError: if the file cannot be read or holds no pictures.
    """
    part = media.read_frames(video, {"pictures": PICTURES}, seconds=seconds, beyond="shorten")
    network = tower("vision")
    return torch.cat([network(one[None]) for one in pairs(part.frames["pictures"])]).mean(0)
