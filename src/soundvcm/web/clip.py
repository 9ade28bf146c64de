"""One clip the studio holds, and the harmless name that downloads get from it.

Knows what a preview tells; nothing of jobs, folders or HTTP.
"""

from __future__ import annotations

import time
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soundvcm.web.preview import ClipPreview

STEM_LETTERS = 60


@dataclass
class StoredClip:
    """One clip.

    Attributes:
        id: what clients call it.
        path: where it lies; inside the studio's folder, or a local file that was named.
        stem: harmless beginning for the names of downloads.
        preview: strip, movement, facts.
        owned: whether the file is the studio's to remove.
        used: when it was last used (monotonic clock).
        touched: what its record says of that.
        busy: jobs that wait for it or run on it.
    """

    id: str
    path: Path
    stem: str
    preview: ClipPreview
    owned: bool
    used: float = field(default_factory=time.monotonic)
    touched: float = 0.0
    busy: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether it is a sound to go by, without pictures."""
        return self.preview.pictures == 0

    def as_sound(self) -> dict[str, Any]:
        """For clients, as a sound to go by: `seconds` is what is used of it."""
        return {"id": self.id, "name": self.stem, "seconds": float(self.preview.seconds or 0)}

    def as_dict(self) -> dict[str, Any]:
        """For clients."""
        seconds = self.preview.seconds
        return {
            "id": self.id,
            "name": self.stem,
            "seconds": None if seconds is None else float(seconds),
            "length": None if seconds is None else str(seconds),
            "pictures": self.preview.pictures,
            "motion": self.preview.motion,
            "warnings": self.preview.warnings,
            "cuts": self.preview.cuts,
            "video": f"/api/clips/{self.id}/video",
            **self.preview.facts,
        }


def safe_stem(name: str) -> str:
    """What may stand in the name of a download: letters, digits, "-" and "_" of the last part of a name."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    stem = last.rsplit(".", 1)[0] or last
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in stem)
    return "_".join(part for part in kept[:STEM_LETTERS].split("_") if part) or "clip"
