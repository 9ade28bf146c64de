"""How the clips of several stores are grouped by length, and how much of the training each group and store
gets.

Rational shares throughout, so that the order of clips is exact on every machine. Knows the index of a store,
never
its tensors; used by `mixture` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, gcd, lcm

import torch
from torch import Tensor

from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError


@dataclass(frozen=True)
class Source:
    """The clips of one store that can be drawn, and their share of all rows."""

    store: FeatureStore
    share: Fraction
    members: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """Clips that can share a batch: one length, and the sources that have such clips."""

    name: str
    share: Fraction
    latents: int
    semantic: int
    sync: int
    sources: tuple[Source, ...]


def take_turns(turn: int, shares: Sequence[Fraction]) -> tuple[int, int]:
    """Who has turn number `turn` when turns are dealt out evenly by share: (who, how many turns he had
    before).

    Every prefix of n turns holds each one's share of n to within the number of sharers.
    """
    total = sum(shares)
    for who, share in enumerate(shares[:-1]):
        if share > 0:
            part = share / total
            before = turn * part.numerator // part.denominator
            after = (turn + 1) * part.numerator // part.denominator
            if after > before:
                return who, before
            turn -= before
        total -= share
    return len(shares) - 1, turn


def store_shares(
    stores: Sequence[FeatureStore],
    members: Sequence[Sequence[int]],
    av_fraction: float,
    weights: Sequence[float] | None,
) -> list[Fraction]:
    """Share of each store: `weights`, or `av_fraction` over those with pictures, in proportion to their
    clips.

    Raises:
        OptionError: if weights do not fit the stores.
    """
    exact = Fraction(str(av_fraction))
    if weights is not None:
        if len(weights) != len(stores) or min(weights) < 0 or sum(weights) <= 0:
            raise OptionError(
                f"weights {list(weights)} do not fit {len(stores)} stores: give one number >= 0 for each"
            )
        return [Fraction(str(weight)) for weight in weights]
    video = [_has_video(store) for store in stores]
    if all(video) or not any(video):
        exact = Fraction(1) if all(video) else Fraction(0)
    clips = {
        kind: sum(len(m) for m, v in zip(members, video, strict=True) if v is kind) for kind in (True, False)
    }
    part = {True: exact, False: 1 - exact}
    return [part[v] * Fraction(len(m), clips[v]) for m, v in zip(members, video, strict=True)]


def pooled_statistics(sources: Sequence[Source]) -> tuple[Tensor, Tensor]:
    """Mean and std [c] of the latents that a mixture of stores shows to the network."""
    total = sum(source.share for source in sources)
    parts = [(float(source.share / total), source.store) for source in sources]
    mean = sum(
        (share * store.latent_mean.double() for share, store in parts), torch.zeros((), dtype=torch.float64)
    )
    second = sum(
        (
            share * (store.latent_std.double() ** 2 + store.latent_mean.double() ** 2)
            for share, store in parts
        ),
        torch.zeros((), dtype=torch.float64),
    )
    return mean.float(), (second - mean**2).sqrt().float()


def channel_importance(stores: Sequence[FeatureStore]) -> Tensor:
    """[c] standard deviation that each latent channel adds to the sound, largest 1; stores share a codec."""
    known = [store.importance for store in stores if store.importance is not None]
    return known[0] if known else torch.ones(stores[0].widths["latents"])


def whole_groups(sources: Sequence[Source]) -> list[Group]:
    """One group per number of latents; streams are cut to the shortest of the group (one token at most)."""
    by_length: dict[int, list[Source]] = {}
    for source in sources:
        found: dict[int, list[int]] = {}
        for k in source.members:
            found.setdefault(source.store.items[k].lengths["mean"], []).append(k)
        for length, members in found.items():
            share = source.share * Fraction(len(members), len(source.members))
            by_length.setdefault(length, []).append(Source(source.store, share, tuple(members)))
    groups = []
    for length, parts in sorted(by_length.items()):
        items = [part.store.items[k] for part in parts for k in part.members]
        tokens = {
            name: min((i.lengths[name] for i in items if name in i.lengths), default=1)
            for name in ("semantic", "sync")
        }
        share = sum((part.share for part in parts), Fraction(0))
        groups.append(Group(str(length), share, length, tokens["semantic"], tokens["sync"], tuple(parts)))
    return groups


def crop_groups(sources: Sequence[Source], crops: Sequence[float]) -> list[Group]:
    """One group per crop length (s), of all clips that are long enough.

    Raises:
        OptionError: if a store cannot be cropped or no clip is long enough.
    """
    rates: dict[str, Fraction] = {}
    for source in sources:
        missing = {"latents", "semantic", "sync"} & (set(source.store.widths) - set(source.store.rates))
        if missing or any("noise" in source.store.items[k].lengths for k in source.members):
            what = (
                f"{', '.join(sorted(missing))} tokens overlap in time"
                if missing
                else "it holds recorded noise"
            )
            raise OptionError(f"{source.store.folder} cannot be cropped ({what}): leave crop_seconds empty")
        rates |= source.store.rates
    groups = []
    for crop in sorted(set(crops)):
        exact = Fraction(str(crop))
        count = {name: max(1, ceil(exact * rate)) for name, rate in rates.items()}
        count["sync"] = max(1, floor(exact * rates["sync"])) if "sync" in rates else 1
        parts = []
        for source in sources:
            members = tuple(
                k for k in source.members if source.store.items[k].lengths["mean"] >= count["latents"]
            )
            if members:
                share = source.share * Fraction(len(members), len(source.members))
                parts.append(Source(source.store, share, members))
        if not parts:
            raise OptionError(f"no clip is as long as crop_seconds = {crop:g}: choose a shorter crop")
        share = Fraction(list(crops).count(crop))
        groups.append(
            Group(str(crop), share, count["latents"], count.get("semantic", 1), count["sync"], tuple(parts))
        )
    return groups


def crop_starts(store: FeatureStore, k: int, group: Group) -> tuple[Fraction, int]:
    """Grid (s) on which latents and sync tokens both start on whole indices, and how many starts leave
    room.
    """
    lengths = store.items[k].lengths
    periods = [1 / store.rates["latents"]] + ([1 / store.rates["sync"]] if "sync" in lengths else [])
    grid = Fraction(lcm(*(p.numerator for p in periods)), gcd(*(p.denominator for p in periods)))
    room = Fraction(lengths["mean"] - group.latents) / store.rates["latents"]
    if "sync" in lengths:
        room = min(room, Fraction(lengths["sync"] - group.sync) / store.rates["sync"])
    return grid, max(1, floor(room / grid) + 1)


def _has_video(store: FeatureStore) -> bool:
    return "semantic" in store.widths or "sync" in store.widths
