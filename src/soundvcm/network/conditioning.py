"""Conditions -> what every network call needs of them, computed once per clip.

Fills in what is absent, projects the three streams, pools the global vector and brings sync to the latents.
Owns what "absent" looks like; knows nothing of noisy latents or times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soundvcm.errors import InputError, ShapeError
from soundvcm.network.blocks import GatedMLP, InputProjection, TimeConv
from soundvcm.network.config import NetworkConfig
from soundvcm.network.embeddings import Rotation, nearest_index, resample_linear, rotation
from soundvcm.records import Conditions, check_shape
from soundvcm.runtime import sent


@dataclass(frozen=True)
class Encoded:
    """Conditions of a batch after everything that depends neither on the noisy latents nor on the time.

    Attributes:
        latents: length n this was made for.
        semantic: [b f d] projected pictures.
        text: [b l d] projected text.
        pooled: [b d] global vector.
        sync: [b m d] sync of each token (m = ceil(n / patch)); None if sync does not modulate.
        sync_input: [b m d] what sync adds to the input; None without `sync_to_input`.
        by_latent: rotation of the m tokens.
        by_semantic: rotation of the f pictures.
    """

    latents: int
    semantic: Tensor
    text: Tensor
    pooled: Tensor
    sync: Tensor | None
    sync_input: Tensor | None
    by_latent: Rotation
    by_semantic: Rotation

    @property
    def batch(self) -> int:
        """Number of rows."""
        return int(self.pooled.shape[0])

    def rows(self, index: Tensor) -> Encoded:
        """The rows that `index` (int or bool tensor) picks."""
        return self._with(lambda name: getattr(self, name)[index])

    @staticmethod
    def cat(parts: Sequence[Encoded]) -> Encoded:
        """One batch after another.

        Raises:
            InputError: for no parts at all.
            ShapeError: if the parts were made for different lengths.
        """
        if not parts:
            raise InputError("nothing to concatenate: give at least one batch of encoded conditions")
        for name in ("semantic", "text"):
            if len({(part.latents, getattr(part, name).shape[1]) for part in parts}) > 1:
                raise ShapeError(f"batches encoded for different lengths ({name}) cannot be joined")
        return parts[0]._with(lambda name: torch.cat([getattr(part, name) for part in parts]))

    def _with(self, make: Callable[[str], Tensor]) -> Encoded:
        values: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            values[field.name] = make(field.name) if isinstance(value, Tensor) else value
        return Encoded(**values)


class _SyncInput(nn.Module):
    """Sync -> a part of the latents' input, accurate to the latent: two convolutions, resampling, projection.

    Added before the activation of the latents' first layer, which equals giving each latent
    `sync_channels` extra channels before patching.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.patch = config.patch
        self.ratio = config.sync_ratio
        self.conv1 = TimeConv(config.sync_dim, config.sync_channels, config.sync_kernel)
        self.conv2 = TimeConv(config.sync_channels, config.sync_channels, config.sync_kernel)
        self.out = nn.Linear(config.sync_channels * config.patch, config.hidden)

    def forward(self, sync: Tensor, latents: int) -> Tensor:
        """[b g q] -> [b m d], m = ceil(latents / patch)."""
        x = resample_linear(F.silu(self.conv2(F.silu(self.conv1(sync)))), latents, self.ratio)
        out: Tensor = self.out(patched(x, self.patch))
        return out


def patched(x: Tensor, patch: int) -> Tensor:
    """[b n c] -> [b m patch * c], m = ceil(n / patch), zeros behind the end."""
    if patch == 1:
        return x
    batch, length, channels = x.shape
    x = F.pad(x, (0, 0, 0, -length % patch))
    return x.reshape(batch, -1, patch * channels)


