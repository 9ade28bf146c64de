"""BigVGAN, versions 1 and 2: log-mel => wave (as in MMAudio; Lee et al. 2023, arXiv 2206.04658).

Its snake activation works without aliasing (3.2): twice the rate, snake, half the rate; both changes of rate
are one low-pass of 12 taps, applied to each channel by itself, and ends are continued by their last value.
Module names are those of the public checkpoints without weight norm. Both spellings of weight norm load and
are folded; the resampling filters in the files are checked against the one used here. Knows no files, no
latents and no training.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm import weights
from soundvcm.config import Config
from soundvcm.errors import WeightsError
from soundvcm.records import check_shape

KERNELS = (3, 7, 11)
DILATIONS = (1, 3, 5)
_NORM_NAMES = (
    (".weight_g", ".weight_v"),
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
)
TAPS = 12
CUTOFF = 0.25  # of the doubled rate
HALF_WIDTH = 0.3  # of the transition band
TINY = 1e-9
BLOCK = 16  # samples that one product filters on a CPU
CACHED = 65_536  # samples worked on at a time there: what they become stays in a core's cache


@lru_cache(maxsize=1)
def _filter() -> np.ndarray[tuple[int], np.dtype[np.floating]]:
    half = TAPS // 2
    attenuation = 2.285 * (half - 1) * np.pi * 4 * HALF_WIDTH + 7.95
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    else:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    time = np.arange(-half, half) + 0.5
    taps = 2 * CUTOFF * np.kaiser(TAPS, beta) * np.sinc(2 * CUTOFF * time)
    normed: np.ndarray[tuple[int], np.dtype[np.floating]] = taps / taps.sum()
    return normed


def kaiser_sinc_filter() -> Tensor:
    """The low-pass of 12 taps [12], sum 1, in double precision."""
    return torch.from_numpy(_filter().copy())


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # kept for calls that may be tracked
def _taps(dtype: torch.dtype, device: torch.device) -> Tensor:
    """The filter [1, 1, 12] in the format and on the device of the signal (cast before the move: MPS)."""
    return kaiser_sinc_filter().to(dtype).to(device)[None, None]


def continued(x: Tensor, before: int, after: int) -> Tensor:
    """[b, c, s] with its first and last sample repeated, [b, c, before + s + after].

    What F.pad calls "replicate", in a third of its time on a CPU.
    """
    return torch.cat([x[..., :1].expand(-1, -1, before), x, x[..., -1:].expand(-1, -1, after)], dim=-1)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _products(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The changes of rate of a block as products: [BLOCK + 6, 2 BLOCK] and [2 BLOCK + 10, BLOCK]."""
    taps = kaiser_sinc_filter()
    up = torch.zeros(BLOCK + 6, 2 * BLOCK, dtype=torch.float64)
    down = torch.zeros(2 * BLOCK + 10, BLOCK, dtype=torch.float64)
    for tap in range(TAPS):
        for at in range(2 * BLOCK):
            source, odd = divmod(at + 11 - tap, 2)
            if not odd:
                up[source, at] = 2 * taps[tap]
        for at in range(BLOCK):
            down[2 * at + tap, at] = taps[tap]
    return up.to(dtype), down.to(dtype)


