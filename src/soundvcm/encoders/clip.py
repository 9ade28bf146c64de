"""CLIP ViT-H/14 (378 pixels, trained on DFN-5B): pictures => semantic tokens, words => text tokens (reference
A5, A7).

Module names are open_clip's. A picture becomes one projected vector of length one; a text becomes the 77
hidden states after the last norm, each of length one. Knows files only through `weights`; nothing of video
files or networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm import weights
from soundvcm.encoders.attention import PackedAttention
from soundvcm.encoders.base import between, check_frames, distinct
from soundvcm.encoders.clip_tokens import CONTEXT, VOCABULARY, is_cut, tokenize
from soundvcm.errors import OptionError, WeightsError
from soundvcm.records import FrameSpec

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
FRAME_RATE = Fraction(8)
WEIGHTS = "clip_vith14_378"


@dataclass(frozen=True)
class ClipConfig:
    """Sizes of both towers.

    Attributes:
        width: hidden width of the picture tower.
        layers: its blocks.
        heads: its heads.
        patch: pixels of a patch.
        grid: patches on a side.
        picture: pixels on a side that pictures are scaled to; grid * patch of them (378) are seen.
        dim: width of a projected picture.
        text_width: hidden width (and output width) of the text tower.
        text_layers: its blocks.
        text_heads: its heads.
    """

    width: int = 1280
    layers: int = 32
    heads: int = 16
    patch: int = 14
    grid: int = 27
    picture: int = 384
    dim: int = 1024
    text_width: int = 1024
    text_layers: int = 24
    text_heads: int = 16

    @property
    def seen(self) -> int:
        """Pixels on a side that the patches cover."""
        return self.grid * self.patch


class _QuickGelu(nn.Module):
    """x * sigmoid(1.702 x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """Pre-norm transformer block, [b, l, d] => [b, l, d]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = PackedAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", _QuickGelu())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))

    def forward(self, x: Tensor, causal: bool = False) -> Tensor:
        """[b, l, d] => [b, l, d]."""
        x = x + self.attn(self.ln_1(x), causal=causal)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class Blocks(nn.Module):
    """A row of blocks under the name `resblocks`."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(layers))

    def forward(self, x: Tensor, causal: bool = False) -> Tensor:
        """[b, l, d] => [b, l, d]."""
        for block in self.resblocks:
            x = block(x, causal)
        return x


class PictureTower(nn.Module):
    """Pictures [f, 3, seen, seen], normalised => projected vectors [f, dim] (not yet of length one)."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        width = config.width
        self.conv1 = nn.Conv2d(3, width, config.patch, stride=config.patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(config.grid**2 + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Blocks(width, config.layers, config.heads)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, config.dim))

    def forward(self, pictures: Tensor) -> Tensor:
        """[f, 3, seen, seen] => [f, dim]."""
        patches = self.conv1(pictures).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(patches), 1, -1)
        x = self.ln_pre(torch.cat([first, patches], dim=1) + self.positional_embedding)
        out: Tensor = self.ln_post(self.transformer(x)[:, 0]) @ self.proj
        return out


class TextTower(nn.Module):
    """Token numbers [b, 77] => hidden states of all positions [b, 77, text_width] (not yet of length one)."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        width = config.text_width
        self.token_embedding = nn.Embedding(VOCABULARY, width)
        self.positional_embedding = nn.Parameter(torch.zeros(CONTEXT, width))
        self.transformer = Blocks(width, config.text_layers, config.text_heads)
        self.ln_final = nn.LayerNorm(width)

    def forward(self, numbers: Tensor) -> Tensor:
        """[b, 77] => [b, 77, text_width]."""
        x = self.token_embedding(numbers) + self.positional_embedding
        out: Tensor = self.ln_final(self.transformer(x, causal=True))
        return out


_PICTURE_PREFIX = "visual."
_UNUSED = ("text_projection", "logit_scale")  # in the file, used by neither stream


def load_towers(
    tensors: Mapping[str, Tensor], config: ClipConfig, what: str, dtype: torch.dtype = torch.float32
) -> tuple[PictureTower, TextTower]:
    """Both towers from open_clip's names, strictly; safetensors and PyTorch files have the same names.

    Raises:
        WeightsError: if a name or shape does not fit.
    """
    with torch.device("meta"):
        picture, text = PictureTower(config), TextTower(config)
    own = {name: value.to(dtype) for name, value in tensors.items() if name not in _UNUSED}
    visual = {name: value for name, value in own.items() if name.startswith(_PICTURE_PREFIX)}
    if not visual:
        raise WeightsError(f"{what} holds no picture tower (names beginning with {_PICTURE_PREFIX!r})")
    stripped = {name.removeprefix(_PICTURE_PREFIX): value for name, value in visual.items()}
    weights.fit(picture, stripped, f"{what} ({_PICTURE_PREFIX}...)")
    weights.fit(text, {name: value for name, value in own.items() if name not in visual}, what)
    return picture.eval().requires_grad_(False), text.eval().requires_grad_(False)


def nearly_distinct(frames: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """As `distinct`, but a picture also counts as the last one kept if it differs little from it.

    Args:
        frames: uint8 [f, h, w, 3].
        tolerance: largest mean absolute difference, in steps of 0 .. 255.

    Returns:
        Indices of the pictures kept, and for every picture the place of the one that stands for it.
    """
    kept, where = [0], [0]
    for index in range(1, len(frames)):
        difference = (frames[index].float() - frames[kept[-1]].float()).abs().mean()
        if difference > tolerance:
            kept.append(index)
        where.append(len(kept) - 1)
    return torch.tensor(kept, device=frames.device), torch.tensor(where, device=frames.device)


class ClipPictureEncoder:
    """Pictures at 8 a second => one token each, [f, dim], length one. Repeated pictures are encoded once.

    Args:
        tower: with its weights, on the device and in the number format wanted.
        config: its sizes.
        batch: pictures at a time.
        name: identifies encoder and weights.
        tolerance: pictures whose mean absolute difference (0 .. 255) from the last encoded one is no larger
            are not encoded again; 0, the default, spares exact repeats only and changes nothing.
        stride: one picture in so many is encoded; the tokens of the others lie between their neighbours', see
            `frames.between`. 1, the default, changes nothing.
    """

    def __init__(
        self,
        tower: PictureTower,
        config: ClipConfig,
        batch: int = 4,
        name: str = WEIGHTS,
        tolerance: float = 0.0,
        stride: int = 1,
    ) -> None:
        if not 0 <= tolerance <= 255:
            raise OptionError(f"tolerance is a difference of pictures, 0 .. 255, not {tolerance}")
        if stride < 1:
            raise OptionError(f"stride is a number of pictures, at least 1, not {stride}")
        self.tower, self.config, self.batch, self.tolerance = tower, config, batch, tolerance
        self.stride = stride
        self.dim = config.dim
        kind = "" if tower.proj.dtype == torch.float32 else f"-{str(tower.proj.dtype).removeprefix('torch.')}"
        self.name = name + kind + (f"-near{tolerance:g}" if tolerance else "")
        self.name += f"-stride{stride}" if stride > 1 else ""
        self.frame_spec = FrameSpec(FRAME_RATE, config.picture, config.picture, fit="stretch", exact=True)

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 [f, picture, picture, 3] => float32 [f, dim]."""
        check_frames(frames, self.config.picture, self.config.picture)
        if self.stride == 1:
            return self._tokens(frames)
        kept, before, after, share = between(frames, self.stride)
        tokens = self._tokens(frames[kept])
        return F.normalize(torch.lerp(tokens[before], tokens[after], share[:, None]), dim=-1)

    def _tokens(self, frames: Tensor) -> Tensor:
        first, where = nearly_distinct(frames, self.tolerance) if self.tolerance else distinct(frames)
        tokens = [self._encode(frames[index]) for index in torch.split(first, self.batch)]
        return torch.cat(tokens)[where]

    @torch.inference_mode()
    def _encode(self, frames: Tensor) -> Tensor:
        seen, proj = self.config.seen, self.tower.proj
        # The last pixels right and below lie outside the whole patches: cut before anything is computed.
        pictures = frames[:, :seen, :seen].to(proj.device).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(value, device=proj.device)[:, None, None] for value in (MEAN, STD))
        return F.normalize(self.tower(((pictures - mean) / std).to(proj.dtype)).float(), dim=-1).cpu()


class ClipTextEncoder:
    """Texts => 77 tokens each, [b, 77, text_width], length one. The empty text has its own 77 tokens."""

    tokens = CONTEXT

    def __init__(self, tower: TextTower, name: str = WEIGHTS) -> None:
        self.tower, self.name = tower, name
        self.dim = tower.positional_embedding.shape[-1]

    @torch.inference_mode()
    def encode(self, texts: list[str]) -> Tensor:
        """Texts => float32 [b, 77, dim]; a text that occurs twice is encoded once."""
        known = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        numbers = tokenize(list(known)).to(self.tower.positional_embedding.device)
        tokens = F.normalize(self.tower(numbers).float(), dim=-1).cpu()
        return tokens[[known[text] for text in texts]]

    def warnings(self, text: str) -> list[str]:
        """A sentence if the text is longer than what is read of it."""
        if not is_cut(text):
            return []
        return [f"the prompt is longer than {CONTEXT - 2} tokens: what comes after them is not read"]


def clip_encoders(
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    tolerance: float = 0.0,
    stride: int = 1,
) -> tuple[ClipPictureEncoder, ClipTextEncoder]:
    """Both encoders with the public weights; bfloat16 halves memory and, where the CPU has it, time.

    `tolerance` and `stride` as for `ClipPictureEncoder`.

    Raises:
        WeightsError: if the file is missing (what to fetch is said) or does not fit.
    """
    config = ClipConfig()
    tensors, _ = weights.load(WEIGHTS)
    picture, text = load_towers(tensors, config, WEIGHTS, dtype)
    pictures = ClipPictureEncoder(picture.to(device), config, tolerance=tolerance, stride=stride)
    return pictures, ClipTextEncoder(text.to(device))