class ConditionEncoder(nn.Module):
    """The part of the network that sees conditions only (MMAudio's condition pre-processing)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        dim, inner = config.hidden, config.mlp_hidden
        v2 = config.version == "v2"
        dense = "silu" if v2 else "none"
        self.empty_semantic = nn.Parameter(torch.zeros(1, config.semantic_dim))
        self.empty_sync = nn.Parameter(torch.zeros(1, config.sync_dim))
        empty_text = torch.zeros(config.text_tokens, config.text_dim)
        if config.learned_empty_text:
            self.empty_text = nn.Parameter(empty_text)
        else:
            self.register_buffer("empty_text", empty_text)
        self.sync_position = (
            nn.Parameter(torch.zeros(1, 1, config.segment_tokens, config.sync_dim))
            if config.segment_tokens
            else None
        )
        kernel = config.ffn_kernel
        self.semantic_in = InputProjection(
            config.semantic_dim, dim, inner, first_kernel=None, mlp_kernel=kernel, activation=dense
        )
        self.text_in = InputProjection(
            config.text_dim, dim, inner, first_kernel=None, mlp_kernel=None, activation=dense
        )
        self.sync_in = (
            InputProjection(
                config.sync_dim,
                dim,
                inner,
                first_kernel=config.in_kernel,
                mlp_kernel=kernel,
                activation="silu" if v2 else "selu",
            )
            if config.sync_to_modulation
            else None
        )
        self.sync_fine = _SyncInput(config) if config.sync_to_input else None
        self.semantic_pool = nn.Linear(dim, dim)
        self.text_pool = nn.Linear(dim, dim)
        self.global_mlp = GatedMLP(dim, inner)

    def forward(self, conditions: Conditions, latents: int) -> Encoded:
        """Encode for clips of `latents` latents.

        Raises:
            ShapeError: if a width, the number of text tokens or of sync tokens does not fit the network.
        """
        config = self.config
        semantic, sync, text = self._filled(conditions)
        scale, sync = config.condition_scale, config.sync_scale * sync
        semantic, text = self.semantic_in(scale * semantic), self.text_in(scale * text)
        pooled = self.semantic_pool(semantic.mean(dim=1)) + self.text_pool(text.mean(dim=1))
        tokens = -(-latents // config.patch)
        width = config.hidden // config.heads
        stretch = latents / config.patch / semantic.shape[1]
        place = {"device": semantic.device, "dtype": self.empty_sync.dtype}
        return Encoded(
            latents=latents,
            semantic=semantic,
            text=text,
            pooled=self.global_mlp(pooled),
            sync=None if self.sync_in is None else self._modulating(self.sync_in(sync), latents),
            sync_input=None if self.sync_fine is None else self.sync_fine(sync, latents),
            by_latent=rotation(tokens, width, **place),
            by_semantic=rotation(semantic.shape[1], width, stretch, **place),
        )

    def _filled(self, given: Conditions) -> tuple[Tensor, Tensor, Tensor]:
        """The three streams with what is absent filled in, before any projection, as MMAudio does."""
        config, dtype = self.config, self.empty_sync.dtype
        sizes = check_shape("semantic", given.semantic, "b f p", p=config.semantic_dim)
        sizes = check_shape("sync", given.sync, "b g q", q=config.sync_dim, b=sizes["b"])
        length = check_shape("text", given.text, "b l r", r=config.text_dim, b=sizes["b"])["l"]
        if length != config.text_tokens and config.text_tokens != 1:
            raise ShapeError(f"text has {length} tokens, this network was made for {config.text_tokens}")

        def fill(flag: Tensor, value: Tensor, empty: Tensor) -> Tensor:
            return torch.where(flag[:, None, None], value.to(dtype), empty[None])

        sync = fill(given.has_sync, given.sync, self.empty_sync)
        if self.sync_position is not None:
            segment = config.segment_tokens
            if sizes["g"] % segment:
                raise ShapeError(f"sync has {sizes['g']} tokens, not whole segments of {segment}")
            sync = (sync.view(sync.shape[0], -1, segment, config.sync_dim) + self.sync_position).flatten(1, 2)
        return (
            fill(given.has_semantic, given.semantic, self.empty_semantic),
            sync,
            fill(given.has_text, given.text, self.empty_text),
        )

    def _modulating(self, sync: Tensor, latents: int) -> Tensor:
        """Projected sync [b g d] at each token: nearest to each latent, mean over a token's latents."""
        patch = self.config.patch
        index = nearest_index(sync.shape[1], latents, self.config.sync_ratio)
        if latents % patch:
            index = torch.cat([index, index[-1:].expand(patch - latents % patch)])
        sync = sync[:, sent(index, sync.device)]
        return sync if patch == 1 else sync.view(sync.shape[0], -1, patch, sync.shape[2]).mean(dim=2)
