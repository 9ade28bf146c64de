"""What a source of pictures is, as the pipeline sees it: sizes, rates, tracks. Knows no file, no decoder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any


@dataclass
class VideoInfo:
    """What a source is, as the pipeline sees it.

    Attributes:
        width, height: of the picture as shown (after rotation), in pixels.
        frame_rate: pictures a second the container names, None if it names none.
        pix_fmt, codec, container: FFmpeg's names.
        rotation: degrees counter-clockwise by which the stored picture is turned for showing.
        mirrored: the stored picture is also flipped.
        pixel_aspect: width of one pixel over its height.
        fields: "progressive", or "tt", "bb", "tb", "bt" of interlaced pictures: the field stored first, and
            the one shown first.
        has_alpha: transparency that only WebM and Matroska keep.
        start_time: timestamp (s) of the first picture in the file's own time.
        claimed_seconds: length the container claims, None if it does not say.
        audio_streams: number of sound tracks that can be decoded.
        video_streams: number of picture tracks that can be decoded (cover art not counted).
        unknown_streams: number of sound and picture tracks in a coding that has no decoder here.
        unknown_audio: of those, the sound tracks.
        rates: frame rates the container names, likeliest first.
        origin: timestamp (ticks) of the first picture.
        stream: index of the picture track in the file.
        is_encoded: the pictures are always encoded for a video: stills, animations, frames in memory.
        is_still: a single picture, which lasts as long as asked.
    """

    width: int = 0
    height: int = 0
    frame_rate: Fraction | None = None
    pix_fmt: str | None = None
    codec: str = ""
    container: str = ""
    rotation: int = 0
    mirrored: bool = False
    pixel_aspect: Fraction = Fraction(1)
    fields: str = "progressive"
    has_alpha: bool = False
    start_time: Fraction = Fraction(0)
    claimed_seconds: Fraction | None = None
    audio_streams: int = 0
    video_streams: int = 0
    unknown_streams: int = 0
    unknown_audio: int = 0
    rates: tuple[Fraction, ...] = ()
    origin: int = 0
    stream: int = 0
    is_encoded: bool = False
    is_still: bool = False

    def as_dict(self) -> dict[str, Any]:
        """What a user may want to know, as a dictionary."""
        ours = ("unknown_audio", "rates", "origin", "stream", "is_encoded", "is_still")
        return {name: value for name, value in asdict(self).items() if name not in ours}
