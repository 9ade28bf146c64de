"""The clips the studio holds: under names of its own, looked at once, features kept for more takes.

Knows media and what a pipeline saw; nothing of jobs or HTTP.
"""

from __future__ import annotations

import secrets
import threading
import time
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundvcm.sound import Watched
from soundvcm.web.limits import Limits, RefusedError
from soundvcm.web.strip import Seen, look

if TYPE_CHECKING:
    from soundvcm.web.shelf import Shelf

Range = tuple[str, str | None]
STEM_LETTERS = 60


@dataclass
class Clip:
    """One clip.

    Attributes:
        id: what clients call it.
        path: where it lies; inside the studio's folder, or a local file that was named.
        stem: harmless beginning for the names of downloads.
        seen: strip, movement, facts.
        owned: whether the file is the studio's to remove.
        used: when it was last used (monotonic clock).
        busy: jobs that wait for it or run on it.
    """

    id: str
    path: Path
    stem: str
    seen: Seen
    owned: bool
    used: float = field(default_factory=time.monotonic)
    busy: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For clients."""
        seconds = self.seen.seconds
        return {
            "id": self.id,
            "name": self.stem,
            "seconds": None if seconds is None else float(seconds),
            "length": None if seconds is None else str(seconds),
            "pictures": self.seen.pictures,
            "motion": self.seen.motion,
            "warnings": self.seen.warnings,
            **self.seen.facts,
        }


class Clips:
    """All clips; safe to use from several threads.

    Args:
        folder: where uploads are stored; created.
        limits: of the studio.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        folder.mkdir(parents=True, exist_ok=True)
        self._clips: dict[str, Clip] = {}
        self._features: OrderedDict[tuple[str, Range], Watched] = OrderedDict()
        self._lock = threading.Lock()
        self._shelf: Shelf | None = None

    def take_over(self, shelf: Shelf) -> dict[str, Clip]:
        """Hold what an earlier studio left in the folder, and leave the same for the next one."""
        self._shelf = shelf
        self._clips = {clip.id: clip for clip in shelf.clips(self)}
        return dict(self._clips)

    def new_path(self) -> tuple[str, Path]:
        """An id that cannot be guessed and the path for its content."""
        name = secrets.token_hex(12)
        return name, self.folder / name

    def add(self, name: str, path: Path, stem: str, owned: bool = True) -> Clip:
        """Look at a stored file and hold it; an owned one that is refused is removed.

        Raises:
            RefusedError: if it is no clip or too long.
        """
        try:
            seen = look(path, self.limits)
        except Exception:
            if owned:
                path.unlink(missing_ok=True)
            raise
        clip = Clip(name, path, safe_stem(stem), seen, owned)
        if owned and self._shelf is not None:
            self._shelf.put_clip(clip)
        with self._lock:
            self._clips[name] = clip
        return clip

    def get(self, name: str) -> Clip:
        """The clip of an id; counts as a use.

        Raises:
            RefusedError: 404.
        """
        with self._lock:
            clip = self._clips.get(name)
            if clip is None:
                raise RefusedError(404, "this clip is not here (any more): choose it again", "video")
            clip.used = time.monotonic()
            return clip

    def hold(self, clip: Clip, by: int) -> None:
        """Count a job that needs the clip (by = 1) or is done with it (by = -1)."""
        with self._lock:
            clip.busy += by
            clip.used = time.monotonic()

    def features(self, clip: Clip, span: Range) -> Watched | None:
        """What was seen of a range of the clip earlier, None if it is not kept."""
        with self._lock:
            found = self._features.get((clip.id, span))
            if found is not None:
                self._features.move_to_end((clip.id, span))
            return found

    def keep(self, clip: Clip, span: Range, watched: Watched) -> None:
        """Keep what was seen; the one unused for longest makes room."""
        with self._lock:
            if clip.id in self._clips:
                self._features[(clip.id, span)] = watched
            while len(self._features) > self.limits.kept_features:
                self._features.popitem(last=False)

    def remove(self, name: str) -> None:
        """Forget a clip and remove its file if it was uploaded.

        Raises:
            RefusedError: 404, or 409 while jobs need it.
        """
        clip = self.get(name)
        with self._lock:
            if clip.busy:
                raise RefusedError(409, "a job still needs this clip: cancel it first", "video")
            self._forget(clip)

    def sweep(self, now: float) -> None:
        """Remove what nobody used for too long."""
        with self._lock:
            for clip in list(self._clips.values()):
                if not clip.busy and now - clip.used > self.limits.keep_seconds:
                    self._forget(clip)

    def _forget(self, clip: Clip) -> None:
        self._clips.pop(clip.id, None)
        for key in [key for key in self._features if key[0] == clip.id]:
            del self._features[key]
        if clip.owned:
            clip.path.unlink(missing_ok=True)
            clip.path.with_suffix(".json").unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._clips)


def safe_stem(name: str) -> str:
    """What may stand in the name of a download: letters, digits, "-" and "_" of the last part of a name."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    stem = last.rsplit(".", 1)[0] or last
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in stem)
    return "_".join(part for part in kept[:STEM_LETTERS].split("_") if part) or "clip"
