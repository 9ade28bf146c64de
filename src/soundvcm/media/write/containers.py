"""Which video and sound codecs a file of each kind can hold, and which kind to choose when the wanted one
cannot.

A table of what players accept, which is stricter than what FFmpeg would write; what FFmpeg really writes is
tried (`trial`). Knows names only, no files' contents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from soundvcm.errors import OptionError
from soundvcm.media.suffixes import VIDEO_OUTPUTS

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