class AliasFreeSnake(nn.Module):
    """x + sin^2(e^alpha x) / e^beta for each channel, computed at twice the rate; [b, c, s] => [b, c, s]."""

    REACH = 6  # samples on either side that a sample depends on

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = nn.ParameterDict({"alpha": torch.zeros(channels), "beta": torch.zeros(channels)})

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, s] => [b, c, s]."""
        alpha, beta = self.act["alpha"].exp()[:, None], self.act["beta"].exp()[:, None]
        if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):
            some = max(1, CACHED // (x.shape[0] * x.shape[2]))
            parts = zip(*(torch.split(part, some, -2) for part in (x, alpha, beta + TINY)), strict=True)
            return torch.cat([_in_blocks(*part) for part in parts], dim=1)
        channels = x.shape[1]
        # A copy, so that none is a view of a tensor from outside inference mode.
        taps = _taps(x.dtype, x.device).clone().expand(channels, -1, -1)
        side = TAPS // 2 - 1
        edge = 3 * side  # samples of the doubled signal that belong to the continuation
        ends = continued(x, side, side)
        doubled = F.conv_transpose1d(ends, 2 * taps, stride=2, groups=channels)[..., edge:-edge]
        wave = torch.sin(doubled * alpha)
        doubled = torch.addcmul(doubled, wave, wave / (beta + TINY))
        return F.conv1d(continued(doubled, side, side + 1), taps, stride=2, groups=channels)


def _in_blocks(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """The same in products of blocks: half the time of convolutions that see one channel at a time."""
    up, down = _products(x.dtype)
    batch, channels, samples = x.shape
    fill = -samples % BLOCK
    blocks = continued(x, 3, 3 + fill).unfold(-1, BLOCK + 6, BLOCK).reshape(-1, BLOCK + 6)
    doubled = (blocks @ up).view(batch, channels, -1)[..., : 2 * samples]
    wave = torch.sin(doubled * alpha)
    doubled = torch.addcmul(doubled, wave, wave / beta)
    blocks = continued(doubled, 5, 5 + 2 * fill).unfold(-1, 2 * BLOCK + 10, 2 * BLOCK)
    return (blocks.reshape(-1, 2 * BLOCK + 10) @ down).view(batch, channels, -1)[..., :samples]


class VocoderConfig(Config):
    """Sizes of one generator.

    Attributes:
        bins: mel bands.
        width: channels after the first convolution; halved at each step.
        rates: upsampling factors.
        kernels: kernel of each upsampling convolution.
        last_bias: whether the last convolution has a bias.
        bounded: how the wave is kept in -1 .. 1: "tanh" (version 1) or "clamp" (version 2).
    """

    bins: int
    width: int = 1536
    rates: tuple[int, ...]
    kernels: tuple[int, ...]
    last_bias: bool
    bounded: str

    @property
    def hop(self) -> int:
        """Samples a mel frame becomes."""
        return prod(self.rates)


BIGVGAN_16K = VocoderConfig(
    bins=80, rates=(4, 4, 2, 2, 2, 2), kernels=(8, 8, 4, 4, 4, 4), last_bias=True, bounded="tanh"
)
BIGVGAN_44K = VocoderConfig(
    bins=128, rates=(8, 4, 2, 2, 2, 2), kernels=(16, 8, 4, 4, 4, 4), last_bias=False, bounded="clamp"
)


def _convolved(conv: nn.Module, x: Tensor) -> Tensor:
    """A convolution in the number format of its weights; the result has the format of x."""
    out: Tensor = conv(x.to(next(conv.parameters()).dtype))
    return out.to(x.dtype)


class _AmpBlock(nn.Module):
    """Three residual pairs: snake, dilated convolution, snake, convolution; [b, c, s] => [b, c, s]."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=d * (kernel - 1) // 2)
            for d in DILATIONS
        )
        self.convs2 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, padding=(kernel - 1) // 2) for _ in DILATIONS
        )
        self.activations = nn.ModuleList(AliasFreeSnake(channels) for _ in range(2 * len(DILATIONS)))

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, s] => [b, c, s]."""
        for pair, (first, second) in enumerate(zip(self.convs1, self.convs2, strict=True)):
            branch = _convolved(first, self.activations[2 * pair](x))
            x = x + _convolved(second, self.activations[2 * pair + 1](branch))
        return x


class Vocoder(nn.Module):
    """Log-mel [b, bins, f] => wave [b, f * hop] in -1 .. 1."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.config, self.bins, self.hop = config, config.bins, config.hop
        widths = [config.width >> step for step in range(len(config.rates) + 1)]
        self.conv_pre = nn.Conv1d(config.bins, widths[0], 7, padding=3)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose1d(widths[i], widths[i + 1], kernel, rate, (kernel - rate) // 2))
            for i, (rate, kernel) in enumerate(zip(config.rates, config.kernels, strict=True))
        )
        self.resblocks = nn.ModuleList(_AmpBlock(width, kernel) for width in widths[1:] for kernel in KERNELS)
        self.activation_post = AliasFreeSnake(widths[-1])
        self.conv_post = nn.Conv1d(widths[-1], 1, 7, padding=3, bias=config.last_bias)

    def load(self, tensors: Mapping[str, Tensor], what: str) -> None:
        """Take the weights of a public file: with either spelling of weight norm, or none.

        Raises:
            WeightsError: if a name, a shape or the resampling filter does not fit.
        """
        weights.fit(self, without_filters(fold_weight_norm(tensors), what), what)

    def narrow(self) -> Vocoder:
        """Convolve in bfloat16 from now on, but for the first and last layer; returns itself.

        Snakes, their changes of rate, residual sums and the mean of the blocks stay in float32: the fine
        structure of the wave lives in sums over many small terms. docs/speed.md says what is gained and lost.
        """
        for part in (
            self.ups,
            *(convs for block in self.resblocks for convs in (block.convs1, block.convs2)),
        ):
            part.to(torch.bfloat16)
        return self

    def forward(self, mel: Tensor) -> Tensor:
        """[b, bins, f] => [b, f * hop]."""
        check_shape("mel", mel, "b m f", m=self.config.bins)
        x = self.conv_pre(mel)
        blocks = len(KERNELS)
        for step, up in enumerate(self.ups):
            x = _convolved(up, x)
            parts = [block(x) for block in self.resblocks[step * blocks : (step + 1) * blocks]]
            x = sum(parts[1:], start=parts[0]) / blocks
        wave = self.conv_post(self.activation_post(x))[:, 0]
        out: Tensor = wave.tanh() if self.config.bounded == "tanh" else wave.clamp(-1.0, 1.0)
        return out

    @property
    def reach(self) -> int:
        """Mel frames on either side that a sample may depend on (an upper bound, used to decode in
        chunks).
        """
        largest = max(KERNELS)
        block = (largest // 2) * (sum(DILATIONS) + len(DILATIONS)) + 2 * len(DILATIONS) * AliasFreeSnake.REACH
        frames, rate = 3.0, 1
        for factor, kernel in zip(self.config.rates, self.config.kernels, strict=True):
            frames += kernel / factor / rate
            rate *= factor
            frames += block / rate
        return int(frames + (AliasFreeSnake.REACH + 3) / rate) + 1


def fold_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Plain weights g * v / |v| (norm over all axes but the first) from either spelling of weight norm."""
    folded = {}
    for name, value in tensors.items():
        for gain_name, direction_name in _NORM_NAMES:
            if name.endswith(direction_name):
                stem = name.removesuffix(direction_name)
                gain = tensors.get(stem + gain_name)
                if gain is not None:
                    norm = value.flatten(1).norm(dim=1).view(-1, *[1] * (value.ndim - 1))
                    folded[stem + ".weight"] = gain * value / norm
                    break
            if name.endswith(gain_name) and name.removesuffix(gain_name) + direction_name in tensors:
                break
        else:
            folded[name] = value
    return folded


def without_filters(tensors: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """The tensors without the resampling filters, after checking that each is the filter used here.

    Raises:
        WeightsError: if a file brings another filter.
    """
    ours = kaiser_sinc_filter()
    for name, value in tensors.items():
        if name.endswith(".filter") and not value.is_meta:
            given = value.flatten().cpu().to(ours.dtype)
            if given.shape != ours.shape or not torch.allclose(given, ours, atol=1e-5):
                raise WeightsError(f"{what}: {name} is not the 12-tap filter this vocoder uses")
    return {name: value for name, value in tensors.items() if not name.endswith(".filter")}
