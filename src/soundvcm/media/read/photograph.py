"""A photograph that a phone stored as tiles (HEIC), put together by pillow-heif where that is installed.

FFmpeg hands out the tiles one by one. Knows one file and one array; nothing of time.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import numpy as np

from soundvcm.errors import MediaError
from soundvcm.media.read.array_reader import ArrayReader
from soundvcm.media.read.source import MAX_PIXELS, reason, source_name, source_path


class TiledPhotograph(ArrayReader):
    """The whole photograph, upright, behind the same door as a file.

    Args:
        source: a path, bytes or an open file.

    Raises:
        MediaError: if it cannot be read, or pillow-heif is not installed.
    """

    is_picture = True

    def __init__(self, source: Any) -> None:
        super().__init__(_whole(source)[None], None, Fraction(1))
        self.name = source_name(source)
        self.info.codec, self.info.container, self.info.is_encoded = "hevc", "heif", True


def _whole(source: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    name = source_name(source)
    try:
        from pillow_heif import open_heif
    except ImportError:
        raise MediaError(
            f"{name}: is a photograph in tiles (HEIC): to read it, pip install 'soundvcm[heic]',"
            " or save it as JPEG"
        ) from None
    file = source_path(source) or source
    if isinstance(file, (bytes, bytearray, memoryview)):
        file = io.BytesIO(file)
    try:
        picture = open_heif(file)
        if picture.size[0] * picture.size[1] > MAX_PIXELS:
            raise MediaError(f"{name}: has {picture.size[0]}x{picture.size[1]} pixels, more than can be read")
        return np.array(picture)[..., :3].copy()
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"{name}: not a readable photograph ({reason(error)})") from None
