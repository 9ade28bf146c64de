"""Opening what a user gives as a video or a sound: a path, an open file, bytes; never the network, never a
playlist.

Every failure becomes one line with the file's name. FFmpeg's own messages stay inside FFmpeg.
Knows nothing of time, pictures or sampling.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundvcm.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

OPEN_SECONDS = 5
READ_SECONDS = 60
MAX_PIXELS = 160_000_000
STILL_FORMATS = ("image2", "gif", "apng", "webp", "avif", "ico", "jpegxl_anim")
_IMAGE_BRANDS = frozenset("avif avis mif1 mif2 miaf msf1 heic heix heim heis hevc hevx".split())

_MOVING_CODECS = frozenset("h264 hevc vvc mpeg1video mpeg2video".split())

# Readers that follow addresses inside the file, open devices, or draw text files as pictures.
_REFUSED = frozenset(
    "concat hls dash sdp rtsp rtp sap lavfi imf webm_dash_manifest alsa fbdev kmsgrab oss v4l2 x11grab "
    "xcbgrab jack pulse sndio openal avs vapoursynth tty bin xbin adf idf rawvideo data ffmetadata vobsub "
    "smoothstreaming".split()
)


@cache
def _allowed_formats() -> str:
    import av

    def fine(name: str) -> bool:
        return not _REFUSED.intersection(name.split(","))

    return ",".join(sorted(name for name in av.formats_available if fine(name)))


def source_name(source: object) -> str:
    """What to call a source in messages: the file's name, or what kind of object it is."""
    path = source_path(source)
    if path is not None:
        return path.name or str(path)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return f"{len(source)} bytes"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and name else f"<{type(source).__name__}>"


def source_path(source: object) -> Path | None:
    """The path of a source that is one (a str, a Path, or an object that only carries the path of a file).

    Raises:
        MediaError: for a web address, which soundvcm never fetches.
    """
    if isinstance(source, str):
        head = source.split("://")[0]
        if "://" in source and head.isalnum() and not os.path.exists(source):
            raise MediaError(f"{source}: web addresses are not fetched; download the file and give its path")
        return Path(source)
    if isinstance(source, os.PathLike):
        return Path(source)
    name = getattr(source, "name", None)
    if isinstance(name, str) and not hasattr(source, "read") and os.path.exists(name):
        return Path(name)  # what some web toolkits hand over: an object with the path of a temporary file
    return None


def _as_input(source: Any) -> Any:
    """What PyAV opens: a "file:" address for paths (so that "-x", "a:b" and "%03d" are plain names), else a
    file.
    """
    path = source_path(source)
    if path is not None:
        if not path.exists():
            raise MediaError(f"{path}: no such file")
        if path.is_dir():
            raise MediaError(f"{path}: is a folder, not a media file")
        if path.is_file() and path.stat().st_size == 0:
            raise MediaError(f"{path}: is empty (0 bytes)")
        return "file:" + os.path.abspath(path)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(bytes(source))
    if hasattr(source, "read"):
        if hasattr(source, "seekable") and source.seekable():
            source.seek(0)
        return source
    raise MediaError(
        f"cannot read a {type(source).__name__}: give a path, an open binary file, or frames with fps"
    )


def is_rereadable(source: object) -> bool:
    """True if the source can be opened again from its beginning (a file, bytes, a seekable object)."""
    path = source_path(source)
    if path is not None:
        return path.is_file()
    if isinstance(source, (bytes, bytearray, memoryview)):
        return True
    return bool(hasattr(source, "seekable") and source.seekable())


def file_state(source: object) -> tuple[Any, ...] | None:
    """What a file is known by as long as nobody writes to it: path, device, inode, size, time of change.

    None for what is no file, and for a file that is not there.
    """
    try:
        path = source_path(source)
        found = None if path is None else path.stat()
    except (MediaError, OSError, ValueError):
        return None
    if path is None or found is None or not path.is_file():
        return None
    return os.path.abspath(path), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _is_mp4_kin(source: object) -> bool:
    """An MP4, MOV or the like by its first bytes (ISO/IEC 14496-12); False for what is not read twice."""
    path = source_path(source)
    if path is None or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


def spared_decoding() -> dict[str, str]:
    """Options of `av.open` for a file of MP4's kin that spare the look at its first picture.

    They hold for that look only: decoders opened afterwards skip nothing.
    """
    return {"skip_frame": "all"} if _pyav() >= (17, 1) else {}


@contextmanager
def open_media(source: Any, *, decodes: bool = True) -> Iterator[InputContainer]:
    """Open a source for reading and close it in any case; FFmpeg errors inside the block become MediaError.

    Args:
        source: a path, bytes, or an object with `read` (and `seek` where it can; `seekable()` tells).
        decodes: False for who wants packets and metadata only. FFmpeg decodes the first key picture as it
            opens a file, 5 to 20 ms at 720p; MP4 and its kin say enough without. The pixel format, and what
            else only pictures tell, is unknown then.

    Raises:
        MediaError: one line with the file's name, if it cannot be read.
    """
    import av

    name = source_name(source)
    target = _as_input(source)
    allowed = {
        "protocol_whitelist": "file,pipe,fd",
        "format_whitelist": _allowed_formats(),
        "pattern_type": "none",
    }
    limits = {"max_pixels": str(MAX_PIXELS)}
    if not decodes and _is_mp4_kin(source):
        limits.update(spared_decoding())
    try:
        container = av.open(target, "r", timeout=(OPEN_SECONDS, READ_SECONDS), **_opening(allowed, limits))
        if _pyav() < (17, 1):
            for stream in container.streams:
                if stream.codec_context is not None:
                    stream.codec_context.options = limits
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{name}: not a readable media file ({reason(error)})") from None
    try:
        yield container
    except (av.FFmpegError, OverflowError) as error:
        raise MediaError(f"{name}: cannot be read ({reason(error)})") from None
    finally:
        container.close()


