"""Gaussian preconditioning: what a network need not learn if the latents were a Gaussian process in time.

    u = scale(t) * network(x / size(t), ...) + slope(t, s) x  (+ gate(x, t, s, ...) * arrival(x, t))

Each channel of the data has a power spectrum S(f) over the clip (`spectrum`, from its autocovariance), the
noise has 1 at every frequency. So x_t has g(f) = t^2 + (1 - t)^2 S(f), and the flow only rescales each
frequency: x_s = x_t sqrt(g_s / g_t). A silent network is that flow, exactly, in any number of steps: sounds
of the right colour and smoothness, of no kind. Where `colour_gate` is on, the network also sees those sounds
(`arrive`) and scales them, channel by channel and latent by latent: rain is steadier than the average sound,
which one factor says, while taking filtered noise away again is hard to learn. With `colour_edges` it does so
for each band of modulation frequencies: what holds for the whole clip (timbre), what swells, what flickers
(the grain of rain). Knows times, channels and frequencies only.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from soundvcm.runtime import sent

FLOOR = 1e-3  # of a channel's variance; an autocovariance cut at its last lag is no exact spectrum


def spectrum(covariance: Tensor, n: int) -> Tensor:
    """Power at the n // 2 + 1 frequencies of n latents, [1 f c]; its mean over all n is the variance.

    Args:
        covariance: [1 k c] autocovariance at lags 0 .. k - 1; beyond them it stays at the last one (what
            does not change in a clip). A single lag means that latents do not know one another.
        n: latents of the clip, taken as a circle.
    """
    lag = torch.arange(n, device=covariance.device)
    lag = torch.minimum(lag, n - lag)
    last = covariance.shape[1] - 1
    around = covariance[0, lag.clamp(max=last)]
    if not last:
        around = torch.where(lag[:, None] > 0, 0.0, around)
    power: Tensor = torch.fft.fft(around, dim=0).real
    variance = covariance[:, 0]
    power = power.clamp_min(0.0) + FLOOR * variance
    half: Tensor = (power * (variance / power.mean(dim=0)))[: n // 2 + 1]
    return half.unsqueeze(0)


def spread(t: Tensor, power: Tensor) -> Tensor:
    """Power g of x_t, [b f c], for t [b] and the data's power [1 f c]."""
    time = t.to(power.dtype).view(-1, 1, 1)
    return time.square() + (1 - time).square() * power


def slope(t: Tensor, s: Tensor, power: Tensor) -> Tensor:
    """[b f c]: the mean velocity of the Gaussian flow from t down to s, per unit of x_t.

    (1 - sqrt(g_s / g_t)) / (t - s), written without the quotient: at s = t it is the velocity itself.
    """
    late, early = spread(t, power), spread(s, power)
    time, end = (value.to(power.dtype).view(-1, 1, 1) for value in (t, s))
    rise = (time + end) - (2 - time - end) * power
    return rise / (late.sqrt() * (late.sqrt() + early.sqrt()))


def follow(noisy: Tensor, t: Tensor, s: Tensor, power: Tensor) -> Tensor:
    """[b n c] -> the Gaussian flow's mean velocity there."""
    return _filtered(noisy, slope(t, s, power))


def bands(n: int, edges: Sequence[float]) -> Tensor:
    """Shares of the bands in the n // 2 + 1 frequencies of n latents, float64 [len(edges) + 1, f], 1 in all.

    On the CPU: not every device knows float64.

    Args:
        n: latents of the clip.
        edges: between neighbouring bands, in cycles per latent, rising; they fade into one another over an
            octave.
    """
    frequency = torch.arange(n // 2 + 1, dtype=torch.float64) / n
    above = [torch.ones_like(frequency)]
    for edge in edges:
        octaves = torch.log2(frequency.clamp_min(1e-9) / edge).clamp(-0.5, 0.5)
        above.append(0.5 + 0.5 * torch.sin(torch.pi * octaves))
    above.append(torch.zeros_like(frequency))
    return torch.stack([low - high for low, high in pairwise(above)])


def arrive(noisy: Tensor, t: Tensor, power: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """[b n c] -> where the Gaussian flow takes it at time 0: latents of the data's spectrum, at every t.

    Split by the bands' shares [k f]: [b n k c], adding up to it, and their deviations [1 1 k c].
    """
    n, shares = noisy.shape[1], sent(shares, power.device, power.dtype)
    response = (power / spread(t, power)).sqrt()
    seen = torch.fft.rfft(noisy.to(response.dtype), dim=1) * response
    split = torch.fft.irfft(seen[:, :, None] * shares.T[None, :, :, None], n=n, dim=1)
    return split.to(noisy.dtype), deviations(n, power, shares).to(noisy.dtype)


def deviations(n: int, power: Tensor, shares: Tensor) -> Tensor:
    """Standard deviation of what `arrive` gives in each band [k f] of n latents, [1 1 k c]."""
    energy = (_counts(n, power) * power)[0, :, None] * shares.T.square()[:, :, None]
    return energy.sum(dim=0).clamp_min(1e-12).sqrt()[None, None]


def _filtered(noisy: Tensor, response: Tensor) -> Tensor:
    """[b n c] with each frequency multiplied by the response [b f c], in the response's precision."""
    seen = torch.fft.rfft(noisy.to(response.dtype), dim=1)
    out: Tensor = torch.fft.irfft(response * seen, n=noisy.shape[1], dim=1)
    return out.to(noisy.dtype)


def scales(t: Tensor, power: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Factors of the network's input and of its output, [b 1 c] each: both sides have about unit variance.

    The velocity's variance given x_t is S / g at each frequency; means are over all n of them.
    """
    share = _counts(n, power)
    seen = spread(t, power)
    size = (share * seen).sum(dim=1, keepdim=True)
    rest = (share * power / seen).sum(dim=1, keepdim=True)
    return size.rsqrt(), rest.sqrt()


def _counts(n: int, power: Tensor) -> Tensor:
    """[1 f 1]: which share of all n frequencies each of the n // 2 + 1 stands for."""
    count = torch.full((power.shape[1],), 2.0, dtype=power.dtype, device=power.device)
    count[0] = 1.0
    if n % 2 == 0:
        count[-1] = 1.0
    return (count / n).view(1, -1, 1)
