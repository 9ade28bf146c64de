"""Reading a feature store: any clip, any part of it, at random, without loading the rest.

    DIR => FeatureStore => Features (float32 latent moments, semantic, sync, captions)

Files are mapped, not read; nothing is kept but their index. Also the one place where latents are
standardised,
in pure functions. Knows neither the mixture of stores nor the network.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from soundvcm.data.shards import FORMAT, caption_hash
from soundvcm.errors import StoreError

Span = tuple[int, int]


_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError)


def standardise(latents: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Latents [..., c] => zero mean and unit spread over the train split, per channel [c]."""
    return (latents - mean) / std


def unstandardise(data: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """The inverse of `standardise`."""
    return data * std + mean


@dataclass(frozen=True)
class Item:
    """Index entry of one clip.

    Attributes:
        id: unique in the store.
        split: its split.
        seconds: exact duration.
        captions: indices into the table of distinct texts; empty if the clip has no text.
        lengths: rows of each stream that is present ("mean", "std", "semantic", "sync", "noise").
    """

    id: str
    split: str
    seconds: Fraction
    captions: tuple[int, ...]
    lengths: dict[str, int]
    shard: int
    starts: dict[str, int]


class FeatureStore:
    """A finished store, opened for random access; one object may be used by several threads.

    Attributes:
        folder: where it is.
        items: index entries, in the order of the catalog.
        fingerprint: which codec and encoders made it.
        widths: channels of "latents", "semantic", "sync", "text" and the number of "text_tokens".
        rates: tokens a second of the streams that can be cropped.
        latent_mean: [c] over the train split.
        latent_std: [c] over the train split.
        importance: [c] how much of the sound each channel carries, the largest 1; None if the codec told not.

    Raises:
        StoreError: if the folder holds no finished store, or a damaged one.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        manifest = _read_manifest(self.folder)
        self._files: dict[str, Any] = {}
        self.items: list[Item] = []
        try:
            self._take(manifest)
        except _DAMAGE:
            raise StoreError(f"{self.folder / 'store.json'} is damaged: run the extraction again") from None

    def _take(self, manifest: dict[str, Any]) -> None:
        self.fingerprint: dict[str, str] = manifest["fingerprint"]
        self.widths: dict[str, int] = manifest["widths"]
        self.rates = {role: Fraction(rate) for role, rate in manifest["rates"].items()}
        self.texts: list[str] = manifest["texts"]
        self.rejected: list[dict[str, str]] = manifest["rejected"]
        self.latent_count = int(manifest["latents"]["count"])
        self.latent_mean = torch.tensor(manifest["latents"]["mean"], dtype=torch.float32)
        self.latent_std = torch.tensor(manifest["latents"]["std"], dtype=torch.float32)
        importance = manifest.get("importance")
        self.importance = None if importance is None else torch.tensor(importance, dtype=torch.float32)
        numbers = {text: k for k, text in enumerate(self.texts)}
        for shard in manifest["shards"]:
            self.items += self._index(shard["number"], shard["clips"], numbers)

    def __len__(self) -> int:
        return len(self.items)

    def split(self, name: str) -> list[int]:
        """Positions of the clips of one split.

        Raises:
            StoreError: if the store has none; names the splits that it has.
        """
        found = [k for k, item in enumerate(self.items) if item.split == name]
        if not found:
            known = sorted({item.split for item in self.items})
            raise StoreError(f"{self.folder} has no split {name!r} (it has: {', '.join(known)})")
        return found

    def find(self, clip_id: str) -> int:
        """Position of the clip with this id.

        Raises:
            StoreError: if there is none.
        """
        for k, item in enumerate(self.items):
            if item.id == clip_id:
                return k
        raise StoreError(f"{self.folder} has no clip {clip_id!r}")

    def read(self, index: int, stream: str, span: Span | None = None) -> Tensor:
        """One stream of one clip, float32 [rows, width]; `span` is (first row, rows), default all.

        Raises:
            StoreError: if the clip has no such stream or the span leaves it.
        """
        item = self.items[index]
        if stream not in item.lengths:
            raise StoreError(f"clip {item.id!r} has no {stream}")
        first, rows = (0, item.lengths[stream]) if span is None else span
        if first < 0 or rows < 0 or first + rows > item.lengths[stream]:
            raise StoreError(
                f"clip {item.id!r}: rows {first} to {first + rows} leave its {stream} of"
                f" {item.lengths[stream]}"
            )
        start = item.starts[stream] + first
        file = self._open(f"shards/{item.shard:05d}.safetensors")
        part = _rows(file, stream, start, rows)
        if part is None:
            raise StoreError(f"clip {item.id!r}: its {stream} is damaged: extract this store again")
        return part

    def text(self, number: int) -> Tensor:
        """Features of one distinct text, float32 [l, r]."""
        part = _rows(self._open("text.safetensors"), "text", number, 1)
        if part is None:
            raise StoreError(f"{self.folder / 'text.safetensors'} is damaged: extract this store again")
        return part[0]

    @property
    def empty_text(self) -> Tensor | None:
        """Features of the empty text, float32 [l, r]; None without captions or of an older version."""
        file = self._open("text.safetensors") if self.texts else None
        if file is None or "empty" not in file.keys():  # noqa: SIM118 (a safetensors file, not a dict)
            return None
        nothing: Tensor = file.get_tensor("empty")
        return nothing.float()

    def _open(self, name: str) -> Any:
        file = self._files.get(name)
        if file is None:
            try:
                file = safe_open(self.folder / name, "pt")
            except Exception as error:
                raise StoreError(
                    f"{self.folder / name} cannot be read ({error}): extract this store again"
                ) from None
            self._files[name] = file
        return file

    def _index(self, number: int, clips: int, numbers: dict[str, int]) -> list[Item]:
        path = self.folder / "shards" / f"{number:05d}.json"
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))["items"]
        except (OSError, *_DAMAGE):
            raise StoreError(f"{path} is missing or damaged: extract this store again") from None
        if len(rows) != clips:
            raise StoreError(
                f"{path} lists {len(rows)} clips, the manifest {clips}: run the extraction again"
            )
        try:
            return [self._item(path, row, number, numbers) for row in rows]
        except _DAMAGE:
            raise StoreError(f"{path} is missing or damaged: extract this store again") from None

    def _item(self, path: Path, row: dict[str, Any], shard: int, numbers: dict[str, int]) -> Item:
        if caption_hash(row["captions"]) != row["hash"]:
            raise StoreError(f"{path}: the captions of {row['id']!r} are not those it was extracted with")
        spans: dict[str, Any] = {
            name: row[name] for name in ("mean", "std", "semantic", "sync", "noise") if name in row
        }
        lengths = {name: int(span[1]) for name, span in spans.items()}
        starts = {name: int(span[0]) for name, span in spans.items()}
        captions = tuple(numbers[text] for text in row["captions"])
        return Item(row["id"], row["split"], Fraction(row["seconds"]), captions, lengths, shard, starts)


def _rows(file: Any, name: str, first: int, count: int) -> Tensor | None:
    """Rows of a tensor of a file, float32; None if they are not all there."""
    try:
        part: Tensor = file.get_slice(name)[first : first + count]
    except Exception:  # safetensors raises an Exception of its own
        return None
    return part.float() if len(part) == count else None


def check_same_encoders(stores: Sequence[FeatureStore]) -> None:
    """Refuse stores whose features come from different codecs or encoders; a role only one store has is fine.

    Raises:
        StoreError: naming the two stores and the role.
    """
    home: dict[str, FeatureStore] = {}
    for store in stores:
        for role, name in store.fingerprint.items():
            other = home.setdefault(role, store)
            if other.fingerprint[role] != name:
                raise StoreError(
                    f"{other.folder} and {store.folder} do not mix: their {role} is"
                    f" {other.fingerprint[role]!r} and {name!r}"
                )
        for role, width in store.widths.items():
            for other in home.values():
                if other.widths.get(role, width) != width:
                    raise StoreError(
                        f"{other.folder} and {store.folder} do not mix: {role} {other.widths[role]} and"
                        f" {width}"
                    )


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "store.json"
    if not path.exists():
        begun = (
            "its extraction is not finished: run the same command again"
            if (folder / "begun.json").exists()
            else f"make it with: soundvcm extract --folder CLIPS --output {folder}"
        )
        raise StoreError(f"{folder} is not a feature store ({begun})")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise StoreError(f"{path} cannot be read: run the extraction again") from None
    if not isinstance(manifest, dict):
        raise StoreError(f"{path} is damaged: run the extraction again")
    if manifest.get("format") != FORMAT:
        raise StoreError(f"{path} has the format {manifest.get('format')!r}, this program reads {FORMAT!r}")
    return manifest
