"""How pixels are to be shown, kept when they are encoded anew: their shape, range, colours, HDR metadata.

    first picture => what an encoder must be told, so that players show the new pixels as they showed the old

Numbers are those of ITU-T H.273 (2 and 0 mean: not said). Knows frames and encoders' settings.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from soundvcm.media.read.resize import Orientation, side_data
from soundvcm.media.read.video_info import VideoInfo

_UNSAID, _FULL = 2, 2
_BT601 = 6
_FIELD_ORDERS = ("unknown", "progressive", "tt", "bb", "tb", "bt")  # FFmpeg's AVFieldOrder
INTERLACED = ("libx264", "mpeg4")
_HDR = (16, 18)  # transfer: SMPTE ST 2084 (PQ), ARIB STD-B67 (HLG)


@dataclass(frozen=True)
class Appearance:
    """What is told to an encoder.

    Attributes:
        aspect: width of one pixel over its height, as shown upright.
        pix_fmt: to encode in.
        full: the whole range of numbers is used, not 16 .. 235.
        squeezed: it is brought into 16 .. 235, for files that cannot tell.
        matrix, primaries, transfer: H.273.
        fields: of interlaced pictures, as `VideoInfo.fields`; they stay so where they are not turned and the
            encoder can.
        mastering: display it was graded on, and largest levels, as x265 wants them told.
    """

    aspect: Fraction = Fraction(1)
    pix_fmt: str = "yuv420p"
    full: bool = False
    squeezed: bool = False
    matrix: int = _UNSAID
    primaries: int = _UNSAID
    transfer: int = _UNSAID
    fields: str = "progressive"
    mastering: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: Any, turn: Orientation, info: VideoInfo) -> Appearance:
        """That of a source, by its first picture."""
        aspect = info.pixel_aspect
        rgb = frame.format.is_rgb or frame.format.name.startswith(("gbr", "pal"))
        yuv = not rgb and frame.format.name.startswith(("yuv", "nv", "p0"))
        full = yuv and (frame.format.name.startswith("yuvj") or frame.color_range == _FULL)
        transfer = int(getattr(frame, "color_trc", _UNSAID))
        is_hdr = transfer in _HDR
        return cls(
            aspect=1 / aspect if turn.transpose else aspect,
            pix_fmt="yuv420p10le" if is_hdr else "yuv420p",
            full=full,
            matrix=_BT601 if rgb else int(frame.colorspace),
            primaries=int(getattr(frame, "color_primaries", _UNSAID)),
            transfer=transfer,
            fields=info.fields if turn == Orientation() else "progressive",
            mastering=_mastering(side_data(frame)) if is_hdr else {},
        )

    @property
    def is_hdr(self) -> bool:
        """Graded for displays brighter than usual, in ten bits."""
        return self.transfer in _HDR

    @property
    def is_interlaced(self) -> bool:
        """Each picture is two, one in the even and one in the odd lines."""
        return self.fields != "progressive"

    def describe(self, stream: Any, encoder: str) -> None:
        """Tell the encoder, which must not be open yet."""
        from av.codec.context import Flags

        context = stream.codec_context
        stream.pix_fmt = self.pix_fmt if encoder == "libx265" else "yuv420p"
        context.color_range = 2 if self.full and not self.squeezed else 1
        if self.matrix not in (0, _UNSAID):
            context.colorspace = self.matrix
        if self.primaries not in (0, _UNSAID):
            context.color_primaries = self.primaries
        if self.transfer not in (0, _UNSAID):
            context.color_trc = self.transfer
        context.sample_aspect_ratio = self.aspect.limit_denominator(10_000)
        if self.is_interlaced and encoder in INTERLACED:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
            if hasattr(context, "field_order"):  # PyAV 15 cannot tell it; the pictures themselves do
                context.field_order = _FIELD_ORDERS.index(self.fields)
            if encoder == "libx264":
                first = "tff" if self.fields in ("tt", "bt") else "bff"
                context.options = {**dict(context.options), "x264-params": f"{first}=1"}
        if encoder == "libx265" and self.mastering:
            told = [f"{name}={value}" for name, value in self.mastering.items()]
            options = dict(context.options)
            options["x265-params"] = ":".join([options.get("x265-params", ""), *told]).strip(":")
            context.options = options


def _mastering(beside: dict[str, bytes]) -> dict[str, str]:
    found = {}
    display = beside.get("MASTERING_DISPLAY_METADATA", b"")
    if len(display) >= 88:
        numbers = struct.unpack("<20i2i", display[:88])
        values = [Fraction(numbers[k], numbers[k + 1] or 1) for k in range(0, 20, 2)]
        red, green, blue, white = ([round(v * 50_000) for v in values[k : k + 2]] for k in (0, 2, 4, 6))
        low, high = (round(v * 10_000) for v in values[8:10])
        if numbers[20] and numbers[21]:
            found["master-display"] = (
                f"G({green[0]},{green[1]})B({blue[0]},{blue[1]})R({red[0]},{red[1]})"
                f"WP({white[0]},{white[1]})L({high},{low})"
            )
    light = beside.get("CONTENT_LIGHT_LEVEL", b"")
    if len(light) >= 8:
        most, mean = struct.unpack("<2I", light[:8])
        found["max-cll"] = f"{most},{mean}"
    return found
