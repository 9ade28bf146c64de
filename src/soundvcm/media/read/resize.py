"""One decoded picture => the small RGB picture an encoder wants, upright, without keeping anything large.

What cameras note beside a picture instead of turning its pixels is applied once, "cover" crops before it
scales, and only what is kept is ever scaled. Knows FFmpeg's scaler and torch's; nothing of time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundvcm.errors import MediaError
from soundvcm.timeline import FrameSpec

if TYPE_CHECKING:
    from av import VideoFrame

Picture = NDArray[np.uint8]
_MOST_KINDS = 64
# Flags of FFmpeg's libswscale, by number: PyAV has no names for the last two before 18, but hands them on.
_BICUBIC, _ACCURATE_RND, _FULL_CHROMA = 0x4, 0x40000, 0x2000
_EXTREME = 4


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


def cover_box(
    width: int, height: int, out_width: int, out_height: int, aspect: Fraction
) -> tuple[int, int, int, int]:
    """(x, y, w, h): the centred part of a width x height picture that has the shape of the output.

    `aspect` is the width of one pixel over its height; at least one pixel is kept each way.
    """
    shape = Fraction(out_width, out_height) / aspect
    w, h = width, height
    if Fraction(width, height) > shape:
        w = max(1, min(width, round(height * shape)))
    else:
        h = max(1, min(height, round(width / shape)))
    return (width - w) // 2, (height - h) // 2, w, h


class FrameResizer:
    """Makes small pictures for one FrameSpec; keeps its scaler between frames, so use one per thread.

    The picture asked for last is kept too: windows that overlap ask for it again.
    """

    def __init__(self, spec: FrameSpec) -> None:
        self.spec = spec
        self._scalers: dict[str, Any] = {}
        self._turns: dict[int, Orientation] = {}
        self._cropper: tuple[Any, ...] | None = None
        self._last: tuple[Any, Picture] | None = None

    def __call__(self, picture: Any, aspect: Fraction = Fraction(1)) -> Picture:
        """uint8 [height, width, 3] from an av.VideoFrame or a uint8 array [h, w, 3].

        Raises:
            MediaError: if the picture's format cannot be turned into RGB.
        """
        if self._last is not None and self._last[0] is picture:
            return self._last[1]
        small = self._exact(picture) if isinstance(picture, np.ndarray) else self._of_frame(picture, aspect)
        self._last = picture, small
        return small

    def _of_frame(self, picture: VideoFrame, aspect: Fraction) -> Picture:
        turn = Orientation.seen(picture, self._turns)
        try:
            if self.spec.exact:
                return self._exact_frame(picture, turn)
            return self._scaled(picture, turn, aspect)
        except (OSError, ValueError, RuntimeError, NotImplementedError) as error:
            raise MediaError(f"a {picture.format.name} picture cannot be turned into RGB ({error})") from None

    def _size(self, turn: Orientation, height: int, width: int) -> tuple[int, int]:
        """Wanted (height, width) of the picture as stored."""
        shown_height, shown_width = (width, height) if turn.transpose else (height, width)
        wanted = self.spec.height or shown_height, self.spec.width or shown_width
        return (wanted[1], wanted[0]) if turn.transpose else wanted

    def _scaled(self, frame: VideoFrame, turn: Orientation, aspect: Fraction) -> Picture:
        height, width = self._size(turn, frame.height, frame.width)
        if self.spec.fit == "cover":
            frame = self._crop(frame, cover_box(frame.width, frame.height, width, height, aspect))
        array = self._rgb(frame, width, height)
        return np.ascontiguousarray(turn.apply(array))

    def _exact_frame(self, frame: VideoFrame, turn: Orientation) -> Picture:
        if self.spec.fit == "cover" and max(frame.width, frame.height) > _EXTREME * min(
            frame.width, frame.height
        ):
            side = _EXTREME * min(frame.width, frame.height)
            w, h = min(frame.width, side), min(frame.height, side)
            frame = self._crop(frame, ((frame.width - w) // 2, (frame.height - h) // 2, w, h))
        return self._exact(turn.apply(self._rgb(frame, frame.width, frame.height)))

    def _exact(self, array: Picture) -> Picture:
        """As torchvision's Resize (bicubic, antialias, uint8) and CenterCrop, in their order and rounding."""
        import torch  # only here: pictures are read while it is being loaded

        height, width = array.shape[:2]
        out_height, out_width = self.spec.height or height, self.spec.width or width
        to_height, to_width = out_height, out_width
        if self.spec.fit == "cover":
            scale = max(Fraction(out_height, height), Fraction(out_width, width))
            to_height, to_width = max(out_height, int(height * scale)), max(out_width, int(width * scale))
        image = torch.from_numpy(np.ascontiguousarray(array))
        if (to_height, to_width) != (height, width):
            planes = image.permute(2, 0, 1)[None]  # channels-last strides: 3 x faster than contiguous planes
            planes = torch.nn.functional.interpolate(
                planes, size=(to_height, to_width), mode="bicubic", antialias=True, align_corners=False
            )
            image = planes[0].permute(1, 2, 0)
        top, left = round((to_height - out_height) / 2), round((to_width - out_width) / 2)
        return image[top : top + out_height, left : left + out_width].contiguous().numpy()

    def _rgb(self, frame: VideoFrame, width: int, height: int) -> Picture:
        from av.video.reformatter import VideoReformatter

        key = f"{frame.width}x{frame.height}-{frame.format.name}"
        if key not in self._scalers:
            self._scalers = {key: VideoReformatter()}
        more = {"threads": 1} if "threads" in (VideoReformatter.reformat.__doc__ or "") else {}  # PyAV 17 on
        flags, layout = _BICUBIC, "rgb24"
        if not self.spec.exact:
            # Without these two the scaler's colours are up to 2 of 255 too dark. Encoders trained on FFmpeg's
            # plain full-size conversion (exact) get just that. With both of them planes hold the same bytes
            # as packed RGB, and are written by vector code where packed RGB has only plain C: half the time.
            flags |= _ACCURATE_RND | _FULL_CHROMA
            layout = "gbrp"
        out = self._scalers[key].reformat(frame, width, height, layout, interpolation=flags, **more)
        array: Picture = out.to_ndarray()
        return array

    def _crop(self, frame: VideoFrame, box: tuple[int, int, int, int]) -> VideoFrame:
        x, y, w, h = box
        if (w, h) == (frame.width, frame.height):
            return frame
        key = (frame.width, frame.height, frame.format.name, box)
        if self._cropper is None or self._cropper[0] != key:
            self._cropper = (key, *_crop_graph(frame, box))
        graph = self._cropper[1]
        graph.push(frame)
        return graph.pull()  # type: ignore[no-any-return]


def _crop_graph(frame: VideoFrame, box: tuple[int, int, int, int]) -> tuple[Any, ...]:
    """A filter that moves the picture's pointers; no pixel is copied."""
    import av.filter

    x, y, w, h = box
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or Fraction(1, 1000),
    )
    crop = graph.add("crop", f"{w}:{h}:{x}:{y}:exact=1")
    sink = graph.add("buffersink")
    source.link_to(crop)
    crop.link_to(sink)
    graph.configure()
    return graph, source, crop, sink
