"""Gaussian preconditioning: what a network need not learn if each latent channel were Gaussian.

    u = scale(t) * network(x / size(t), ...) + slope(t, s) * x

With data N(0, std^2) in a channel and noise N(0, 1), x_t has variance g(t) = t^2 + (1 - t)^2 std^2 and the
flow only rescales: x_s = x_t sqrt(g(s) / g(t)). So a silent network is that flow, exactly and at any step, and the
copy of the noise in the velocity need not pass through its width. Knows times and channels only.
"""

from __future__ import annotations

import torch
from torch import Tensor


def variance(t: Tensor, std: Tensor) -> Tensor:
    """g(t) of x_t, [b 1 c] for t [b] and the channels' standard deviation [1 1 c]."""
    time = t.to(std.dtype).view(-1, 1, 1)
    return time.square() + (1 - time).square() * std.square()


def slope(t: Tensor, s: Tensor, std: Tensor) -> Tensor:
    """[b 1 c]: the mean velocity of the Gaussian flow from t down to s, per unit of x_t.

    (1 - sqrt(g(s) / g(t))) / (t - s), written without the quotient: at s = t it is the velocity itself.
    """
    late, early = variance(t, std), variance(s, std)
    time, end = (value.to(std.dtype).view(-1, 1, 1) for value in (t, s))
    rise = (time + end) - (2 - time - end) * std.square()
    return rise / (late.sqrt() * (late.sqrt() + early.sqrt()))


def scales(t: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of the network's input and of its output, [b 1 c] each: both sides have about unit variance.

    The velocity's variance given x_t is std^2 / g(t).
    """
    size = variance(t, std).clamp_min(torch.finfo(std.dtype).tiny).rsqrt()
    return size, std * size
