"""Synchformer's picture tower: 25 pictures a second => 8 sync tokens for each segment of 16 pictures.

Divided space-time attention (MotionFormer): each block looks along time at one place, then over the places of
one moment, then through an MLP; the class token looks at everything. Module names are those of the public
file. Segments begin every 8 pictures, so tokens overlap in time; the network was trained with that order.
Knows no video files.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm import weights
from soundvcm.encoders.attention import PackedAttention
from soundvcm.encoders.base import check_frames, distinct
from soundvcm.errors import WeightsError
from soundvcm.records import FrameSpec
from soundvcm.runtime import attention

WEIGHTS = "synchformer"
PREFIX = "vfeat_extractor."
FRAME_RATE = Fraction(25)
PICTURE = 224
SEGMENT_FRAMES, SEGMENT_HOP, SEGMENT_TOKENS = 16, 8, 8
WIDTH, HEADS, LAYERS = 768, 12, 12
SIDE = 14
PLACES = SIDE * SIDE
EPSILON = 1e-6


class DividedAttention(nn.Module):
    """Attention inside groups of tokens, each group joined by the class token's key and value.

    The class token itself attends to all tokens.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, along_time: bool) -> Tensor:
        """Tokens [b, 1 + moments * places, d], class token first, then time-major => the same shape."""
        batch, _, width = x.shape
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1)
        )  # [b, heads, 1 + moments * places, d / heads]
        first = attention(query[:, :, :1], key, value)
        grouped = [self._group(part[:, :, 1:], along_time) for part in (query, key, value)]
        joined = [
            torch.cat([whole[:, :, None, :1].expand(-1, -1, part.shape[2], -1, -1), part], dim=3)
            for whole, part in ((key, grouped[1]), (value, grouped[2]))
        ]
        rest = attention(grouped[0], joined[0], joined[1])
        if along_time:
            rest = rest.transpose(2, 3)
        mixed = torch.cat([first, rest.flatten(2, 3)], dim=2)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, -1, width))
        return out

    @staticmethod
    def _group(x: Tensor, along_time: bool) -> Tensor:
        """[b, h, moments * places, e] => [b, h, places, moments, e], or the axes the other way round."""
        x = x.reshape(*x.shape[:2], -1, PLACES, x.shape[-1])
        return x.transpose(2, 3) if along_time else x


class Block(nn.Module):
    """Time attention, space attention, MLP, each with its norm and residual; [b, l, d] => [b, l, d]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attn = DividedAttention(width, heads)
        self.timeattn = DividedAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = nn.Sequential()
        self.mlp.add_module("fc1", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", nn.GELU())
        self.mlp.add_module("fc2", nn.Linear(4 * width, width))
        self.norm3 = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """[b, l, d] => [b, l, d]."""
        x = x + self.timeattn(self.norm3(x), along_time=True)
        x = x + self.attn(self.norm1(x), along_time=False)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class Pool(nn.Module):
    """One pre-norm transformer layer whose own class token sums a group up; [b, l, d] => [b, d]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.self_attn = PackedAttention(width, heads)
        self.linear1 = nn.Linear(width, 4 * width)
        self.linear2 = nn.Linear(4 * width, width)
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """[b, l, d] => [b, d]; only the class token's row is computed."""
        first = self.cls_token.expand(len(x), -1, -1)
        normed = self.norm1(torch.cat([first, x], dim=1))
        first = first + self.self_attn(normed, first_only=True)
        first = first + self.linear2(F.gelu(self.linear1(self.norm2(first))))
        out: Tensor = first[:, 0]
        return out


class _Patches(nn.Module):
    """A convolution under the name `proj`."""

    def __init__(self, projection: nn.Module) -> None:
        super().__init__()
        self.proj = projection

    def forward(self, x: Tensor) -> Tensor:
        """Any input of the projection."""
        return self.proj(x)  # type: ignore[no-any-return]


class SyncTower(nn.Module):
    """Segments [b, 16, 3, 224, 224], from -1 to 1 => tokens [b, 8, 768].

    Args:
        width: hidden width; the public file has 768.
        heads: attention heads.
        layers: blocks.
    """

    def __init__(self, width: int = WIDTH, heads: int = HEADS, layers: int = LAYERS) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + PLACES, width))
        self.temp_embed = nn.Parameter(torch.zeros(1, SEGMENT_TOKENS, width))
        patch = PICTURE // SIDE
        # In the public file, used by nothing: the two-dimensional stem it was pretrained with.
        self.patch_embed = _Patches(nn.Conv2d(3, width, patch, stride=patch))
        self.patch_embed_3d = _Patches(nn.Conv3d(3, width, (2, patch, patch), stride=(2, patch, patch)))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.spatial_attn_agg = Pool(width, heads)

    def forward(self, segments: Tensor) -> Tensor:
        """[b, 16, 3, 224, 224] => [b, 8, 768]."""
        batch = len(segments)
        patches = self.patch_embed_3d(segments.transpose(1, 2)).flatten(2).transpose(1, 2)
        place = self.pos_embed[:, None, 1:] + self.temp_embed[:, :, None]  # [1, moments, places, d]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(batch, -1, -1)
        x = torch.cat([first, patches + place.flatten(1, 2)], dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x[:, 1:])
        moments = x.unflatten(1, (SEGMENT_TOKENS, PLACES)).flatten(0, 1)
        out: Tensor = self.spatial_attn_agg(moments).unflatten(0, (batch, SEGMENT_TOKENS))
        return out


