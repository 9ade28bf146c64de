"""Which codecs a file of each kind can hold, by what players accept and by trying; and which kind to choose.

    source, track => its first packets in a file in memory, written and read again => unchanged?

What players accept is stricter than what FFmpeg would write; and what FFmpeg's tables promise and what its
muxers, the stream's own headers and its decoders really do are not the same, so it is tried before any work
is done. Knows packets and containers; nothing of time.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from soundvcm.errors import OptionError
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
from soundvcm.media.suffixes import VIDEO_OUTPUTS
from soundvcm.media.write.encode_sound import SoundEncoder

MP4_KIN = (".mp4", ".m4v", ".mov")

# Pictures that are copied as they are, by the names of codecs (not of decoders). Matroska takes whatever
# comes back from it unchanged.
_VIDEO = {
    ".mp4": {"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "vvc"},
    ".mov": {"h264", "hevc", "av1", "mpeg4", "mpeg2video", "prores", "prores_raw", "dnxhd", "mjpeg", "qtrle",
             "cinepak", "h263", "svq3", "svq1", "dvvideo", "cfhd", "rpza", "hap"},
    ".webm": {"vp8", "vp9", "av1"},
    # Not H.264 and MPEG-1/2: AVI has no showing times, and their decoders wait for pictures out of order.
    ".avi": {"mpeg4", "mjpeg", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "dvvideo", "cinepak",
             "indeo3", "indeo5", "huffyuv", "ffvhuff", "utvideo", "ffv1", "magicyuv",
             "msvideo1", "svq1", "h263", "h261"},
}  # fmt: skip
_VIDEO[".m4v"] = _VIDEO[".mp4"]
_HOMES = (".mp4", ".mov", ".webm", ".mkv")

# First the encoder used unless another is asked for; then the others the file can hold.
_SOUND = {
    ".mp4": ("aac", "flac", "libopus", "libmp3lame"),
    ".m4v": ("aac", "flac", "libopus", "libmp3lame"),
    ".mov": ("aac", "pcm_s16le", "pcm_f32le", "libmp3lame"),
    ".webm": ("libopus",),
    ".mkv": ("flac", "libopus", "aac", "pcm_s16le", "pcm_f32le", "libmp3lame"),
    ".avi": ("pcm_s16le", "libmp3lame"),
}
# Sound that players accept besides; Matroska takes whatever comes back from it unchanged.
_MORE_SOUND = {
    ".mp4": {"ac3", "eac3", "alac"},
    ".m4v": {"ac3", "eac3", "alac"},
    ".mov": {"alac", "ac3", "pcm_s24le"},
    ".webm": {"vorbis"},
}
_FORMATS = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".webm": "webm", ".mkv": "matroska", ".avi": "avi"
}  # fmt: skip
_ENCODERS = {"opus": "libopus", "mp3": "libmp3lame", "pcm": "pcm_s16le"}
_DECODED = {"libopus": "opus", "libmp3lame": "mp3"}
_PACKETS = 24
_STEP = Fraction(1, 25)


@dataclass(frozen=True)
class Choice:
    """Where pictures go: the suffix of the file, whether they are copied as they are, and why it is not as
    asked.
    """

    suffix: str
    copy: bool
    message: str | None = None


def choose_container(
    codec: str,
    wanted: str,
    *,
    alpha: bool = False,
    may_rename: bool = True,
    fits: Callable[[str], bool] | None = None,
) -> Choice:
    """The kind of file for pictures of `codec` when `wanted` (a suffix) was asked for.

    Args:
        codec: FFmpeg's name of the codec of the pictures.
        wanted: suffix such as ".mp4".
        alpha: the pictures carry transparency that only WebM and Matroska keep (VP8, VP9).
        may_rename: False re-encodes for the wanted kind instead of choosing another.
        fits: whether the pictures really come back from a file of a kind; see `trial.picture_trial`.

    Raises:
        OptionError: if `wanted` is no kind of video file we write.
    """
    wanted = wanted.lower()
    if wanted not in _FORMATS:
        raise OptionError(
            f"cannot write a {wanted or 'nameless'} video: use one of {', '.join(VIDEO_OUTPUTS)}"
        )

    def holds(suffix: str) -> bool:
        if alpha and suffix not in (".webm", ".mkv"):
            return False
        return (suffix == ".mkv" or codec in _VIDEO[suffix]) and (fits is None or fits(suffix))

    if holds(wanted):
        return Choice(wanted, True)
    label = f"{codec} with transparency" if alpha else codec
    home = next((suffix for suffix in _HOMES if holds(suffix)), None) if may_rename else None
    if home is not None:
        return Choice(home, True, f"{label} pictures do not fit {wanted}: written as {home}")
    return Choice(wanted, False, f"{label} pictures do not fit {wanted}: encoded anew")


def sound_encoder(suffix: str, asked: str | None = None) -> str:
    """FFmpeg's encoder for the sound of a kind of file.

    Args:
        suffix: of the video file.
        asked: aac, opus, flac, mp3, pcm (or FFmpeg's own name); None takes the usual one.

    Raises:
        OptionError: if the file cannot hold it.
    """
    fitting = _SOUND[suffix]
    if asked is None:
        return fitting[0]
    encoder = _ENCODERS.get(asked, asked)
    if encoder not in fitting:
        names = ", ".join(_DECODED.get(name, name) for name in fitting)
        raise OptionError(f"{suffix} cannot hold {asked} sound: use one of {names}")
    return encoder


def holds_sound(suffix: str, codec: str) -> bool:
    """True if players accept packets of this sound codec in that kind of file."""
    if suffix == ".avi":
        return False  # AVI cannot say when a sound begins: it is written anew from the first picture on
    names = {_DECODED.get(name, name) for name in _SOUND[suffix]} | _MORE_SOUND.get(suffix, set())
    return suffix == ".mkv" or codec in names


def ffmpeg_format(suffix: str) -> str:
    """FFmpeg's name of the muxer for a suffix."""
    return _FORMATS[suffix]


def fitting_output(output: Path, choice: Choice) -> Path:
    """The output's name with the suffix that was chosen."""
    return output if output.suffix.lower() == choice.suffix else output.with_name(output.stem + choice.suffix)


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
