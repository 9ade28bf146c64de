"""Which clips make the batch of a step: a pure function of (seed, step), whoever asks and in whatever order.

    (step, part of the batch) => Batch (standardised latents, conditions, ids)

So resuming needs no saved position, prefetching threads change nothing, and two processes that take half the
rows
each see what one process would. Posterior draws, captions and crops are fresh at every visit. Knows neither
objectives nor the training loop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import floor, sqrt
from typing import Annotated, Any

import pydantic
import torch
from torch import Tensor

from soundvcm.config import Config
from soundvcm.data.groups import (
    Group,
    Source,
    channel_importance,
    crop_groups,
    crop_starts,
    pooled_statistics,
    store_shares,
    take_turns,
    whole_groups,
)
from soundvcm.data.store import FeatureStore, check_same_encoders, standardise
from soundvcm.errors import OptionError, StoreError
from soundvcm.records import Conditions
from soundvcm.runtime import sent

Share = Annotated[float, pydantic.Field(ge=0, le=1)]


class MixtureConfig(Config):
    """How clips are drawn.

    Attributes:
        av_fraction: share of rows with pictures when stores without pictures are mixed in. 0.5 is the
            paper's "roughly
            equal exposure"; 0.7 is what MMAudio's oversampling by 5 amounts to.
        crop_seconds: lengths to train on, in turn (repeat one to use it more often); empty uses each clip
            whole.
        split: which split of the stores.
        emphasis: each channel is scaled to a standard deviation of importance ** emphasis, not to 1, where
            the store knows how much of the sound the channel carries. 0 is the paper's; with 0.5 a codec's
            many small components do not outweigh its few large ones.
        semantic_noise: mean length of what is added to the picture features, which are of length 1 at most
            in the encoders that are known here: a direction for the clip, and half as much again for each
            picture, drawn anew at every visit, so that no clip is known by its pictures. 0 is the paper's.
    """

    av_fraction: Share = 0.5
    crop_seconds: tuple[Annotated[float, pydantic.Field(gt=0)], ...] = ()
    split: str = "train"
    emphasis: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.0
    semantic_noise: Annotated[float, pydantic.Field(ge=0)] = 0.0


@dataclass(frozen=True)
class Batch:
    """One batch of one length.

    Attributes:
        data: [b, n, c] standardised latents, a fresh posterior draw.
        conditions: what they are conditioned on; absent modalities are flags.
        ids: clip ids, for the log.
        noise: [b, n, c] recorded noise (reflow), or None.
    """

    data: Tensor
    conditions: Conditions
    ids: list[str]
    noise: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device; its flags stay on the CPU, where the objective asks for them."""
        return self._each(lambda value: sent(value, device))

    def pinned(self) -> Batch:
        """The same batch in page-locked memory, which a GPU fetches while it computes."""
        return self._each(Tensor.pin_memory)

    def _each(self, move: Callable[[Tensor], Tensor]) -> Batch:
        streams = {name: move(getattr(self.conditions, name)) for name in ("semantic", "sync", "text")}
        noise = None if self.noise is None else move(self.noise)
        return Batch(move(self.data), replace(self.conditions, **streams), self.ids, noise)


def mixed_seed(*words: int | str) -> int:
    """A 63-bit seed from numbers and names; every draw of training comes from one of these."""
    text = "/".join(str(word) for word in words)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


