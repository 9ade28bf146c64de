"""The reader for any source, and ranges as exact fractions: a source is a file or frames in memory."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from soundvcm.errors import OptionError
from soundvcm.media.read.array_reader import ArrayReader, is_array
from soundvcm.media.read.frame_reader import FrameReader
from soundvcm.timeline import Seconds, exact_seconds


def open_reader(source: Any, fps: Seconds | None, seconds: Fraction | None) -> FrameReader | ArrayReader:
    """The reader for frames in memory or for a file."""
    if is_array(source):
        return ArrayReader(source, fps, seconds)
    if fps is not None:
        raise OptionError("fps is only for frames in an array: a file carries its own times")
    return FrameReader(source)


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
