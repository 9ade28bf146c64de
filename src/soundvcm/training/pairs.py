"""Recorded pairs for reflow: for every clip of a store a noise and the sound that a teacher makes of it.

    record_pairs(network, store, folder) => a store whose clips hold noise

Trained with objective.kind=reflow, then distill, each from the weights of the one before, that is Frieren:
teacher by flow matching, guidance 4.5, 25 Euler steps. Knows networks, samplers and stores; no loop.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydantic
import torch
from torch import Tensor

from soundvcm.config import Config
from soundvcm.data.mixture import mixed_seed
from soundvcm.data.shards import Clip, StoreWriter, write_json
from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError, StoreError
from soundvcm.network import VelocityNetwork
from soundvcm.records import Conditions
from soundvcm.sampler import guided, integrate, uniform_times

SHARD = 256
RECORD = "pairs.json"  # how the pairs of a folder are made


class PairsConfig(Config):
    """How pairs are recorded.

    Attributes:
        guidance: scale of guidance from outside, two passes a step; 1 is none.
        steps: Euler steps of the teacher.
        seed: of the noise; with the clip's id it decides the noise, whatever the order.
    """

    guidance: float = pydantic.Field(default=4.5, ge=1, le=100)
    steps: int = pydantic.Field(default=25, ge=1, le=1000)
    seed: int = pydantic.Field(default=0, ge=0)


@torch.inference_mode()
def record_pairs(
    network: VelocityNetwork,
    store: FeatureStore,
    folder: Path,
    *,
    guidance: float = 4.5,
    steps: int = 25,
    seed: int = 0,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> FeatureStore:
    """Make the store of pairs; finished shards are kept, so that a stopped call goes on.

    Args:
        network: the teacher, trained by flow matching, in evaluation mode, on its device.
        store: whose clips (conditions, captions, splits) are used; their own sound is not.
        folder: of the new store.
        guidance: scale of guidance from outside, two passes a step; 1 is none.
        steps: Euler steps.
        seed: of the noise; with the clip's id it decides the noise, whatever the order.
        report: called with clips done and clips in all.

    Returns:
        The new store. Its latents are exact (no spread), its noise is what they were made from.

    Raises:
        StoreError: if the folder was begun with other encoders, another teacher, other clips or other
            settings, or a clip has no latents to be as long as.
        OptionError: if the teacher has guidance as an input: that is no velocity to be guided from outside.
    """
    if network.config.guidance_input != "none":
        raise OptionError(
            "this teacher is told its guidance: pairs want one trained by flow matching without"
        )
    told = None if store.importance is None else store.importance.tolist()  # of the same codec
    # no rates: pairs belong to whole clips
    writer = StoreWriter(folder, fingerprint=store.fingerprint, rates={}, importance=told)
    facts = {"guidance": float(guidance), "steps": steps, "seed": seed}
    _same_as_begun(folder / RECORD, facts | {"teacher": _digest(network), "clips": _ids(store)})
    done, times = writer.finished(), uniform_times(steps)
    for number, first in enumerate(range(0, len(store), SHARD)):
        places = range(first, min(first + SHARD, len(store)))
        if number not in done:
            writer.write(number, list(_pairs(network, store, places, guidance, times, seed)))
        report(places[-1] + 1, len(store))
    texts = {text: store.text(k) for k, text in enumerate(store.texts)}

    def encode(wanted: list[str]) -> Tensor:
        # the empty text is as the store has it; older stores have none
        empty = store.empty_text if store.empty_text is not None else torch.zeros_like(store.text(0))
        return torch.stack([texts[text] if text in texts else empty for text in wanted])

    writer.finish(encode)
    return FeatureStore(folder)


def _same_as_begun(path: Path, facts: dict[str, Any]) -> None:
    """Keep the facts of a new folder; shards made in another way are not mixed with these."""
    if not path.exists():
        write_json(path, facts)
    begun = json.loads(path.read_text(encoding="utf-8"))
    other = [name for name in facts if begun.get(name) != facts[name]]
    if other:
        told = ", ".join(f"{name} {begun.get(name)}, not {facts[name]}" for name in other)
        raise StoreError(f"{path.parent} was begun with {told}: choose another folder")


def _digest(network: VelocityNetwork) -> str:
    """Of the teacher's weights, as they are used."""
    found = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()[:16]


def _ids(store: FeatureStore) -> str:
    """Of the clips and their lengths, in order."""
    lines = "\n".join(f"{item.id} {item.lengths.get('mean')}" for item in store.items)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _pairs(
    network: VelocityNetwork,
    store: FeatureStore,
    places: range,
    guidance: float,
    times: list[float],
    seed: int,
) -> Iterator[Clip]:
    device = network.latent_mean.device
    for k in places:
        item = store.items[k]
        if "mean" not in item.lengths:
            raise StoreError(f"clip {item.id!r} has no latents: pairs are as long as the clip's own sound")
        shape = (item.lengths["mean"], network.config.latent_dim)
        draws = torch.Generator().manual_seed(mixed_seed(seed, "pair", item.id))
        noise = torch.randn(shape, generator=draws).half().float()  # what the store will hold
        conditions = _conditions(network, store, k).to(device)
        field = guided(network, conditions, conditions.empty(), guidance)
        sample = network.unstandardise(integrate(field, noise[None].to(device), times))[0].cpu()
        streams = {
            name: store.read(k, name) if name in item.lengths else None for name in ("semantic", "sync")
        }
        captions = tuple(store.texts[text] for text in item.captions)
        yield Clip(
            item.id, item.split, item.seconds, captions, sample, torch.zeros(shape), noise=noise, **streams
        )


def _conditions(network: VelocityNetwork, store: FeatureStore, k: int) -> Conditions:
    """A batch of one: what the store has of a clip, its first caption; the rest flagged absent."""
    item, sizes = store.items[k], network.config
    widths = {"semantic": sizes.semantic_dim, "sync": sizes.sync_dim}
    parts = {
        name: store.read(k, name) if name in item.lengths else torch.zeros(1, width)
        for name, width in widths.items()
    }
    nothing = torch.zeros(sizes.text_tokens, sizes.text_dim)
    text = store.text(item.captions[0]) if item.captions else nothing
    return Conditions(
        parts["semantic"][None],
        parts["sync"][None],
        text[None],
        torch.tensor(["semantic" in item.lengths]),
        torch.tensor(["sync" in item.lengths]),
        torch.tensor([bool(item.captions)]),
    )
