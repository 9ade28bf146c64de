"""Which video and sound codecs a file of each kind can hold, and which kind to choose when the wanted one
cannot.

A table of what players accept, which is stricter than what FFmpeg would write. Knows names only, no files'
contents.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from soundvcm.errors import OptionError
from soundvcm.media.suffixes import VIDEO_OUTPUTS

MP4_KIN = (".mp4", ".m4v", ".mov")

# Pictures that are copied as they are; every other kind of file keeps them in Matroska.
_VIDEO = {
    ".mp4": {"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "vvc"},
    ".mov": {"h264", "hevc", "av1", "mpeg4", "mpeg2video", "prores", "prores_raw", "dnxhd", "mjpeg", "qtrle",
             "cinepak", "h263", "svq3", "svq1", "dvvideo", "cfhd", "rpza", "hap"},
    ".webm": {"vp8", "vp9", "av1"},
    ".mkv": {"h264", "hevc", "av1", "vp8", "vp9", "vvc", "mpeg4", "mpeg2video", "mpeg1video",
             "prores", "dnxhd", "mjpeg",
             "ffv1", "huffyuv", "ffvhuff", "utvideo", "theora", "msmpeg4v1", "msmpeg4v2",
             "msmpeg4v3", "wmv1", "wmv2",
             "wmv3", "vc1", "flv1", "h263", "cinepak", "svq3", "svq1", "rv30", "rv40", "dirac",
             "snow", "dvvideo",
             "magicyuv", "cfhd", "vp6", "vp6f", "indeo5", "qtrle"},
}  # fmt: skip
_VIDEO[".m4v"] = _VIDEO[".mp4"]

# First the encoder used unless another is asked for; then the others the file can hold.
_SOUND = {
    ".mp4": ("aac", "flac", "libopus", "libmp3lame"),
    ".m4v": ("aac", "flac", "libopus", "libmp3lame"),
    ".mov": ("aac", "pcm_s16le", "pcm_f32le", "libmp3lame"),
    ".webm": ("libopus",),
    ".mkv": ("flac", "libopus", "aac", "pcm_s16le", "pcm_f32le", "libmp3lame"),
}
_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".webm": "webm", ".mkv": "matroska"}
_ENCODERS = {"opus": "libopus", "mp3": "libmp3lame", "pcm": "pcm_s16le"}
_CODEC_OF = {"msmpeg4": "msmpeg4v3", "flv": "flv1"}  # decoders that are not called like what they decode
_DECODED = {"libopus": "opus", "libmp3lame": "mp3"}


@dataclass(frozen=True)
class Choice:
    """Where pictures go: the suffix of the file, whether they are copied as they are, and why it is not as
    asked.
    """

    suffix: str
    copy: bool
    message: str | None = None


def choose_container(codec: str, wanted: str, *, alpha: bool = False, may_rename: bool = True) -> Choice:
    """The kind of file for pictures of `codec` when `wanted` (a suffix) was asked for.

    Args:
        codec: FFmpeg's name of the picture codec.
        wanted: suffix such as ".mp4".
        alpha: the pictures carry transparency that only WebM and Matroska keep (VP8, VP9).
        may_rename: False re-encodes for the wanted kind instead of choosing another.

    Raises:
        OptionError: if `wanted` is no kind of video file we write.
    """
    wanted = wanted.lower()
    if wanted not in _FORMATS:
        raise OptionError(
            f"cannot write a {wanted or 'nameless'} video: use one of {', '.join(VIDEO_OUTPUTS)}"
        )
    codec = codec.removeprefix("lib").replace("dav1d", "av1").replace("vpx-", "")
    codec = _CODEC_OF.get(codec, codec)
    if codec in _VIDEO[wanted] and not (alpha and wanted in MP4_KIN):
        return Choice(wanted, True)
    homes = [suffix for suffix in (".mp4", ".mov", ".webm", ".mkv") if codec in _VIDEO[suffix]]
    if alpha:
        homes = [suffix for suffix in homes if suffix not in MP4_KIN]
    label = f"{codec} with transparency" if alpha else codec
    if homes and may_rename:
        return Choice(homes[0], True, f"{label} pictures do not fit {wanted}: written as {homes[0]}")
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
    """True if packets of this sound codec can be copied into that kind of file."""
    if suffix == ".mkv":
        return True
    more = {
        ".mp4": {"ac3", "eac3", "alac"},
        ".m4v": {"ac3", "eac3", "alac"},
        ".mov": {"alac", "ac3", "pcm_s24le"},
    }
    names = {_DECODED.get(name, name) for name in _SOUND[suffix]} | more.get(suffix, set())
    return codec in names | ({"vorbis"} if suffix == ".webm" else set())


def ffmpeg_format(suffix: str) -> str:
    """FFmpeg's name of the muxer for a suffix."""
    return _FORMATS[suffix]


def fitting_output(output: Path, choice: Choice) -> Path:
    """The output's name with the suffix that was chosen."""
    return output if output.suffix.lower() == choice.suffix else output.with_name(output.stem + choice.suffix)
