"""Features kept on disk by content of the file and identity of the extractor; written whole or not at all.

A file that moved or was renamed finds its features again, a changed file or network never meets old ones.
Knows npz files and hashes; no sounds, no networks.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soundvcm.errors import MediaError
from soundvcm.weights import digest, home_folder

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
        part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            # Renamed without waiting for the disk: a file that a power cut damaged is made again.
            os.replace(part, path)
        except OSError as error:
            raise MediaError(
                f"{path}: features cannot be kept ({error.strerror or error}): give another --cache,"
                " or --no-cache"
            ) from None
        finally:
            with suppress(OSError):
                part.unlink()
        self.made += 1
