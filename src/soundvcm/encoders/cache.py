"""Features that were computed before: keyed by the content of the pictures and by the encoder.

A second take or another prompt for the same clip then costs no encoding at all. Kept in memory (the last few)
and, if a folder is given, on disk in safetensors files written atomically. Knows no encoder in particular.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import OrderedDict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from soundvcm.encoders.base import VideoEncoder
from soundvcm.ground import files

_FORMAT = "1"  # raised when the meaning of a cached file changes


def content_key(encoder_name: str, frames: Tensor) -> str:
    """Hexadecimal key of pictures [f, h, w, 3] under an encoder: same bytes and name, same key."""
    pictures = frames.detach().cpu().contiguous()
    head = f"{_FORMAT}|{encoder_name}|{pictures.dtype}|{tuple(pictures.shape)}|"
    state = hashlib.blake2b(head.encode("utf-8"), digest_size=20)
    state.update(memoryview(pictures.numpy()).cast("B"))  # type: ignore[arg-type]
    return state.hexdigest()


class FeatureCache:
    """Features by content: a few clips in memory, all of them in an optional folder.

    Several threads and processes may share one folder; a damaged file or one of other pictures is made anew.

    Args:
        folder: where features are kept between runs; None keeps them in memory only.
        entries: clips kept in memory, per role.
    """

    def __init__(self, folder: Path | None = None, entries: int = 16) -> None:
        self.folder, self.entries = folder, entries
        self.hits = self.misses = 0
        self._kept: OrderedDict[str, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, encoder: VideoEncoder, frames: Tensor) -> Tensor:
        """Features [tokens, dim] of uint8 pictures [f, h, w, 3]: remembered, or encoded and remembered."""
        key = content_key(encoder.name, frames)
        found, hit = self._recall(key), 1
        if found is None:
            found = encoder.encode(frames).detach()
            self._write(key, found)
            hit = 0
        with self._lock:
            self.hits, self.misses = self.hits + hit, self.misses + 1 - hit
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > self.entries:
                self._kept.popitem(last=False)
        return found.clone()

    def _recall(self, key: str) -> Tensor | None:
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        if self.folder is None:
            return None
        try:
            with safe_open(self._path(key), framework="pt", device="cpu") as file:
                return file.get_tensor("features") if file.metadata() == {"key": key} else None
        except (OSError, SafetensorError):
            return None

    def _write(self, key: str, features: Tensor) -> None:
        """Keep a file; a folder that cannot be written costs the memory of it, not the result."""
        if self.folder is None:
            return
        with contextlib.suppress(OSError, SafetensorError), files.beside(self._path(key), sync=False) as part:
            save_file({"features": features.cpu().contiguous()}, part, metadata={"key": key})

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / key[:2] / f"{key}.safetensors"
