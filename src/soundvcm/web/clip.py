"""One clip the studio holds, what is shown of it as soon as it arrives, and the harmless name downloads get.

    file => media => ClipPreview: a film strip (PNG), its curve of movement, its facts

One pass over the file, bounded in length. Content decides what a file is, never its name. Knows media;
nothing of jobs, folders or HTTP.
"""

from __future__ import annotations

import base64
import struct
import time
import unicodedata
import zlib
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soundvcm import media
from soundvcm.errors import MediaError
from soundvcm.timeline import FrameSpec
from soundvcm.web.limits import Limits, RefusedError

STEM_LETTERS = 60
PICTURES = 16
STRIP_RATE, MOTION_RATE = Fraction(4), Fraction(25)
HEIGHT, WIDTH = 72, 128
LIKE_SECONDS, SILENCE = Fraction(30), 1e-4  # what the pipeline uses of a sound to go by, and calls none
_SIDE = 24  # pixels of the pictures whose differences are the movement


@dataclass(frozen=True)
class ClipPreview:
    """What a clip looks like at a glance.

    Attributes:
        seconds: exact length; None of a still picture; of a sound, what is used of it.
        strip: PNG of up to 16 pictures side by side, evenly spaced.
        pictures: how many; 0 of a sound to go by.
        motion: mean absolute difference of neighbouring pictures, 25 a second, 0 .. 1 of the largest.
        facts: width, height, codec, container, has_sound, still.
        warnings: what the reader found strange.
        cuts: times (s) of shot changes.
    """

    seconds: Fraction | None
    strip: bytes
    pictures: int
    motion: list[float]
    facts: dict[str, Any]
    warnings: list[str]
    cuts: list[float] = field(default_factory=list)


def preview_sound(path: Path, limits: Limits) -> ClipPreview:
    """Read the beginning of a stored sound to go by; it has no pictures.

    Raises:
        RefusedError: 415 if it is no sound or a silent one.
    """
    try:
        wave, rate = media.read_sound(path, seconds=min(LIKE_SECONDS, Fraction(str(limits.seconds))))
    except MediaError as error:
        reason = str(error).removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")
        raise RefusedError(415, f"this file cannot be used as a sound: {reason}", "like") from None
    if not float(abs(wave).max(initial=0.0)) > SILENCE:
        raise RefusedError(415, "this recording is silent: give one that can be heard", "like")
    facts = {"width": 0, "height": 0, "codec": "", "container": "", "has_sound": True, "still": False}
    return ClipPreview(Fraction(wave.shape[1], rate), b"", 0, [], facts, [])


def preview_clip(path: Path, limits: Limits) -> ClipPreview:
    """Decode a stored clip once, as far as the limit on length.

    Raises:
        RefusedError: 415 if it is no picture or video, 413 if it lasts too long.
    """
    specs = {
        "strip": FrameSpec(STRIP_RATE, HEIGHT, WIDTH, "cover"),
        "motion": FrameSpec(MOTION_RATE, _SIDE, _SIDE),
    }
    most = Fraction(str(limits.seconds)) + 1
    try:
        claimed = media.claimed_info(path)
        limits.check_pixels(
            claimed.width,
            claimed.height,
            float((claimed.claimed_seconds or 0) * (claimed.frame_rate or 1)) or 1,
        )
        decoded = media.read_frames(path, specs, seconds=most, beyond="shorten")
    except MediaError as error:
        reason = str(error).removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")
        raise RefusedError(415, f"this file cannot be used as a clip: {reason}", "video") from None
    if not decoded.is_still:
        if decoded.seconds > Fraction(str(limits.seconds)):
            raise RefusedError(
                413, f"the clip lasts longer than the {limits.seconds:g} s this studio takes", "video"
            )
    facts = decoded.info
    shown = _spread(decoded.frames["strip"], 1 if decoded.is_still else PICTURES)
    return ClipPreview(
        None if decoded.is_still else decoded.seconds,
        png(torch.cat(list(shown), dim=1)),
        len(shown),
        [] if decoded.is_still else movement(decoded.frames["motion"]),
        {
            "width": facts.width,
            "height": facts.height,
            "codec": facts.codec,
            "container": facts.container,
            "has_sound": facts.audio_streams > 0,
            "still": decoded.is_still,
        },
        # The reader remarks that there is less than the limit; nobody asked for that much.
        [
            line.replace(f"{path.name}: ", "")
            for line in decoded.warnings
            if f"{float(most):g} s asked" not in line
        ],
        []
        if decoded.is_still
        else [float(cut) for cut in media.shot_cuts(decoded.frames["motion"], MOTION_RATE)],
    )


def _spread(frames: Tensor, count: int) -> Tensor:
    """Up to `count` pictures [k, h, w, 3], each from the middle of its share of the clip."""
    have = len(frames)
    count = min(count, have)
    return frames[[(2 * k + 1) * have // (2 * count) for k in range(count)]]


def movement(frames: Tensor) -> list[float]:
    """Curve of movement of pictures [f, h, w, 3]: f values, 0 .. 1 of the largest; the first is 0."""
    grey = frames.float().mean(dim=3)
    change = (grey[1:] - grey[:-1]).abs().mean(dim=(1, 2))
    largest = float(change.max()) if len(change) else 0.0
    scaled = change / largest if largest > 0 else change
    return [0.0, *(round(float(value), 4) for value in scaled)]


def png(picture: Tensor) -> bytes:
    """A picture uint8 [h, w, 3] as PNG (ISO/IEC 15948: signature, IHDR, IDAT, IEND; no filter)."""
    height, width, _ = picture.shape
    rows = picture.reshape(height, width * 3).numpy()
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# -- as JSON: between the processes, and in the records of the store


def preview_as_json(preview: ClipPreview) -> dict[str, Any]:
    """A preview for JSON: the strip in base64, the exact length as a fraction."""
    found = {**asdict(preview), "strip": base64.b64encode(preview.strip).decode()}
    found["seconds"] = None if preview.seconds is None else str(preview.seconds)
    return found


def preview_from(found: dict[str, Any]) -> ClipPreview:
    """The reverse of `preview_as_json`."""
    seconds = found["seconds"]
    fields = {**found, "strip": base64.b64decode(found["strip"])}
    return ClipPreview(**{**fields, "seconds": None if seconds is None else Fraction(seconds)})


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
