"""Features of files by one extractor: from the cache, or prepared by threads and computed in batches.

The cache goes by content of the file and identity of the extractor, and is written whole or not at all: a
file that moved finds its features again, a changed file or network never meets old ones. Knows files and
extractors; no scores.
"""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from soundvcm.errors import MediaError, OptionError
from soundvcm.evaluation.preparing import Length, Prepared, is_short, prepare
from soundvcm.ground import files
from soundvcm.runtime import read_ahead
from soundvcm.weights import digest, home_folder

if TYPE_CHECKING:
    from soundvcm.evaluation.extractors import Extract, Extractor

Progress = Callable[[str, float], None]
GPU_BATCH, GPU_READERS = 16, 4
SECONDS = "__seconds__"


class FeatureCache:
    """Features of (file content, extractor identity, length); counts what was found and what was not.

    Args:
        folder: where they lie; by default $SOUNDVCM_HOME/features or the platform's cache folder. It may be
            removed at any time.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = home_folder() / "features" if folder is None else folder
        self.found = self.made = 0
        self._hashes: dict[Path, str] = {}

    def path(self, source: Path, identity: str, seconds: float) -> Path:
        """Where the features of a file are (or will be)."""
        if source not in self._hashes:
            self._hashes[source] = digest(source)
        key = hashlib.sha256(f"{self._hashes[source]} {identity} {seconds:.6f}".encode()).hexdigest()
        return self.folder / key[:2] / f"{key}.npz"

    def get(self, path: Path) -> tuple[dict[str, Tensor], float] | None:
        """(features, seconds of sound in the file), or None if they are not there or damaged."""
        try:
            # Opened here, because numpy leaves a damaged file open.
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                values = {name: torch.from_numpy(file[name]) for name in file.files}
            seconds = float(values.pop(SECONDS))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        self.found += 1
        return values, seconds

    def put(self, path: Path, features: dict[str, Tensor], seconds: float) -> None:
        """Keep features [..] and the seconds of sound they were made of.

        Raises:
            MediaError: if the folder cannot be written.
        """
        arrays: dict[str, Any] = {name: value.numpy() for name, value in features.items()}
        arrays[SECONDS] = np.asarray(seconds)
        try:
            # Without waiting for the disk: a file that a power cut damaged is made again.
            with files.beside(path, sync=False) as part, part.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        except OSError as error:
            raise MediaError(
                f"{path}: features cannot be kept ({error.strerror or error}): give another --cache,"
                " or --no-cache"
            ) from None
        self.made += 1


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
