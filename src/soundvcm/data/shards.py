"""Writing a feature store: shards of clips by any number of processes, then one manifest, last.

    clips (latent moments, features, captions) => DIR/shards/00000.safetensors + .json ... =>
    DIR/text.safetensors => DIR/store.json

A shard is finished when its JSON exists; finished shards are kept when the command is run again, so
extraction
resumes. Knows neither encoders nor codecs: only their fingerprints, which it refuses to mix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from soundvcm.errors import StoreError
from soundvcm.ground import files
from soundvcm.records import check_shape

FORMAT = "soundvcm-store-1"
SHARD_CLIPS = 1024
STREAMS = ("mean", "std", "semantic", "sync", "noise")


@dataclass(frozen=True)
class Clip:
    """One training clip, as extraction hands it over.

    Attributes:
        id: unique in the store; pairing of sound, pictures and words is by this and nothing else.
        split: "train", "val", "test" or any other name.
        seconds: exact duration of the sound.
        captions: descriptions, all of the same sound; blank ones are dropped, none at all means "no text".
        mean: [n, c] posterior mean of the codec, not standardised.
        std: [n, c] posterior standard deviation.
        semantic: [f, p] picture features, or None for a clip without pictures.
        sync: [g, q] motion features, or None.
        noise: [n, c] the noise this very sound was generated from (reflow), or None.
    """

    id: str
    split: str
    seconds: Fraction
    captions: tuple[str, ...]
    mean: Tensor
    std: Tensor
    semantic: Tensor | None = None
    sync: Tensor | None = None
    noise: Tensor | None = None


def caption_hash(captions: Sequence[str]) -> str:
    """Short hash of the captions of one clip, kept beside its id so that wrong pairing is found (case 35)."""
    return hashlib.sha256("\x00".join(captions).encode()).hexdigest()[:16]


def write_json(path: Path, value: Any) -> None:
    """Write JSON beside `path`, flush it to the disk, then rename: the file is whole or not there."""
    with files.beside(path) as part, part.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False)


def _write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write safetensors beside `path`, then rename: the file is whole or not there."""
    with files.beside(path) as part:
        save_file({name: value.contiguous() for name, value in tensors.items()}, part, metadata)


class StoreWriter:
    """Builds one store in a folder; several writers (processes) may work on different shards of it.

    Args:
        folder: of the store; made if missing.
        fingerprint: names (with versions or hashes) of the codec and the encoders, by role. Continuing a
            folder
            begun with others is refused.
        rates: tokens a second of "latents", "semantic" and "sync" where the stream can be cropped in time;
            leave a
            role out if its tokens overlap (segment encoders).
        importance: how much of the sound each latent channel carries, if the codec tells.

    Raises:
        StoreError: if the folder holds a store, begun or finished, of other encoders.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fingerprint: Mapping[str, str],
        rates: Mapping[str, Fraction],
        importance: Sequence[float] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.plan: dict[str, Any] = {
            "format": FORMAT,
            "fingerprint": dict(fingerprint),
            "rates": {role: str(Fraction(rate)) for role, rate in rates.items()},
        }
        if importance is not None:
            self.plan["importance"] = [round(float(value), 6) for value in importance]
        (self.folder / "shards").mkdir(parents=True, exist_ok=True)
        begun = self.folder / "begun.json"
        if not begun.exists():
            write_json(begun, self.plan)
        found = json.loads(begun.read_text(encoding="utf-8"))
        if found != self.plan:
            raise StoreError(
                f"{self.folder} was begun with {found.get('fingerprint')}, not {self.plan['fingerprint']}:"
                " features of different encoders do not mix; choose another folder"
            )

    def finished(self) -> set[int]:
        """Numbers of the shards that are complete and need not be made again."""
        return {int(path.stem) for path in (self.folder / "shards").glob("[0-9]*.json")}

    def write(self, number: int, clips: Sequence[Clip], rejected: Iterable[Mapping[str, str]] = ()) -> None:
        """Write shard `number`; the same clips give the same bytes, whoever writes them.

        Args:
            number: place of the shard in the order of the catalog.
            clips: its clips, about `SHARD_CLIPS`.
            rejected: clips of this shard that cannot be used, as {"id": ..., "reason": ...}: listed, never
                replaced.

        Raises:
            StoreError: for an id given twice, a shape that does not fit or a number that is not finite in
                half
                precision; nothing is written then.
        """
        seen: set[str] = set()
        for clip in clips:
            if clip.id in seen:
                raise StoreError(
                    f"clip id {clip.id!r} occurs twice: give several captions of one sound as one clip with"
                    f" several"
                    " captions, and other sounds other ids"
                )
            seen.add(clip.id)
        columns: dict[str, list[Tensor]] = {}
        items = [_pack(clip, columns) for clip in clips]
        tensors = {name: torch.cat(parts) for name, parts in columns.items()}
        path = self.folder / "shards" / f"{number:05d}.safetensors"
        _write_tensors(path, tensors, {"format": FORMAT})
        write_json(path.with_suffix(".json"), {"items": items, "rejected": [dict(row) for row in rejected]})

    def finish(self, encode_text: Callable[[list[str]], Tensor], *, batch: int = 64) -> dict[str, Any]:
        """Encode every distinct caption and the empty text once, measure the latents, write the manifest
        last; returns the manifest.

        Args:
            encode_text: strings => [b, l, r] features.
            batch: strings handed over at a time.

        Raises:
            StoreError: for ids in two shards, streams of different widths, or a store without clips.
        """
        shards, clips = [], []
        for number in sorted(self.finished()):
            shard = json.loads((self.folder / "shards" / f"{number:05d}.json").read_text(encoding="utf-8"))
            shards.append({"number": number, "clips": len(shard["items"]), "rejected": shard["rejected"]})
            clips += [(item["id"], number, item) for item in shard["items"]]
        _refuse_duplicates(clips)
        texts = sorted({caption for _, _, item in clips for caption in item["captions"]})
        widths = _widths(self.folder, shards)
        if texts:
            parts = [encode_text(texts[i : i + batch]).to(torch.float16) for i in range(0, len(texts), batch)]
            table = torch.cat(parts)
            check_shape("text features", table, "b l r", b=len(texts))
            # "No text" of a fresh network is the encoding of the empty string, as in MMAudio.
            empty = encode_text([""])[0].to(torch.float16)
            _write_tensors(
                self.folder / "text.safetensors", {"text": table, "empty": empty}, {"format": FORMAT}
            )
            widths |= {"text": int(table.shape[2]), "text_tokens": int(table.shape[1])}
        splits = sorted({item["split"] for _, _, item in clips})
        manifest = self.plan | {
            "clips": len(clips),
            "splits": {name: sum(item["split"] == name for _, _, item in clips) for name in splits},
            "widths": widths,
            "latents": _measure_latents(
                self.folder, [number for _, number, _ in clips], [c[2] for c in clips]
            ),
            "texts": texts,
            "shards": [{"number": s["number"], "clips": s["clips"]} for s in shards],
            "rejected": [row for s in shards for row in s["rejected"]],
        }
        write_json(self.folder / "store.json", manifest)
        return manifest


def _measure_latents(
    folder: Path, numbers: Sequence[int], items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Mean and std per channel of posterior draws over the train split only: std^2 = var(mean) + mean(std^2).

    Raises:
        StoreError: if there is no train clip, or a channel never changes.
    """
    count, first, second = 0, torch.zeros(()), torch.zeros(())
    chosen: dict[int, list[tuple[int, int]]] = {}
    for number, item in zip(numbers, items, strict=True):
        if item["split"] == "train":
            chosen.setdefault(number, []).append(tuple(item["mean"]))
    for number, spans in chosen.items():
        with safe_open(folder / "shards" / f"{number:05d}.safetensors", "pt") as file:
            for start, rows in spans:
                mean = file.get_slice("mean")[start : start + rows].double()
                std = file.get_slice("std")[start : start + rows].double()
                count += rows
                first = first + mean.sum(0)
                second = second + (mean**2 + std**2).sum(0)
    if not count:
        raise StoreError(
            f"{folder} holds no clip of the split 'train': latent statistics come from that one only"
        )
    average = first / count
    spread = (second / count - average**2).clamp_min(0).sqrt()
    if bool((spread < 1e-6).any()):
        raise StoreError(
            f"{folder}: latent channel {int(spread.argmin())} never changes; the codec's output is not usable"
        )
    return {"count": count, "mean": average.tolist(), "std": spread.tolist()}


