"""Broadcast WAV: a sound file that knows at which timecode it begins; editing programs place it there.

    WAV, timecode => WAV with a `bext` chunk (EBU Tech 3285)

The time reference counts samples since midnight. Timecode is SMPTE ST 12-1, with and without dropped numbers.
Knows bytes and rational numbers; samples are copied as they are.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from soundvcm.errors import MediaError, OptionError
from soundvcm.media.read.frame_clock import tidy_rate
from soundvcm.media.read.source import open_media
from soundvcm.media.write.whole_file import whole_file

_WORDS = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")
_BEXT = struct.Struct("<256s32s32s10s8sIIH64s10s180s")
_BLOCK = 1 << 20
_LARGEST = (1 << 32) - 1


@dataclass(frozen=True)
class Timecode:
    """A timecode at its rate.

    Attributes:
        frames: pictures since 00:00:00:00, dropped numbers not counted.
        rate: pictures a second, exact (30000/1001 and its like).
        drop: whether numbers are dropped, as 29.97 and 59.94 do to keep up with the clock.
    """

    frames: int
    rate: Fraction
    drop: bool = False

    @classmethod
    def read(cls, words: str, rate: Fraction) -> Timecode:
        """From "10:00:00:00", or "10:00:00;00" with dropped numbers.

        Raises:
            OptionError: if it is none, or no timecode of this rate.
        """
        found = _WORDS.fullmatch(words.strip())
        if found is None:
            raise OptionError(
                f"{words!r} is no timecode, such as 10:00:00:00 or, dropping numbers, 10:00:00;00"
            )
        if rate <= 0:
            raise OptionError(f"a timecode counts above 0 pictures a second, not {rate}")
        hours, minutes, seconds, frame = (int(found[k]) for k in (1, 2, 3, 5))
        base, drop = round(rate), found[4] != ":"
        if hours > 23 or minutes > 59 or seconds > 59 or frame >= base:
            raise OptionError(f"{words} is no timecode at {float(rate):g} pictures a second")
        skip = _dropped(rate) if drop else 0
        if skip and seconds == 0 and minutes % 10 and frame < skip:
            raise OptionError(f"{words} is one of the numbers that are dropped: it never stands in a picture")
        total = 60 * hours + minutes
        count = (60 * total + seconds) * base + frame - skip * (total - total // 10)
        return cls(count, rate, drop)

    @property
    def seconds(self) -> Fraction:
        """Since midnight."""
        return self.frames / self.rate

    def later(self, seconds: Fraction) -> Timecode:
        """The timecode of the picture shown so many seconds later, within the day."""
        day = Timecode.read(
            "23:59:59" + (";" if self.drop else ":") + f"{round(self.rate) - 1:02}", self.rate
        )
        return Timecode((self.frames + int(seconds * self.rate)) % (day.frames + 1), self.rate, self.drop)

    def __str__(self) -> str:
        base, count = round(self.rate), self.frames
        if self.drop:
            skip = _dropped(self.rate)
            minute, ten = 60 * base - skip, 600 * base - 9 * skip
            tens, rest = divmod(count, ten)
            count += 9 * skip * tens + (skip * ((rest - skip) // minute) if rest > skip else 0)
        seconds, frame = divmod(count, base)
        mark = ";" if self.drop else ":"
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{frame:02}"


def _dropped(rate: Fraction) -> int:
    """Numbers dropped each minute but every tenth.

    Raises:
        OptionError: for rates that drop none.
    """
    if rate not in (Fraction(30000, 1001), Fraction(60000, 1001)):
        raise OptionError(
            f"only 29.97 and 59.94 drop numbers, not {float(rate):g}: write the timecode with :"
        )
    return 2 if round(rate) == 30 else 4


def clip_timecode(video: Path) -> Timecode | None:
    """The timecode a clip begins at, as its camera or editing program wrote it; None if it has none.

    Raises:
        MediaError: if it cannot be read.
    """
    rate = picture_rate(video)
    with open_media(video) as container:
        for place in (*container.streams.video, *container.streams, container):
            words = place.metadata.get("timecode")
            if words and rate:
                return Timecode.read(words, rate)
    return None


def picture_rate(video: Path) -> Fraction | None:
    """Pictures a second that a clip names; None of one that names none.

    Raises:
        MediaError: if it cannot be read.
    """
    with open_media(video) as container:
        pictures = container.streams.video
        return tidy_rate(pictures[0].average_rate or pictures[0].guessed_rate) if pictures else None


def stamp(sound: Path, output: Path, begins: Timecode, offset: Fraction = Fraction(0), note: str = "") -> int:
    """Copy a WAV and tell in it where it begins.

    Args:
        sound: a WAV file.
        output: the copy; may be the file itself.
        begins: timecode of the clip's first picture.
        offset: seconds from there to the first sample.
        note: description for people, at most 256 characters of ASCII.

    Returns:
        The time reference: samples from midnight to the first sample.

    Raises:
        MediaError: if it is no WAV, too large for one, or cannot be written.
    """
    try:
        with sound.open("rb") as source:
            chunks = list(_chunks(source, sound))
            rate = next((_rate(source, at) for name, at, _ in chunks if name == b"fmt "), 0)
            if not rate or not any(name == b"data" for name, _, _ in chunks):
                raise MediaError(f"{sound}: a WAV without sound")
            reference = round((begins.seconds + offset) * rate)
            kept = [(b"bext", _bext(reference, note)), *((n, (a, s)) for n, a, s in chunks if n != b"bext")]
            with whole_file(output) as part, part.open("wb") as target:
                _write(source, target, kept, sound)
    except OSError as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"{sound}: cannot be read ({error.strerror or error})") from None
    return reference


def read_reference(sound: Path) -> int | None:
    """The time reference of a broadcast WAV, in samples; None of one without.

    Raises:
        MediaError: if it is no WAV.
    """
    with sound.open("rb") as source:
        for name, at, size in _chunks(source, sound):
            if name == b"bext" and size >= _BEXT.size:
                source.seek(at)
                low, high = _BEXT.unpack(source.read(_BEXT.size))[5:7]
                return int(low) + (int(high) << 32)
    return None


def _chunks(source: BinaryIO, name: Path) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and size of each chunk of a WAV."""
    head = source.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise MediaError(f"{name}: is no WAV file: only WAV carries a time reference")
    end = os.fstat(source.fileno()).st_size
    at = 12
    while at + 8 <= end:
        source.seek(at)
        chunk, size = struct.unpack("<4sI", source.read(8))
        if at + 8 + size > end:
            raise MediaError(f"{name}: the WAV is cut off")
        yield chunk, at + 8, size
        at += 8 + size + size % 2


def _rate(source: BinaryIO, at: int) -> int:
    source.seek(at + 4)
    return int.from_bytes(source.read(4), "little")


def _bext(reference: int, note: str) -> bytes:
    words = note.encode("ascii", "replace")[:256]
    low, high = reference & _LARGEST, reference >> 32
    return _BEXT.pack(words, b"soundvcm", b"", b"", b"", low, high, 1, b"", b"", b"")


def _write(source: BinaryIO, target: BinaryIO, chunks: list[tuple[bytes, Any]], name: Path) -> None:
    sizes = [len(body) if isinstance(body, bytes) else body[1] for _, body in chunks]
    total = 4 + sum(8 + size + size % 2 for size in sizes)
    if total > _LARGEST:
        raise MediaError(f"{name}: is too large for a WAV (4 GB)")
    target.write(b"RIFF" + struct.pack("<I", total) + b"WAVE")
    for (chunk, body), size in zip(chunks, sizes, strict=True):
        target.write(struct.pack("<4sI", chunk, size))
        if isinstance(body, bytes):
            target.write(body)
        else:
            source.seek(body[0])
            left = size
            while left:
                block = source.read(min(left, _BLOCK))
                target.write(block)
                left -= len(block)
        target.write(b"\0" * (size % 2))
