"""Broadcast WAV: a sound file that knows at which timecode it begins; editing programs place it there.

    WAV, timecode => WAV with a `bext` chunk (EBU Tech 3285)

The time reference counts samples since midnight. Knows bytes; samples are copied as they are.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from soundvcm.errors import MediaError
from soundvcm.media.read.timecode import Timecode
from soundvcm.media.write.target import whole_file

_BEXT = struct.Struct("<256s32s32s10s8sIIH64s10s180s")
_BLOCK = 1 << 20
_LARGEST = (1 << 32) - 1


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
