"""A codec at twice the rate of a trained one: what is below stays as it is, what is above is added.

The first latents are those of the trained codec but for what its resampler took at the edge; the others stand
for the upper octave, whose bands go on from the lower ones at their spacing. A new decoder therefore sounds
below as the trained one does, and training goes on from there. Knows codecs and waves.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm.codec.neural import FLOOR, NeuralCodec, NeuralCodecConfig
from soundvcm.codec.spectra import LogMel, analysis_window, frames_of, hertz_to_mel, mel_to_hertz

RIDGE = 1e-3  # of the mean square of what is fitted from


def wider_config(narrow: NeuralCodecConfig, more: int, iterations: int) -> NeuralCodecConfig:
    """Sizes at twice the sample rate, with `more` latent channels and as many mel bands as fit above."""
    nyquist = narrow.sample_rate / 2
    spacing = hertz_to_mel(nyquist) / (narrow.mels + 1)
    mels = int(hertz_to_mel(2 * nyquist) / spacing) - 1
    top = torch.tensor(spacing * (mels + 1), dtype=torch.float64)
    wide = {
        "sample_rate": 2 * narrow.sample_rate,
        "hop": 2 * narrow.hop,
        "head_fft": 2 * narrow.head_fft,
        "mels": mels,
        "top_hertz": float(mel_to_hertz(top)),
        "dim": narrow.dim + more,
        "iterations": iterations,
    }
    return narrow.change(wide)


def least_squares(given: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [w, g] and bias [w] by which rows [n, g] come nearest to rows [n, w], in float64."""
    given, wanted = given.double(), wanted.double()
    middle, aim = given.mean(dim=0), wanted.mean(dim=0)
    centred = given - middle
    square = centred.T @ centred / len(given)
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    weight = torch.linalg.solve(square, centred.T @ (wanted - aim) / len(given)).T
    return weight.float(), (aim - weight @ middle).float()


@torch.no_grad()
def widen(narrow: NeuralCodec, config: NeuralCodecConfig, waves: Tensor) -> NeuralCodec:
    """A codec of `config` (see `wider_config`) that is `narrow` below and begins to know the upper octave.

    Args:
        narrow: the trained codec.
        config: its sizes, wider.
        waves: [b, s] sounds at the new rate, from which the upper octave is fitted.
    """
    wide = NeuralCodec(config)
    wide.start_linear(waves)
    low, dim = narrow.config.mels, narrow.dim
    wide.encoder.load_state_dict(_grown(narrow.encoder, wide.encoder))
    mean, rest = wide.encoder.out, wide.encoder.components
    # Means of all channels, then log variances of all: new ones begin with the variance of a new codec.
    mean.weight.zero_()
    mean.bias.copy_(torch.cat([torch.zeros(config.dim), torch.full((config.dim,), -4.6)]))
    for part in range(2):
        own = slice(part * config.dim, part * config.dim + dim)
        mean.weight[own] = narrow.encoder.out.weight[part * dim : (part + 1) * dim]
        mean.bias[own] = narrow.encoder.out.bias[part * dim : (part + 1) * dim]
    upper = _upper_components(wide.mel(waves)[:, low:], config.dim - dim)
    assert rest.bias is not None and wide.decoder.mel.bias is not None
    wide.decoder.load_state_dict(_grown(narrow.decoder, wide.decoder))
    rest.weight[dim:] = 0
    rest.weight[dim:, low:], rest.bias[dim:] = upper[0], upper[1]
    wide.decoder.mel.weight[dim:, low:], wide.decoder.mel.bias[low:] = upper[2], upper[3]
    _fit_upper_bins(wide, narrow, waves)
    return wide.eval()


def _grown(old: nn.Module, new: nn.Module) -> dict[str, Tensor]:
    """The weights of `old` in the first places of those of `new`, zeros in the others."""
    grown = {}
    mine = old.state_dict()
    for name, value in new.state_dict().items():
        out = torch.zeros_like(value)
        out[tuple(slice(size) for size in mine[name].shape)] = mine[name]
        grown[name] = out
    return grown


def _upper_components(mel: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Principal components of the upper bands [b, h, t]: weights [k, h, 2] and bias [k] in, the same out."""
    bands = mel.shape[1]
    pairs = mel.unfold(2, 2, 2).permute(0, 2, 1, 3).reshape(-1, 2 * bands)
    loud = pairs[pairs.amax(dim=1) > pairs.min() + 0.3]
    centre = loud.mean(dim=0)
    values, vectors = torch.linalg.eigh(torch.cov((loud - centre).T.double()))
    vectors = vectors[:, -count:].flip(1).float()
    scale = values[-count:].flip(0).clamp_min(1e-6).sqrt().float()
    into = (vectors / scale).T.reshape(count, bands, 2)
    return (
        into,
        -(centre @ vectors) / scale,
        (vectors * scale).T.reshape(count, bands, 2),
        centre.reshape(bands, 2).mean(dim=1),
    )


def _fit_upper_bins(wide: NeuralCodec, narrow: NeuralCodec, waves: Tensor) -> None:
    """Last layers of the upper bins: magnitudes by least squares, their spread as of the bin below them."""
    decoder, config = wide.decoder, wide.config
    window = analysis_window(config.head_fft, config.sample_rate)
    real = frames_of(waves, config.head_fft, config.hop // 2, window).abs()
    x = wide.encode(waves).mean.transpose(1, 2)
    mel = decoder.mel(x)
    h = decoder.middle(decoder.up(decoder.slow(decoder.stem(x))) + decoder.join(mel))
    h = decoder.norm(decoder.fast(decoder.up_fast(h)).transpose(1, 2))
    frames, known = min(h.shape[1], real.shape[2]), len(narrow.decoder.head.bias)
    finer = F.interpolate(LogMel.undo(mel), scale_factor=2, mode="linear")
    missing = torch.log(real + FLOOR)[:, :, :frames] - (decoder.spread @ finer)[:, :, :frames]
    weight, bias = least_squares(
        h[:, :frames].flatten(0, 1), missing[:, known:].transpose(1, 2).flatten(0, 1)
    )
    decoder.head.weight[known:], decoder.head.bias[known:] = weight, bias
    decoder.doubt.weight[known:] = decoder.doubt.weight[known - 1]
    decoder.doubt.bias[known:] = decoder.doubt.bias[known - 1]