def load_sync_tower(
    tensors: Mapping[str, Tensor], what: str, dtype: torch.dtype = torch.float32
) -> SyncTower:
    """The picture tower out of the public audio-visual file, strictly; the rest of the file is ignored.

    Raises:
        WeightsError: if the file holds no picture tower or a name or shape does not fit.
    """
    own = {
        name.removeprefix(PREFIX): value.to(dtype)
        for name, value in tensors.items()
        if name.startswith(PREFIX)
    }
    if not own:
        raise WeightsError(f"{what} holds no picture tower (names beginning with {PREFIX!r})")
    return weights.built(SyncTower, own, what)


class SynchformerEncoder:
    """Pictures at 25 a second => [8 * segments, 768]. Equal segments (a still shot) are encoded once.

    Args:
        tower: with its weights, on the device and in the number format wanted.
        batch: segments at a time.
        name: identifies encoder and weights.
        halved: segments overlap by half, and every block looks along a whole segment, so that no part of one
            can stand for a part of the next exactly. Halved, every second segment (but the last) is made of
            the later half of the one before and the earlier half of the one after.
    """

    def __init__(
        self, tower: SyncTower, batch: int = 2, name: str = WEIGHTS, *, halved: bool = False
    ) -> None:
        self.tower, self.batch, self.halved = tower, batch, halved
        self.dim = tower.cls_token.shape[-1]
        dtype = tower.cls_token.dtype
        self.name = name if dtype == torch.float32 else f"{name}-{str(dtype).removeprefix('torch.')}"
        self.name += "-halved" if halved else ""
        self.frame_spec = FrameSpec(FRAME_RATE, PICTURE, PICTURE, fit="cover", exact=True)

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 [f, 224, 224, 3] => float32 [8 * segments, 768], segments = max(1, (f - 16) // 8 + 1).

        A clip shorter than one segment has its last picture repeated; what does not fill a segment is left
        out.
        """
        count = check_frames(frames, PICTURE, PICTURE)
        if count < SEGMENT_FRAMES:
            last = frames[-1:].expand(SEGMENT_FRAMES - count, -1, -1, -1)
            frames = torch.cat([frames, last])
        _, runs = distinct(frames)
        windows = runs.unfold(0, SEGMENT_FRAMES, SEGMENT_HOP)  # [segments, 16]: equal rows are equal pictures
        segments = frames.unfold(0, SEGMENT_FRAMES, SEGMENT_HOP)  # [segments, h, w, 3, 16], a view
        if not self.halved or len(windows) < 3:
            return self._tokens(windows, segments).flatten(0, 1)
        made = [k for k in range(len(windows)) if k % 2 == 0 or k == len(windows) - 1]
        tokens = torch.empty(len(windows), SEGMENT_TOKENS, self.dim)
        tokens[made] = self._tokens(windows[made], segments[made])
        half = SEGMENT_TOKENS // 2
        for k in range(1, len(windows) - 1, 2):
            tokens[k] = torch.cat([tokens[k - 1, half:], tokens[k + 1, :half]])
        return tokens.flatten(0, 1)

    def _tokens(self, windows: Tensor, segments: Tensor) -> Tensor:
        """[segments, 8, 768]; equal rows of `windows` [segments, 16] are equal segments."""
        unique, where = torch.unique(windows, dim=0, return_inverse=True)
        sources = [int((where == row).nonzero()[0]) for row in range(len(unique))]
        tokens = [
            self._encode(segments[torch.tensor(sources[start : start + self.batch])])
            for start in range(0, len(sources), self.batch)
        ]
        return torch.cat(tokens)[where]

    @torch.inference_mode()
    def _encode(self, segments: Tensor) -> Tensor:
        place = self.tower.cls_token
        pictures = segments.to(place.device).permute(0, 4, 3, 1, 2).float().div(127.5).sub(1)
        out: Tensor = self.tower(pictures.to(place.dtype)).float().cpu()
        return out


def synchformer_encoder(
    device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, *, halved: bool = False
) -> SynchformerEncoder:
    """The encoder with the public weights; `halved` as for `SynchformerEncoder`.

    Raises:
        WeightsError: if the file is missing (what to fetch is said) or does not fit.
    """
    tensors, _ = weights.load(WEIGHTS)
    return SynchformerEncoder(load_sync_tower(tensors, WEIGHTS, dtype).to(device), halved=halved)
