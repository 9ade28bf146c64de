"""What an encoder is (pictures or words => a row of tokens), and transforms of pictures that several share.

Encoders own the tensor transform their pictures need; decoding at the wanted rate and size is media's work.
Pictures are uint8 [f, h, w, 3], RGB. Knows no network, no file and no weights.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.errors import InputError
from soundvcm.records import FrameSpec, check_shape

LUMA = (0.299, 0.587, 0.114)


@runtime_checkable
class VideoEncoder(Protocol):
    """Pictures => tokens.

    Attributes:
        name: identifies encoder and weights, for feature stores and reports.
        dim: width of a token.
        frame_spec: the rate and size at which pictures must be decoded.

    An encoder that gives one token for several pictures also says `pictures_per_token`; without it, one each.
    """

    name: str
    dim: int
    frame_spec: FrameSpec

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 [f, h, w, 3] => tokens float32 [tokens, dim]; the same frames give the same tokens."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Texts => tokens.

    Attributes:
        name: identifies encoder and weights.
        dim: width of a token.
        tokens: tokens a text becomes (l); longer texts are cut.
    """

    name: str
    dim: int
    tokens: int

    def encode(self, texts: list[str]) -> Tensor:
        """Texts => float32 [b, l, dim]; a blank text is "no text" (case 26), see each encoder."""
        ...

    def warnings(self, text: str) -> list[str]:
        """What the user should know about how this text was read, in plain sentences; often nothing."""
        ...


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


def between(frames: Tensor, stride: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Which pictures to encode if one in `stride` is, and how each of the others lies between two of them.

    A picture is placed by its likeness to both: one that equals the picture before it is that one, also where
    the next is another shot; a steady movement is divided evenly.

    Args:
        frames: uint8 [f, h, w, 3].
        stride: 1 encodes all.

    Returns:
        Indices of the pictures to encode, the last one among them; for every picture the places (in those) of
        the one before and the one after; and the share [f] of the one after.
    """
    count = len(frames)
    kept = torch.tensor(sorted({*range(0, count, stride), count - 1}))
    at = torch.arange(count)
    after = torch.searchsorted(kept, at)
    before = torch.where(kept[after] == at, after, after - 1)
    far, near = (_differences(frames, kept[places]) for places in (before, after))
    return kept, before, after, far / (far + near).clamp_min(1e-9)


def _differences(frames: Tensor, others: Tensor) -> Tensor:
    """[f] mean absolute difference of each picture from another one."""
    pairs = zip(frames, others.tolist(), strict=True)
    return torch.stack([(one.float() - frames[other].float()).abs().mean().cpu() for one, other in pairs])