class Mixture:
    """Batches from one or several stores.

    Args:
        stores: opened stores of the same encoders.
        config: shares and crops.
        rows: rows of the whole batch, all processes together.
        seed: of everything drawn.
        weights: share of each store; default: `av_fraction` over the stores with pictures, the rest over
            those
            without, each in proportion to its clips.
        latent_mean: [c] to standardise with, default that of the stores in proportion to their shares.
            Fine-tuning
            passes what the network was trained with.
        latent_std: [c], likewise.
        widths: channels of "latents", "semantic", "sync", "text" and the number of "text_tokens" that the
            network
            expects; stores that lack a role get zeros of that width, flagged absent.

    Raises:
        StoreError: if the stores do not mix or a split is empty.
        OptionError: if no clip is as long as a crop, or weights do not fit.
    """

    def __init__(
        self,
        stores: Sequence[FeatureStore],
        config: MixtureConfig,
        *,
        rows: int,
        seed: int,
        weights: Sequence[float] | None = None,
        latent_mean: Tensor | None = None,
        latent_std: Tensor | None = None,
        widths: Mapping[str, int] | None = None,
    ) -> None:
        if not stores or rows < 1:
            raise OptionError("a mixture needs at least one store and one row")
        check_same_encoders(stores)
        self.config, self.rows, self.seed = config, rows, seed
        members = [store.split(config.split) for store in stores]
        shares = store_shares(stores, members, config.av_fraction, weights)
        used = [k for k, share in enumerate(shares) if share > 0]
        self.stores, self.shares = [stores[k] for k in used], [shares[k] for k in used]
        sources = [Source(stores[k], shares[k], tuple(members[k])) for k in used]
        self.widths = _widths(stores, widths or {})
        mean, std = pooled_statistics(sources)
        self.latent_mean = mean if latent_mean is None else latent_mean.detach().float().cpu()
        self.data_std = channel_importance(self.stores) ** config.emphasis
        self.latent_std = std / self.data_std if latent_std is None else latent_std.detach().float().cpu()
        self.groups = (
            crop_groups(sources, config.crop_seconds) if config.crop_seconds else whole_groups(sources)
        )
        self.clips = sum(len(source.members) for source in sources)

    def describe(self) -> dict[str, Any]:
        """What is mixed, for checkpoints: fingerprints, clips and shares of each store, latent statistics."""
        fingerprint: dict[str, str] = {}
        for store in self.stores:
            fingerprint |= store.fingerprint
        return {
            "fingerprint": fingerprint,
            "clips": self.clips,
            "shares": [
                [store.folder.name, str(share)] for store, share in zip(self.stores, self.shares, strict=True)
            ],
            "latent_mean": self.latent_mean.tolist(),
            "latent_std": self.latent_std.tolist(),
        }

    def autocovariance(self, lags: int, clips: int = 512) -> Tensor:
        """[1, lags + 1, c] of the standardised latents, over every n-th clip of each store.

        n is the largest that leaves at least `clips` clips.
        Entry k is the mean of z_i z_(i + k); the posterior's own variance counts at lag 0 only.

        Raises:
            StoreError: if no clip is longer than `lags` latents.
        """
        total, count = torch.zeros(lags + 1, len(self.latent_std), dtype=torch.float64), 0
        for store in self.stores:
            members = store.split(self.config.split)
            for k in members[:: max(1, len(members) // clips)]:
                z = standardise(store.read(k, "mean"), self.latent_mean, self.latent_std).double()
                n = len(z)
                if n <= lags:
                    continue
                seen = torch.fft.rfft(z, n=2 * n, dim=0).abs().square()
                products = torch.fft.irfft(seen, n=2 * n, dim=0)[: lags + 1]
                total += products / (n - torch.arange(lags + 1, dtype=torch.float64))[:, None]
                total[0] += (store.read(k, "std") / self.latent_std).double().square().mean(dim=0)
                count += 1
        if not count:
            raise StoreError(f"no clip is longer than {lags} latents: set network.covariance_lags lower")
        return (total / count).float()[None]

    def order(self, step: int) -> list[tuple[FeatureStore, int]]:
        """Store and position of every row of the whole batch of a step, without reading any of them."""
        group, turn = self._group(step)
        shares = [source.share for source in group.sources]
        found = []
        for row in range(self.rows):
            which, count = take_turns(turn * self.rows + row, shares)
            source = group.sources[which]
            epoch, place = divmod(count, len(source.members))
            shuffled = _shuffled(
                mixed_seed(self.seed, "order", group.name, which, epoch), len(source.members)
            )
            found.append((source.store, source.members[shuffled[place]]))
        return found

    def ids(self, step: int) -> list[str]:
        """Clip ids of the whole batch of a step."""
        return [store.items[k].id for store, k in self.order(step)]

    def caption(self, clip: str) -> str:
        """The first caption of a clip by its id; "" if it has none."""
        for store in self.stores:
            for item in store.items:
                if item.id == clip:
                    return store.texts[item.captions[0]] if item.captions else ""
        return ""

    def batch(self, step: int, part: int = 0, parts: int = 1) -> Batch:
        """Part `part` of `parts` of the batch of a step (contiguous rows; sizes differ by at most one).

        Raises:
            OptionError: if there are more parts than rows.
        """
        if not 0 <= part < parts <= self.rows:
            raise OptionError(f"part {part} of {parts} of a batch of {self.rows} rows does not exist")
        group, _ = self._group(step)
        first, last = part * self.rows // parts, (part + 1) * self.rows // parts
        order = self.order(step)[first:last]
        rows = [
            self._row(group, store, k, mixed_seed(self.seed, "row", step, first + i))
            for i, (store, k) in enumerate(order)
        ]
        column = {name: torch.stack([row[name] for row in rows]) for name in rows[0] if name != "noise"}
        conditions = Conditions(*(column[name] for name in Conditions.__dataclass_fields__))
        recorded = [row["noise"] for row in rows if "noise" in row]
        if recorded and len(recorded) < len(rows):
            raise StoreError("a store with recorded noise (reflow) does not mix with one without")
        data = standardise(column["latents"], self.latent_mean, self.latent_std)
        ids = [store.items[k].id for store, k in order]
        return Batch(data, conditions, ids, torch.stack(recorded) if recorded else None)

    def _group(self, step: int) -> tuple[Group, int]:
        which, turn = take_turns(step, [group.share for group in self.groups])
        return self.groups[which], turn

    def _row(self, group: Group, store: FeatureStore, k: int, seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        item = store.items[k]
        start = Fraction(0)
        if self.config.crop_seconds:
            grid, starts = crop_starts(store, k, group)
            start = grid * int(torch.randint(starts, (), generator=generator))
        first = int(start * store.rates["latents"]) if start else 0
        mean = store.read(k, "mean", (first, group.latents))
        std = store.read(k, "std", (first, group.latents))
        row = {"latents": mean + std * torch.randn(mean.shape, generator=generator)}
        if "noise" in item.lengths:
            row["noise"] = store.read(k, "noise", (first, group.latents))
        for name, rows in (("semantic", group.semantic), ("sync", group.sync)):
            present = name in item.lengths
            row[f"has_{name}"] = torch.tensor(present)
            row[name] = (
                _stream(store, k, name, start, rows) if present else torch.zeros(rows, self.widths[name])
            )
        if self.config.semantic_noise and bool(row["has_semantic"]):
            row["semantic"] = _noisy(row["semantic"], self.config.semantic_noise, seed)
        row["has_text"] = torch.tensor(bool(item.captions))
        if item.captions:
            pick = int(torch.randint(len(item.captions), (), generator=generator))
            row["text"] = store.text(item.captions[pick])
        else:
            row["text"] = torch.zeros(self.widths["text_tokens"], self.widths["text"])
        return row


def _widths(stores: Sequence[FeatureStore], wanted: Mapping[str, int]) -> dict[str, int]:
    found = {"latents": 0, "semantic": 1, "sync": 1, "text": 1, "text_tokens": 1} | dict(wanted)
    for store in stores:
        for role, width in store.widths.items():
            # The number of text tokens is the store's affair: networks take any.
            if role in wanted and role != "text_tokens" and wanted[role] != width:
                raise StoreError(
                    f"{store.folder} holds {role} {width} wide, the network takes {wanted[role]}: other"
                    f" encoders made"
                    f" this store, or set network.{role.removesuffix('s')}_dim={width}"
                )
            found[role] = width
    return found


def _stream(store: FeatureStore, k: int, name: str, start: Fraction, rows: int) -> Tensor:
    length = store.items[k].lengths[name]
    first = floor(start * store.rates[name] + Fraction(1, 2)) if start else 0
    if first + rows <= length:
        return store.read(k, name, (first, rows))
    tail = (
        store.read(k, name, (first, length - first))
        if first < length
        else store.read(k, name, (length - 1, 1))
    )
    return torch.cat([tail, tail[-1:].expand(rows - len(tail), -1)])


def _noisy(features: Tensor, length: float, seed: int) -> Tensor:
    """Features [f, p] with noise of their own generator, so that no other draw of the row moves."""
    generator = torch.Generator().manual_seed(mixed_seed(seed, "pictures"))
    whole, each = (torch.randn(f, features.shape[1], generator=generator) for f in (1, len(features)))
    return features + length / sqrt(features.shape[1]) * (whole + 0.5 * each)


@lru_cache(maxsize=64)
def _shuffled(seed: int, size: int) -> list[int]:
    order: list[int] = torch.randperm(size, generator=torch.Generator().manual_seed(seed)).tolist()
    return order
