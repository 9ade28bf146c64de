"""How a stored picture becomes the shown one: what cameras note beside it instead of turning the pixels.

Knows the data beside a frame and arrays; nothing of files.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoFrame

Picture = NDArray[np.uint8]
_MOST_KINDS = 64


@dataclass(frozen=True)
class Orientation:
    """How the stored picture becomes the shown one: transpose first, then flip left-right and up-down."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """From the display matrix beside the frame (the nearest right angle)."""
        matrix = side_data(frame).get("DISPLAYMATRIX", b"")
        if len(matrix) < 36:
            return cls()
        m = np.frombuffer(matrix, dtype=np.int32, count=9)
        a, b, c, d = int(m[0]), int(m[1]), int(m[3]), int(m[4])
        if abs(a) >= abs(b):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    @classmethod
    def seen(cls, frame: VideoFrame, known: dict[int, Orientation]) -> Orientation:
        """`of`, asked once for each rotation.

        Touching a frame's side data ties frame and data into a cycle, which keeps the whole picture in
        memory until Python's next collection.
        """
        if frame.rotation not in known:
            known[frame.rotation] = cls.of(frame)
        return known[frame.rotation]

    @property
    def mirrors(self) -> bool:
        """The shown picture is a mirror image of the stored one."""
        return self.transpose ^ self.flip_x ^ self.flip_y

    def apply(self, picture: Picture) -> Picture:
        """Orientation [h, w, 3] (a view where possible)."""
        if self.transpose:
            picture = picture.transpose(1, 0, 2)
        return picture[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]


def side_data(frame: VideoFrame) -> dict[str, bytes]:
    """What lies beside a frame, by FFmpeg's names; {} where it cannot be read.

    PyAV lists all of it or nothing: one kind that is younger than PyAV (EXIF, views of spatial video) makes
    it raise. Those kinds are taken off first then, by their numbers.
    """
    try:
        return _listed(frame)
    except ValueError:
        try:
            return _listed(_known_only(frame))
        except (ValueError, OSError):
            return {}


def _listed(frame: Any) -> dict[str, bytes]:
    sides = frame.side_data
    # A mapping by its base class, it was iterated by value until PyAV 18 and is by key since 19.
    entries = (sides[one] if hasattr(one, "value") else one for one in sides)
    return {data.type.name: bytes(data) for data in entries}


def _known_only(frame: Any) -> Any:
    import av.filter
    from av.sidedata.sidedata import Type

    known: set[Any] = {kind.value for kind in Type}
    graph = av.filter.Graph()
    base = frame.time_base or Fraction(1, 1000)
    chain = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=base)]
    for kind in range(_MOST_KINDS):
        if kind not in known:
            chain.append(graph.add("sidedata", f"mode=delete:type={kind}"))
    chain.append(graph.add("buffersink"))
    for one, following in zip(chain, chain[1:], strict=False):
        one.link_to(following)
    graph.configure()
    graph.push(frame)
    return graph.pull()
