"""Synchformer's audio tower and offset head: how far sound and picture are apart, in 21 classes from -2 to 2
s.

Used for the DeSync score, not for making sound. Names are those of the public file, which holds this and the
picture tower. Knows no sound files: it takes spectrograms that are already log-scaled and standardised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm import weights
from soundvcm.encoders.synchformer import WIDTH, Pool, SyncTower

MEL_BINS, SPECTRUM_FRAMES = 128, 66  # one segment of 0.64 s
PATCH, STRIDE = 16, 10
MEL_PLACES = (MEL_BINS - PATCH) // STRIDE + 1
AUDIO_TOKENS = (SPECTRUM_FRAMES - PATCH) // STRIDE + 1
SEGMENTS, VISUAL_TOKENS = 14, 8
CLASSES = 21
AUDIO_LAYERS, AUDIO_HEADS, AUDIO_EPSILON = 12, 12, 1e-12
HEAD_LAYERS, HEAD_HEADS = 3, 8


def _attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Softmax attention over [b, l, d]."""
    query, key, value = (x.reshape(*x.shape[:2], heads, -1).transpose(1, 2) for x in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


def _tree(**children: nn.Module) -> Any:
    """A module that only gives names to its children."""
    tree = nn.Module()
    for name, child in children.items():
        tree.add_module(name, child)
    return tree


class _AudioLayer(nn.Module):
    """Pre-norm transformer layer of the audio tower, [b, l, d] => [b, l, d]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = _tree(
            query=nn.Linear(width, width), key=nn.Linear(width, width), value=nn.Linear(width, width)
        )
        self.attention: Any = _tree(attention=inner, output=_tree(dense=nn.Linear(width, width)))
        self.intermediate: Any = _tree(dense=nn.Linear(width, 4 * width))
        self.output: Any = _tree(dense=nn.Linear(4 * width, width))
        self.layernorm_before = nn.LayerNorm(width, eps=AUDIO_EPSILON)
        self.layernorm_after = nn.LayerNorm(width, eps=AUDIO_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """[b, l, d] => [b, l, d]."""
        inner, normed = self.attention.attention, self.layernorm_before(x)
        mixed = _attend(inner.query(normed), inner.key(normed), inner.value(normed), AUDIO_HEADS)
        x = x + self.attention.output.dense(mixed)
        out: Tensor = x + self.output.dense(F.gelu(self.intermediate.dense(self.layernorm_after(x))))
        return out


class _AudioTower(nn.Module):
    """Spectrograms [b, 1, 128, 66] of one segment each => audio tokens [b, 6, 768]."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        embeddings = _tree(
            patch_embeddings=_tree(projection=nn.Conv2d(1, width, PATCH, stride=STRIDE)),
        )
        tokens = 2 + MEL_PLACES * AUDIO_TOKENS
        for name, length in (("cls_token", 1), ("distillation_token", 1), ("position_embeddings", tokens)):
            embeddings.register_parameter(name, nn.Parameter(torch.zeros(1, length, width)))
        layers = nn.ModuleList(_AudioLayer(width) for _ in range(AUDIO_LAYERS))
        norm = nn.LayerNorm(width, eps=AUDIO_EPSILON)
        self.ast: Any = _tree(embeddings=embeddings, encoder=_tree(layer=layers), layernorm=norm)
        self.freq_attn_agg = Pool(width, AUDIO_HEADS)

    def forward(self, spectra: Tensor) -> Tensor:
        """[b, 1, 128, 66] => [b, 6, 768]."""
        given = self.ast.embeddings
        patches = given.patch_embeddings.projection(spectra).flatten(2).transpose(1, 2)  # mel-major
        first = (token.expand(len(spectra), -1, -1) for token in (given.cls_token, given.distillation_token))
        x = torch.cat([*first, patches], dim=1) + given.position_embeddings
        for layer in self.ast.encoder.layer:
            x = layer(x)
        x = self.ast.layernorm(x)[:, 2:].unflatten(1, (MEL_PLACES, AUDIO_TOKENS))
        slots = x.transpose(1, 2).flatten(0, 1)  # [b * 6, 12, d]
        out: Tensor = self.freq_attn_agg(slots).unflatten(0, (len(spectra), AUDIO_TOKENS))
        return out


class _HeadBlock(nn.Module):
    """Pre-norm block of the offset head; every token sees every token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn: Any = _tree(
            **{name: nn.Linear(width, width) for name in ("key", "query", "value", "proj")}
        )
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """[b, l, d] => [b, l, d]."""
        normed, attn = self.ln1(x), self.attn
        mixed = _attend(attn.query(normed), attn.key(normed), attn.value(normed), HEAD_HEADS)
        x = x + attn.proj(mixed)
        out: Tensor = x + self.mlp(self.ln2(x))
        return out


class _OffsetHead(nn.Module):
    """Projected visual tokens [b, 112, d] and audio tokens [b, 84, d] => logits of the offsets [b, 21]."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        length = 2 + SEGMENTS * (VISUAL_TOKENS + AUDIO_TOKENS)
        self.OFF_tok = nn.Parameter(torch.zeros(1, 1, width))
        self.MOD_tok = nn.Parameter(torch.zeros(1, 1, width))
        self.vis_in_lnorm, self.aud_in_lnorm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.pos_emb_cfg: Any = nn.Module()
        self.pos_emb_cfg.register_parameter("pos_emb", nn.Parameter(torch.zeros(1, length, width)))
        self.blocks = nn.ModuleList(_HeadBlock(width) for _ in range(HEAD_LAYERS))
        self.ln_f = nn.LayerNorm(width)
        self.off_head = nn.Linear(width, CLASSES)

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """[b, 112, d] and [b, 84, d] => [b, 21]."""
        off, between = (token.expand(len(visual), -1, -1) for token in (self.OFF_tok, self.MOD_tok))
        x = torch.cat([off, self.vis_in_lnorm(visual), between, self.aud_in_lnorm(audio)], dim=1)
        x = x + self.pos_emb_cfg.pos_emb
        for block in self.blocks:
            x = block(x)
        return self.off_head(self.ln_f(x)[:, 0])  # type: ignore[no-any-return]


class Synchformer(nn.Module):
    """The whole public file: both towers, projections and offset head."""

    def __init__(self) -> None:
        super().__init__()
        self.vfeat_extractor = SyncTower()
        self.afeat_extractor = _AudioTower()
        self.vproj = nn.Linear(WIDTH, WIDTH)
        self.aproj = nn.Linear(WIDTH, WIDTH)
        self.transformer = _OffsetHead()

    def offset_logits(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Tokens of 14 segments, visual [b, 14, 8, 768] and audio [b, 14, 6, 768] => logits [b, 21]."""
        return self.transformer(self.vproj(visual).flatten(1, 2), self.aproj(audio).flatten(1, 2))  # type: ignore[no-any-return]


def load_synchformer(tensors: Mapping[str, Tensor], what: str) -> Synchformer:
    """The whole network from the public file, strictly.

    Raises:
        WeightsError: if a name or shape does not fit.
    """
    return weights.built(Synchformer, tensors, what)