def av_errors() -> tuple[type[Exception], ...]:
    """What PyAV raises for files that are not as they should be."""
    import av

    return (av.FFmpegError, ValueError, OverflowError)


def _pyav() -> tuple[int, int]:
    import av

    major, minor = av.__version__.split(".")[:2]
    return int(major), int(minor)


def _opening(allowed: dict[str, str], limits: dict[str, str]) -> dict[str, Any]:
    """Options of `av.open` that differ between versions of PyAV."""
    # Before 17.1 options for streams crash where one turns up later (FLV); each gets its limits afterwards.
    options = {"container_options": allowed} if _pyav() < (17, 1) else {"options": {**allowed, **limits}}
    # From 19 on tags that are not UTF-8 are always read with replacements, and there is no option for it.
    return options if _pyav() >= (19, 0) else {**options, "metadata_errors": "replace"}


def reason(error: BaseException) -> str:
    """The cause of an FFmpeg or system error in a few words, without codes and paths."""
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return text.splitlines()[0].removesuffix(".")


def video_streams(container: InputContainer) -> list[Stream]:
    """The moving pictures of a file, best first; cover art and thumbnails are not among them.

    The best one carries the default mark, then has the most pixels, then comes first (as the ffmpeg command
    picks).
    """
    from av.stream import Disposition

    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    found = [
        stream
        for stream in container.streams.video
        if not stream.disposition & covers and stream.codec_context is not None
    ]

    sequence = is_picture_format(container)  # its cover is a track too, and the default one

    def rank(stream: Any) -> tuple[bool, bool, int, int]:
        default = bool(stream.disposition & Disposition.default)
        return sequence and stream.frames > 1, default, stream.width * stream.height, -stream.index

    return sorted(found, key=rank, reverse=True)


def sound_streams(container: InputContainer) -> list[Stream]:
    """The sound tracks of a file that have a decoder, in their order; a damaged or unknown one is none."""
    return [stream for stream in container.streams.audio if stream.codec_context is not None]


def codec_name(stream: Any) -> str:
    """FFmpeg's name of what a track is coded in, not that of the decoder ("av1", not "libdav1d")."""
    return str(stream.codec_context.codec.canonical_name)


def first_packets(container: InputContainer, stream: Stream, count: int) -> list[Any]:
    """The first packets of a track that hold something."""
    found: list[Any] = []
    for packet in container.demux(stream):
        if packet.size:
            found.append(packet)
        if len(found) == count:
            break
    return found


def tells_showing_times(container: InputContainer, stream: Any) -> bool:
    """Whether the timestamps of a track say when each picture is shown.

    Program streams time only some pictures, and what FFmpeg fills in may be wrong. AVI and MXF number packets
    in the order of decoding, which is another one where a codec moves pictures.
    """
    name = container.format.name
    moves = codec_name(stream) in _MOVING_CODECS and stream.codec_context.has_b_frames > 0
    return name != "mpeg" and not (name.split(",")[0] in ("avi", "mxf") and moves)


def demuxed(container: InputContainer, stream: Any, *, sought: bool) -> Iterator[Any]:
    """Packets of a track in their order.

    Program streams (mpg, vob) do not time every packet: after a seek FFmpeg guesses until it has seen a whole
    group of pictures, so the packets before the second key one are left out there.

    Args:
        container: an open file.
        stream: one of its tracks.
        sought: a seek went before.
    """
    keys = 2 if sought and container.format.name == "mpeg" else 0
    for packet in container.demux(stream):
        keys -= keys > 0 and bool(packet.is_keyframe and packet.size)
        if keys <= 0:
            yield packet


def unknown_streams(container: InputContainer) -> tuple[int, int]:
    """How many picture and sound tracks are in a coding that has no decoder here."""
    video, audio = container.streams.video, container.streams.audio
    return (
        sum(stream.codec_context is None for stream in video),
        sum(stream.codec_context is None for stream in audio),
    )


def why_no_pictures(container: InputContainer) -> str:
    """In words, why a file without usable pictures has none."""
    if unknown_streams(container)[0]:
        return "pictures in a coding that cannot be decoded"
    what = "only a cover picture" if container.streams.video else "no pictures"
    return what + (" (it is a sound file)" if container.streams.audio else "")


def is_picture_format(container: InputContainer) -> bool:
    """True for formats that hold one picture or a short animation: png, jpeg, webp, gif, avif and their
    kind.
    """
    names = container.format.name.split(",")
    if any(name.endswith("_pipe") or name in STILL_FORMATS for name in names):
        return True
    # AVIF and HEIC are read by the demuxer of MP4: their brand tells what they are (ISO/IEC 23008-12).
    return container.metadata.get("major_brand", "").strip() in _IMAGE_BRANDS


def is_tiled(container: InputContainer) -> bool:
    """True for a photograph stored as tiles (HEIC of phones), of which FFmpeg gives the tiles only."""
    from av.stream import Disposition

    tiles = [one for one in container.streams.video if one.disposition & Disposition.dependent]
    return is_picture_format(container) and len(tiles) > 1
