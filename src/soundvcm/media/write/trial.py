"""Asks the muxer itself: do the first packets of a track come back unchanged from a file of some kind?

    source, track => a file in memory, written and read again => yes or no

What FFmpeg's tables promise and what its muxers, the stream's own headers and its decoders really do are not
the same; so it is tried before any work is done. Knows packets and containers; nothing of time.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from soundvcm.media.read.resize import Orientation
from soundvcm.media.read.source import (
    codec_name,
    file_state,
    first_packets,
    open_media,
    sound_streams,
    spared_decoding,
    video_streams,
)
from soundvcm.media.write.containers import MP4_KIN, ffmpeg_format, sound_encoder
from soundvcm.media.write.encode_sound import SoundEncoder

_PACKETS = 24
_STEP = Fraction(1, 25)


def picture_trial(source: Any) -> Callable[[str], bool]:
    """Whether the pictures of a source come back from a kind of file (its suffix).

    Each kind is tried once for a source, and for a file once as long as it is as it was.
    """
    state = file_state(source)
    return cache(lambda suffix: _pictures(source, suffix) if state is None else _known(state, suffix))


@lru_cache(maxsize=256)
def _known(state: tuple[Any, ...], suffix: str) -> bool:
    return _pictures(Path(state[0]), suffix)


def _pictures(source: Any, suffix: str) -> bool:
    def choose(container: Any) -> Any:
        return video_streams(container)[0]

    # MP4 and its kin keep how a picture is turned, so equal packets are equal pictures: none is decoded.
    if suffix in MP4_KIN and _comes_back(source, suffix, choose, decodes=False):
        return True
    return _comes_back(source, suffix, choose)


def sound_trial(source: Any, track: int) -> Callable[[str], bool]:
    """Whether a sound track of a source comes back from a kind of file (its suffix)."""
    return cache(
        lambda suffix: _comes_back(source, suffix, lambda container: sound_streams(container)[track])
    )


def lost_metadata(suffix: str, metadata: dict[str, str], options: dict[str, str]) -> list[str]:
    """Names of facts that do not come back from a kind of file.

    Args:
        suffix: of the kind.
        metadata: facts by name.
        options: of the muxer.
    """
    import av

    if not metadata:
        return []
    kept = io.BytesIO()
    # What moves the index of a file to its beginning reads the file again, which memory does not offer.
    flags = {name: left for name, value in options.items() if (left := value.replace("+faststart", ""))}
    try:
        with av.open(kept, "w", format=ffmpeg_format(suffix), options=flags) as output:
            output.metadata.update(metadata)
            encoder = SoundEncoder(output, sound_encoder(suffix), 48_000, 1)
            output.mux([*encoder.encode(np.zeros((1, 4096), np.float32)), *encoder.finish()])
        with av.open(io.BytesIO(kept.getvalue()), "r") as again:
            found = {_plain_name(name) for name in again.metadata}
    except (av.FFmpegError, ValueError):
        return list(metadata)
    return [name for name in metadata if _plain_name(name) not in found]


def _plain_name(name: str) -> str:
    """Without its language ("title-eng"), in small letters."""
    return name.split("-")[0].lower()


def has_dolby_vision(stream: Any) -> bool:
    """Whether a track carries a Dolby Vision record (dvcC, dvvC, dvwC), found by asking the muxer of MP4."""
    import av

    if codec_name(stream) not in ("hevc", "h264", "av1"):
        return False
    kept = io.BytesIO()
    try:
        with av.open(
            kept, "w", format="mp4", options={"strict": "unofficial", "movflags": "empty_moov"}
        ) as output:
            copy_track(output, stream, ".mp4")
            output.start_encoding()
    except (av.FFmpegError, ValueError, NotImplementedError):
        return False
    return any(record in kept.getvalue() for record in (b"dvcC", b"dvvC", b"dvwC"))


def copy_track(output: Any, stream: Any, suffix: str) -> Any:
    """Add a track to an output whose packets will be those of `stream`; returns the new track.

    Raises:
        ValueError: if the container does not know the codec.
    """
    # "opaque": PyAV would otherwise ask for an encoder called like the decoder, and AV1 is decoded by dav1d.
    copy = output.add_stream_from_template(stream, opaque=True)
    if stream.type == "video" and stream.sample_aspect_ratio:
        copy.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio
    if suffix in (".mp4", ".m4v", ".mov") and codec_name(stream) == "hevc":
        copy.codec_context.codec_tag = "hvc1"  # FFmpeg's default hev1 is refused by Apple's players
    return copy


def _comes_back(source: Any, suffix: str, choose: Callable[[Any], Any], *, decodes: bool = True) -> bool:
    """Whether the first picture (or samples) is the same; without `decodes`, whether every byte is."""
    import av

    look = _first_frame if decodes else _bytes
    with open_media(source, decodes=decodes) as container:
        stream = choose(container)
        if not decodes and (stream.type != "video" or "mp4" not in container.format.name):
            return False
        packets = first_packets(container, stream, _PACKETS)
        before = look(stream, packets)
        kept = io.BytesIO()
        try:
            with av.open(kept, "w", format=ffmpeg_format(suffix)) as output:
                copy = copy_track(output, stream, suffix)
                copy.time_base = _STEP
                for k, packet in enumerate(packets):
                    packet.stream, packet.time_base = copy, _STEP
                    packet.pts = packet.dts = k
                    output.mux(packet)
            more = {} if decodes else spared_decoding()
            with av.open(io.BytesIO(kept.getvalue()), "r", options=more) as again:
                found = again.streams[0]
                if codec_name(found) != codec_name(stream) or _shape(found) != _shape(stream):
                    return False
                return before == look(found, first_packets(again, found, _PACKETS))
        except (av.FFmpegError, ValueError, NotImplementedError, OverflowError, AttributeError):
            return False


def _bytes(stream: Any, packets: list[Any]) -> tuple[bytes, ...]:
    """The decoder's headers and all packets."""
    return (stream.codec_context.extradata or b"", *(bytes(packet) for packet in packets))


def _shape(stream: Any) -> Fraction:
    """Width of a pixel over its height, as the container tells players."""
    return (stream.sample_aspect_ratio or Fraction(1)) if stream.type == "video" else Fraction(1)


def _first_frame(stream: Any, packets: list[Any]) -> tuple[Any, ...] | None:
    """The first picture, and how it is turned; or rate and channels of the first samples; or None."""
    import av

    for packet in [*packets, None]:
        hidden = packet is not None and packet.is_discard  # by an edit list, which a decoder obeys
        try:
            frames = stream.codec_context.decode(av.Packet(bytes(packet)) if hidden else packet)
        except (av.FFmpegError, ValueError):
            continue
        for frame in frames:
            if stream.type == "audio":  # what a decoder drops of its first samples depends on the container
                return frame.sample_rate, frame.layout.nb_channels
            return Orientation.of(frame), frame.to_ndarray(format="rgb24").tobytes()
    return None
