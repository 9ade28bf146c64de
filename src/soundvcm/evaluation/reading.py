"""Features of files by one extractor: from the cache, or prepared by threads and computed in batches.

Knows files and extractors; no scores.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from soundvcm.errors import OptionError
from soundvcm.evaluation.feature_cache import FeatureCache
from soundvcm.evaluation.preparing import Length, Prepared, is_short, prepare
from soundvcm.runtime import read_ahead

if TYPE_CHECKING:
    from soundvcm.evaluation.extractors import Extract, Extractor

Progress = Callable[[str, float], None]
GPU_BATCH, GPU_READERS = 16, 4


@dataclass(frozen=True)
class Work:
    """How features are computed.

    Attributes:
        device: of the networks.
        batch: sounds in one pass; 0: 16 on a GPU, one on a CPU.
        readers: threads that read files ahead; 0: four with a GPU, none else.
    """

    device: torch.device = torch.device("cpu")
    batch: int = 0
    readers: int = 0

    def __post_init__(self) -> None:
        if self.batch < 0 or self.readers < 0:
            raise OptionError("--batch and --readers are counts: 0 or more")

    @property
    def sizes(self) -> tuple[int, int]:
        """Sounds in one pass, threads that read."""
        gpu = self.device.type != "cpu"
        return self.batch or (GPU_BATCH if gpu else 1), self.readers or (GPU_READERS if gpu else 0)


class FeatureReader:
    """Features of files by one extractor, from the cache where they are; builds it when first needed.

    Attributes:
        short: names of files that had to be filled with silence.
        computed: files that were not in the cache.
        seconds: spent on these.
    """

    def __init__(self, extractor: Extractor, length: Length, cache: FeatureCache | None, work: Work) -> None:
        self.extractor, self.length, self.cache, self.work = extractor, length, cache, work
        # A GPU rounds otherwise: its features are kept apart.
        where = "" if work.device.type == "cpu" else f"-{work.device.type}"
        self.identity = extractor.identity() + where if cache else ""
        self.short: list[str] = []
        self.computed, self.seconds = 0, 0.0
        self._extract: Extract | None = None

    def all(self, files: dict[str, Path], progress: Progress) -> dict[str, dict[str, Tensor]]:
        """Features of each file by its name."""
        found: dict[str, tuple[dict[str, Tensor], float]] = {}
        left: dict[str, tuple[Path, Path | None]] = {}
        for name, path in files.items():
            place, kept = self._kept(path)
            if kept is None:
                left[name] = path, place
            else:
                found[name] = kept
        size, began, batch = self.work.sizes[0], time.perf_counter(), dict[str, Prepared]()
        for number, (name, prepared) in enumerate(self._prepared(left), 1):
            progress(f"{self.extractor.name}: {name}", (len(files) - len(left) + number - 1) / len(files))
            batch[name] = prepared
            if len(batch) == size or number == len(left):
                for done, features in self._features(batch).items():
                    path, place = left[done]
                    if self.extractor.watch is not None:
                        features |= self.extractor.watch(path, self.length.seconds)
                    if self.cache and place:
                        self.cache.put(place, features, batch[done].seconds)
                    found[done] = features, batch[done].seconds
                batch = {}
        self.computed += len(left)
        self.seconds += time.perf_counter() - began
        self.short += [name for name in files if is_short(found[name][1], self.length)]
        return {name: found[name][0] for name in files}

    def _kept(self, path: Path) -> tuple[Path | None, tuple[dict[str, Tensor], float] | None]:
        if self.cache is None:
            return None, None
        beside = self.extractor.beside(path) if self.extractor.beside else ""
        place = self.cache.path(path, self.identity + beside, self.length.seconds)
        kept = self.cache.get(place) if place else None
        refused = kept is not None and self.length.short == "refuse" and is_short(kept[1], self.length)
        return place, None if refused else kept

    def _prepared(self, left: dict[str, tuple[Path, Path | None]]) -> Iterator[tuple[str, Prepared]]:
        """Names and waves in order; the next ones are read by threads meanwhile."""
        size, readers = self.work.sizes

        def read(name: str) -> Prepared:
            return prepare(left[name][0], self.extractor.rate, self.length)

        for name, take in read_ahead(left, read, readers, size):
            yield name, take()

    def _features(self, batch: dict[str, Prepared]) -> dict[str, dict[str, Tensor]]:
        self._extract = self._extract or self.extractor.build(self.work.device)
        many = getattr(self._extract, "many", None)
        waves = [prepared.wave for prepared in batch.values()]
        rows = many(waves) if many else [self._extract(wave) for wave in waves]
        return dict(zip(batch, rows, strict=True))
