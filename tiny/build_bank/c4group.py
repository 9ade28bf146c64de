"""Reads the group archives of OpenClonk (`*.ocg`, `*.ocf`, `*.ocd`, `*.ocs`), in which the package keeps
its sounds.

A group is a gzip stream whose two magic bytes are 1e 8c instead of 1f 8b; inside lie a scrambled header of
204 bytes, entries of 316 bytes each, then the files. Groups nest. Knows nothing of sounds.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_HEADER_BYTES = 204
_ENTRY_BYTES = 316
_MAGIC = b"RedWolf Design GrpFolder"


def _unscrambled(header: bytes) -> bytes:
    """The header with its bytes put back: every byte xor 237, then bytes 0 and 2 of each three exchanged."""
    plain = bytearray(byte ^ 237 for byte in header)
    for i in range(0, len(plain) - 2, 3):
        plain[i], plain[i + 2] = plain[i + 2], plain[i]
    return bytes(plain)


def _walk(data: bytes, prefix: str) -> Iterator[tuple[str, bytes]]:
    header = _unscrambled(data[:_HEADER_BYTES])
    if not header.startswith(_MAGIC):
        raise ValueError(f"{prefix}: not a group archive (its header does not say {_MAGIC.decode()})")
    (count,) = struct.unpack_from("<i", header, 36)
    body = _HEADER_BYTES + count * _ENTRY_BYTES
    for i in range(count):
        entry = data[_HEADER_BYTES + i * _ENTRY_BYTES :][:_ENTRY_BYTES]
        name = entry[:260].split(b"\0", 1)[0].decode("latin-1")
        _, is_group, size, _, offset = struct.unpack_from("<5i", entry, 260)
        content = data[body + offset : body + offset + size]
        path = f"{prefix}/{name}"
        if is_group:
            yield from _walk(content, path)
        else:
            yield path, content


def read_group(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every file inside the archive at `path` as (slash-separated name that begins with the archive's own,
    content).

    Raises ValueError when the file is not such an archive.
    """
    packed = path.read_bytes()
    if packed[:2] == b"\x1e\x8c":
        packed = b"\x1f\x8b" + packed[2:]
    data = zlib.decompress(packed, wbits=31) if packed[:2] == b"\x1f\x8b" else packed
    yield from _walk(data, path.name)