def _pack(clip: Clip, columns: dict[str, list[Tensor]]) -> dict[str, Any]:
    captions = [caption.strip() for caption in clip.captions if caption.strip()]
    item: dict[str, Any] = {
        "id": clip.id,
        "split": clip.split,
        "seconds": str(Fraction(clip.seconds)),
        "captions": captions,
        "hash": caption_hash(captions),
    }
    sizes = check_shape(f"{clip.id}: mean", clip.mean, "n c")
    check_shape(f"{clip.id}: std", clip.std, "n c", **sizes)
    if clip.noise is not None:
        check_shape(f"{clip.id}: noise", clip.noise, "n c", **sizes)
    for name in STREAMS:
        value: Tensor | None = getattr(clip, name)
        if value is None:
            continue
        check_shape(f"{clip.id}: {name}", value, "rows width")
        half = value.detach().to("cpu", torch.float16)
        if not bool(torch.isfinite(half).all()):
            raise StoreError(
                f"clip {clip.id!r}: {name} holds NaN, infinity or numbers beyond half precision: reject it"
            )
        parts = columns.setdefault(name, [])
        item[name] = [sum(len(part) for part in parts), len(half)]
        parts.append(half)
    return item


def _refuse_duplicates(clips: Sequence[tuple[str, int, Any]]) -> None:
    home: dict[str, int] = {}
    for name, number, _ in clips:
        if name in home:
            raise StoreError(
                f"clip id {name!r} is in shard {home[name]} and in shard {number}: ids are unique in a"
                f" store; merge the"
                " captions of one sound into one clip and extract again"
            )
        home[name] = number
    if not clips:
        raise StoreError("no usable clip was extracted; see the list of rejected clips")


def _widths(folder: Path, shards: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    widths: dict[str, int] = {}
    for shard in shards:
        with safe_open(folder / "shards" / f"{shard['number']:05d}.safetensors", "pt") as file:
            for name in file.keys():
                role = "latents" if name in ("mean", "std", "noise") else name
                width = file.get_slice(name).get_shape()[1]
                if widths.setdefault(role, width) != width:
                    raise StoreError(
                        f"shard {shard['number']}: {name} is {width} wide, elsewhere {widths[role]}"
                    )
    return widths
