"""Whether a packet that a container marks as a key picture is decodable by itself, as far as its bytes tell.

H.264 streams mark places from which a decoder recovers only after a while (ITU-T H.264, D.2.8), so their
packets are looked into: a picture of NAL unit type 5 (IDR) needs no other. Knows bytes only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from soundvcm.media.read.source import codec_name

_IDR = 5


def needs_no_other(stream: Any, packet: Any) -> bool:
    """True if the key packet is surely a whole picture; False if it must be decoded to be sure."""
    if codec_name(stream) != "h264":
        return True
    return any(kind == _IDR for kind in _nal_types(bytes(packet), stream.codec_context.extradata or b""))


def _nal_types(data: bytes, headers: bytes) -> Iterator[int]:
    if headers[:1] == b"\x01" and len(headers) > 4:  # lengths before the units, as in mp4 and Matroska
        size, at = (headers[4] & 3) + 1, 0
        while at + size < len(data):
            length = int.from_bytes(data[at : at + size], "big")
            yield data[at + size] & 31
            at += size + length
        return
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 3:
        yield data[at + 3] & 31
        at = data.find(b"\0\0\1", at + 3)
