"""Tensor transforms of pictures shared by the encoders: checks, luma, shrinking, repeats.

Pictures arrive as uint8 [f, h, w, 3], RGB. Knows no network and no file.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.errors import InputError
from soundvcm.records import check_shape

LUMA = (0.299, 0.587, 0.114)


def check_frames(frames: Tensor, height: int | None = None, width: int | None = None) -> int:
    """Number of pictures, after checking that they are uint8 [f, h, w, 3] of the wanted size.

    Raises:
        InputError: for another dtype or no picture at all.
        ShapeError: for another shape.
    """
    known = {name: size for name, size in (("h", height), ("w", width)) if size is not None}
    sizes = check_shape("frames", frames, "f h w 3", **known)
    if frames.dtype != torch.uint8:
        raise InputError(f"frames are uint8 from 0 to 255, not {frames.dtype}")
    if sizes["f"] == 0:
        raise InputError("frames hold no picture: at least one is needed")
    return sizes["f"]


def luma(frames: Tensor) -> Tensor:
    """Brightness in 0..1 (Rec. 601 weights), uint8 [f, h, w, 3] => float32 [f, h, w]."""
    red, green, blue = frames.float().unbind(-1)
    return (red * (LUMA[0] / 255)).add_(green, alpha=LUMA[1] / 255).add_(blue, alpha=LUMA[2] / 255)


def shrink(pictures: Tensor, factor: int) -> Tensor:
    """Mean over factor x factor squares, [f, h, w] => [f, h // factor, w // factor]."""
    if (
        factor == 2 and not (pictures.shape[1] | pictures.shape[2]) % 2
    ):  # four times as fast, and the same bits
        top, bottom = pictures[:, ::2], pictures[:, 1::2]
        return (top[..., ::2] + top[..., 1::2] + bottom[..., ::2] + bottom[..., 1::2]) / 4
    return F.avg_pool2d(pictures[:, None], factor)[:, 0]


def channels_first(frames: Tensor, mean: float = 0.5, std: float = 0.5) -> Tensor:
    """uint8 [f, h, w, 3] => float32 [f, 3, h, w] in channels-last memory, (x / 255 - mean) / std."""
    pictures = frames.permute(0, 3, 1, 2).float()
    return pictures.mul_(1 / (255 * std)).sub_(mean / std)


def distinct(frames: Tensor) -> tuple[Tensor, Tensor]:
    """(indices of the pictures that differ from the one before, index into these for every picture).

    Runs of exact repeats are found by comparing neighbours; `frames[first][where]` equals `frames`.
    """
    changed = torch.ones(len(frames), dtype=torch.bool, device=frames.device)
    if len(frames) > 1:
        changed[1:] = (frames[1:] != frames[:-1]).flatten(1).any(1)
    return changed.nonzero()[:, 0], changed.long().cumsum(0) - 1
