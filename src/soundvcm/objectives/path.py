"""The straight path between data (t = 0) and noise (t = 1), and jumps along it. Section 3.1 of the paper.

Pure functions of tensors; knows nothing of networks or conditions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from soundvcm.runtime import sent


def wide(value: Tensor) -> Tensor:
    """In float32 at least: float64 stays, narrower formats are widened; residuals are computed like this."""
    return value.to(torch.promote_types(value.dtype, torch.float32))


def column(rows: Tensor, like: Tensor) -> Tensor:
    """Per-row numbers [b] as [b, 1, ..., 1], in the device and dtype of `like`, to multiply [b, ...]."""
    return sent(rows, like.device, like.dtype).reshape(-1, *[1] * (like.ndim - 1))


def interpolate(data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """x_t = (1 - t) data + t noise, [b, n, c] (Section 3.1)."""
    time = column(t, data)
    return (1 - time) * data + time * noise


def sample_velocity(data: Tensor, noise: Tensor) -> Tensor:
    """dx_t/dt of one pair: noise - data, [b, n, c]; its mean given x_t is the velocity of Equation 1."""
    return noise - data


def jump(noisy: Tensor, velocity: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """x_s = x_t + (s - t) velocity, [b, n, c]; exact for the mean velocity from t to s (Equation 5)."""
    return noisy + column(s - t, noisy) * velocity


def draw_noise(data: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise of the shape, dtype and device of `data`, drawn where the generator lives."""
    noise = torch.randn(data.shape, generator=generator, device=generator.device)
    return sent(noise, data.device, data.dtype)


def within(value: Tensor, centre: Tensor, bound: float) -> Tensor:
    """The value, drawn in to a distance of at most `bound` times the row's own size from the centre.

    [b, ...]; sizes and distances are root mean squares over all axes but the first. Rows that are near enough
    stay as they are, to the bit.
    """
    away, size = (part.square().flatten(1).mean(1).sqrt() for part in (value - centre, centre))
    far = away > bound * size
    share = column(torch.where(far, bound * size / away, torch.ones_like(away)), value)
    return torch.where(column(far, value) > 0, centre + share * (value - centre), value)
