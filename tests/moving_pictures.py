"""Small drawn clips for the motion tests: a ball over a natural texture, sub-pixel exact, any source rate."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 64
BOUNCE_SECONDS = 0.8


def texture(seed: int, side: int = 96) -> Tensor:
    """[3, side, side] noise with the spectrum of photographs, mean 0.5."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(3, side, side)
    for cell in (2, 4, 8, 16, 32):
        coarse = torch.randn(1, 3, side // cell, side // cell, generator=generator)
        total += F.interpolate(coarse, (side, side), mode="bicubic")[0] * (cell / 16) ** 0.8
    return (total * 0.12 + 0.5).clamp(0, 1)


def view(picture: Tensor, x: float, y: float) -> Tensor:
    """[3, 64, 64] window of a picture whose corner is at (x, y) pixels, bilinear."""
    side = picture.shape[-1]
    at = torch.arange(SIDE) + 0.5
    rows, columns = torch.meshgrid(at + y, at + x, indexing="ij")
    grid = torch.stack([columns, rows], -1)[None] * 2 / side - 1
    return F.grid_sample(picture[None], grid, align_corners=False)[0]


def with_ball(picture: Tensor, x: float, y: float, radius: float = 5) -> Tensor:
    """The picture with an orange ball centred at (x, y) pixels."""
    at = torch.arange(SIDE) + 0.5
    rows, columns = torch.meshgrid(at, at, indexing="ij")
    cover = (radius + 0.5 - ((rows - y) ** 2 + (columns - x) ** 2).sqrt()).clamp(0, 1)
    return picture * (1 - cover) + torch.tensor([0.95, 0.5, 0.1])[:, None, None] * cover


def height_of_bounce(seconds: float) -> float:
    """Row of a ball that meets the floor (row 50) at 0, 0.8, 1.6, ... s."""
    phase = (seconds % BOUNCE_SECONDS) / BOUNCE_SECONDS
    return 50 - 34 * 4 * phase * (1 - phase)


def clip(
    *, ball: bool = True, shake: float = 0.0, source_rate: float = 25.0, cut_at: float | None = None,
    flash_at: float | None = None, plain: bool = False, pictures: int = 100, seed: int = 3,
) -> Tensor:  # fmt: skip
    """uint8 [pictures, 64, 64, 3] as shown at 25/s (source pictures held); times in s, shake in pixels."""
    generator = torch.Generator().manual_seed(seed + 100)
    ground = torch.full((3, 96, 96), 0.4) if plain else texture(seed)
    other = texture(seed + 1)
    count = int(pictures / 25 * source_rate + 1e-9) + 1
    offsets = torch.randn(count, 2, generator=generator) * shake + 16
    drawn = []
    for number in range(count):
        seconds = number / source_rate
        picture = other if cut_at is not None and seconds >= cut_at - 1e-9 else ground
        picture = view(picture, float(offsets[number, 0]), float(offsets[number, 1]))
        if ball:
            picture = with_ball(picture, 16 + 6 * seconds, height_of_bounce(seconds))
        if flash_at is not None and abs(seconds - flash_at) < 1e-6:
            picture = picture + 0.25
        drawn.append(picture.clamp(0, 1))
    shown = [int(k * source_rate / 25 + 1e-9) for k in range(pictures)]
    return (torch.stack(drawn)[shown] * 255).round().byte().permute(0, 2, 3, 1).contiguous()
