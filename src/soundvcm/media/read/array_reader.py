"""Frames given from Python, [f, h, w, 3] uint8 with a frame rate, read like a file (case 03).

Knows nothing of files and decoders.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import numpy as np

from soundvcm.errors import OptionError, ShapeError
from soundvcm.media.read.frame_reader import DecodedFrame
from soundvcm.media.read.video_info import VideoInfo
from soundvcm.timeline import Seconds, exact_seconds


def is_array(source: object) -> bool:
    """True for frames in memory: an array, a tensor, or a list or tuple of them."""
    if isinstance(source, (list, tuple)):
        return bool(source) and _is_tensor(source[0])
    return _is_tensor(source)


def _is_tensor(source: object) -> bool:
    """An array of NumPy or a tensor of torch, which need not be loaded for the answer."""
    torch = sys.modules.get("torch")
    return isinstance(source, np.ndarray) or isinstance(source, getattr(torch, "Tensor", ()))


def _array(source: Any) -> np.ndarray[Any, Any]:
    tensor = not isinstance(source, np.ndarray) and _is_tensor(source)
    return source.detach().cpu().numpy() if tensor else np.asarray(source)


def _as_frames(source: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """[f, h, w, 3] uint8 from an array, tensor or sequence of pictures; grey [f, h, w] is repeated to three
    colours.

    Raises:
        ShapeError: for another number of axes or colours, or no frame at all.
        OptionError: for numbers that are not uint8.
    """
    if isinstance(source, Sequence):
        sizes = {tuple(part.shape) for part in source}
        if len(sizes) != 1:
            raise ShapeError(f"the frames have different shapes: {sorted(sizes)[:3]}")
        source = np.stack([_array(part) for part in source])
    array = _array(source)
    if array.dtype != np.uint8:
        raise OptionError(f"frames are uint8 from 0 to 255, not {array.dtype}: convert them first")
    if array.ndim == 3:
        array = np.repeat(array[..., None], 3, axis=3)
    if array.ndim != 4 or array.shape[3] not in (3, 4) or 0 in array.shape:
        raise ShapeError(f"frames have shape {array.shape}, expected [f h w 3] with at least one frame")
    return array[..., :3]


class ArrayReader:
    """Frames in memory behind the same door as a file: facts, `frames`, `seconds`, `warnings`.

    Raises:
        OptionError: if neither fps nor seconds says how long the frames last, or fps is not positive.
    """

    is_picture = False
    name = "frames"

    def __init__(self, source: Any, fps: Seconds | None, seconds: Fraction | None) -> None:
        self.array = _as_frames(source)
        count, height, width = self.array.shape[:3]
        if fps is None and seconds is None:
            raise OptionError(
                "frames in an array have no frame rate: give fps=... (or duration=... in seconds)"
            )
        rate = exact_seconds(fps) if fps is not None else count / (seconds or Fraction(1))
        if rate <= 0:
            raise OptionError(f"fps must be more than 0, not {float(rate):g}")
        self.rate = rate
        self.seconds: Fraction | None = count / rate
        self.info = VideoInfo(
            width=width, height=height, frame_rate=rate, pix_fmt="rgb24", codec="array", container="array",
            claimed_seconds=self.seconds, video_streams=1, is_encoded=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def frames(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> Iterator[DecodedFrame]:
        """Pictures from the one on screen at `start` up to `end` (s)."""
        count = len(self.array)
        for index in range(min(count - 1, max(0, int(start * self.rate))), count):
            time = index / self.rate
            if end is not None and time >= end:
                return
            yield DecodedFrame(index, time, 1 / self.rate, self.array[index])

    def warnings(self) -> list[str]:
        """Nothing can be wrong with frames in memory."""
        return []
