"""One range of any source of pictures: opened, its pictures in order of showing, each with its end.

A source is a file, a photograph that a phone stored as tiles (HEIC: FFmpeg hands these out one by one,
pillow-heif puts them together) or frames in memory. Whoever needs pictures (encoders, windows, encoding
anew, a look at the beginning) reads them through `FrameRange`. Knows readers; not what the pictures are for.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import numpy as np

from soundvcm.errors import MediaError, OptionError
from soundvcm.media.read.array_reader import ArrayReader, is_array
from soundvcm.media.read.frame_reader import DecodedFrame, FrameReader
from soundvcm.media.read.source import MAX_PIXELS, file_state, reason, source_name, source_path
from soundvcm.media.read.video_info import VideoInfo
from soundvcm.timeline import Seconds, exact_seconds


class _TiledPhotograph(ArrayReader):
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


def check_range(start: Seconds, seconds: Seconds | None) -> tuple[Fraction, Fraction | None]:
    """Start and length as exact fractions.

    Raises:
        OptionError: if start is negative or the length is not positive.
    """
    begin = exact_seconds(start)
    length = None if seconds is None else exact_seconds(seconds)
    if begin < 0:
        raise OptionError(f"start must not be negative, not {float(begin):g} s")
    if length is not None and length <= 0:
        raise OptionError(f"the duration must be more than 0 s, not {float(length):g}")
    return begin, length


class FrameRange:
    """A range of a source being read; a context manager. `first` is its first picture.

    Args:
        source: a file, or frames in memory (then with `fps` or `seconds`).
        start: beginning of the range, s since the source's first picture.
        seconds: its length; None to the end.
        fps: pictures a second of frames in memory.

    Raises:
        OptionError: for a range that makes no sense, or `fps` of a file.
        MediaError: if the source cannot be read or holds no pictures.
    """

    def __init__(
        self, source: Any, start: Seconds = 0, seconds: Seconds | None = None, fps: Seconds | None = None
    ) -> None:
        self.source = source
        self.start, self.asked = check_range(start, seconds)
        self.end = None if self.asked is None else self.start + self.asked
        self.reader: FrameReader | ArrayReader
        if is_array(source):
            self.reader = ArrayReader(source, fps, self.asked)
        elif fps is not None:
            raise OptionError("fps is only for frames in an array: a file carries its own times")
        else:
            self.reader = FrameReader(source)

    def __enter__(self) -> Self:
        self.reader.__enter__()
        try:
            if isinstance(self.reader, FrameReader) and self.reader.is_tiled:
                self.reader.__exit__(None, None, None)
                self.reader = _TiledPhotograph(self.source)
            self._frames = self.reader.frames(self.start, self.end)
            self.first = next(self._frames)
            self._second = next(self._frames, None)
        except BaseException:
            self.close()
            raise
        if self._second is not None and not (isinstance(self.reader, FrameReader) and self.reader.sought):
            _remember(self.source, self.reader.info)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reader.__exit__(kind, error, trace)

    def close(self) -> None:
        """Close the source."""
        self.reader.__exit__(None, None, None)

    @property
    def name(self) -> str:
        """What to call the source in messages."""
        return self.reader.name

    @property
    def is_still(self) -> bool:
        """A single picture, which lasts as long as asked."""
        return self._second is None and self.reader.is_picture

    def pictures(self) -> Iterator[tuple[DecodedFrame, Fraction | None]]:
        """Each picture with the time (s) of the one that follows it; None for the last one of the range."""
        held, following = self.first, self._second
        while following is not None:
            yield held, following.time
            held, following = following, next(self._frames, None)
        yield held, None

    def whole(self) -> Fraction | None:
        """Length (s) of the source where reading came to its end, else None; known after `pictures`.

        Raises:
            MediaError: if the range begins behind it.
        """
        whole = self.reader.seconds
        if whole is not None and self.start >= whole:
            raise MediaError(
                f"{self.name}: start {float(self.start):g} s lies beyond its end ({float(whole):.3f} s)"
            )
        return whole


def claimed_info(source: Any, *, decodes: bool = True) -> VideoInfo:
    """What the container says of itself; no more than its first picture is decoded.

    Args:
        source: a file.
        decodes: False spares that one too, where the container says enough without.

    Raises:
        MediaError: if the source cannot be read.
    """
    with FrameReader(source, decodes=decodes) as reader:
        return reader.info


# What was found at the beginning of files that were read: whoever writes a clip after its pictures were read
# need not read them again.
_KEPT_FILES = 64
_seen: dict[tuple[Any, ...], VideoInfo] = {}


def _remember(source: Any, info: VideoInfo) -> None:
    state = None if is_array(source) else file_state(source)
    if state is not None:
        _seen[state] = replace(info)
        while len(_seen) > _KEPT_FILES:
            _seen.pop(next(iter(_seen)), None)


def inspect(video: Any, fps: Seconds | None = None, seconds: Fraction | None = None) -> VideoInfo:
    """Read the beginning of a source of pictures: its codec, when it begins, its tracks.

    A file that was read before, and is as it was, is not read again.

    Args:
        video: a file, or frames in memory.
        fps: pictures a second of frames in memory.
        seconds: their length, where that is given in place of fps.

    Raises:
        MediaError: if it cannot be read.
    """
    known = None if is_array(video) else _seen.get(file_state(video) or ())
    if known is not None:
        return replace(known)
    with FrameRange(video, 0, seconds if is_array(video) else None, fps) as pictures:
        return replace(pictures.reader.info, is_still=pictures.is_still)
