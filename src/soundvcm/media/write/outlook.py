"""What would become of a clip in each kind of file, found by asking what writes them; nothing is written.

Knows what `mux_plan` and `beside` know.
"""

from __future__ import annotations

import io
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from soundvcm.media.read.frame_range import inspect
from soundvcm.media.read.source import codec_name, open_media, sound_streams
from soundvcm.media.read.video_info import VideoInfo
from soundvcm.media.suffixes import VIDEO_OUTPUTS
from soundvcm.media.write.beside import Beside, format_options
from soundvcm.media.write.containers import Choice, choose_container, ffmpeg_format, picture_trial
from soundvcm.media.write.mux_plan import copies_sound
from soundvcm.media.write.pictures import EncodedPictures


def outlook(video: Any) -> list[dict[str, Any]]:
    """For each kind of file: what becomes of pictures and sound tracks, and what is left out.

    Returns:
        one row for each kind: "container", "pictures" ("copied", "encoded", or "written as .mov" where that
        kind holds them as they are), "sound" (each track, if it is kept), "left_out" (one line each).

    Args:
        video: a file, read more than once.

    Raises:
        MediaError: if it cannot be read.
    """
    info = inspect(video)
    return [_row(video, info, suffix) for suffix in VIDEO_OUTPUTS if suffix != ".m4v"]


def _row(video: Any, info: VideoInfo, suffix: str) -> dict[str, Any]:
    choice = Choice(suffix, False)
    if not info.is_encoded:
        choice = choose_container(info.codec, suffix, alpha=info.has_alpha, fits=picture_trial(video))
    with open_media(video, decodes=False) as container:
        codecs = [codec_name(stream) for stream in sound_streams(container)]
    sound = [
        f"{codec} {'copied' if copies_sound(video, number, codec, choice.suffix) else 'encoded'}"
        for number, codec in enumerate(codecs)
    ]
    pictures = "copied" if choice.copy else "encoded"
    return {
        "container": suffix.removeprefix("."),
        "pictures": pictures if choice.suffix == suffix else f"written as {choice.suffix}",
        "sound": sound,
        "left_out": _left_out(video, info, choice),
    }


def _left_out(video: Any, info: VideoInfo, choice: Choice) -> list[str]:
    import av

    found: list[str] = []
    form, suffix = ffmpeg_format(choice.suffix), choice.suffix
    with av.open(io.BytesIO(), "w", format=form) as output:
        if not choice.copy:
            pictures = EncodedPictures(video, Fraction(0), Fraction(1) if info.is_still else None)
            try:
                pictures.attach(output, suffix)
                found += pictures.messages
            finally:
                pictures.close()
        if not info.is_encoded:
            beside = Beside(video, Fraction(0), info.start_time, Fraction(0))
            track = SimpleNamespace(disposition=0, metadata={})
            try:
                beside.describe(output, suffix, format_options(suffix, video), track, choice.copy)
                beside.attach(output)
                found += beside.messages
            finally:
                beside.close()
    return found
