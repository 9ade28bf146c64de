"""`soundvcm timecode`: WAV files that begin at their clip's timecode in DaVinci Resolve, Premiere and others,
and timelines that place them.

Knows options and file names; timecode, chunks and edit lists are `media`'s.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from soundvcm.cli.terminal import say
from soundvcm.errors import OptionError

if TYPE_CHECKING:
    from soundvcm.media import Timecode

Sounds = Annotated[tuple[Path, ...], tyro.conf.Positional]


def timecode(
    sounds: Sounds,
    /,
    *,
    clip: Path | None = None,
    timecode: str | None = None,
    fps: str | None = None,
    start: str = "0",
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    timeline: Path | None = None,
) -> int:
    """Write into WAV files where they begin: soundvcm timecode take.wav --clip A001.mov

    Writes take_TC10-00-00-00.wav, a broadcast WAV (bext chunk) with the same samples, beside each.

    Args:
        sounds: WAV files made for the clip.
        clip: the clip, whose own timecode is used.
        timecode: instead, or for a clip without one: HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame.
        fps: pictures a second of --timecode where there is no clip: 25, 30000/1001, 23.976.
        start: the --start that the sounds were made with: they begin so many seconds into the clip.
        output: folder for the files.
        timeline: also write a timeline with the clip and the sounds in place: .otio (OpenTimelineIO, extra
            "edit") or .edl (CMX 3600).
    """
    from soundvcm.media import check_edit_list, stamp, write_edit_list
    from soundvcm.timeline import exact_seconds

    if not sounds:
        raise OptionError("name the WAV files: soundvcm timecode take.wav --clip A001.mov")
    if timeline is not None:
        check_edit_list(timeline, len(sounds))
    begins, offset = _begin(clip, timecode, fps), exact_seconds(start)
    stamped = []
    label = str(begins.later(offset)).replace(":", "-").replace(";", "-")
    for sound in sounds:
        target = (output or sound.parent) / f"{sound.stem}_TC{label}.wav"
        reference = stamp(sound, target, begins, offset, note=f"SoundVCM; {sound.stem}")
        say(f"{target}: begins at {begins.later(offset)}, sample {reference}")
        stamped.append(target)
    if timeline is not None:
        write_edit_list(timeline, clip, stamped, begins, offset)
        say(f"{timeline}: begins at {begins}")
    return 0


def _begin(clip: Path | None, words: str | None, fps: str | None) -> Timecode:
    """Timecode of the clip's first picture."""
    from soundvcm.media import Timecode, clip_timecode

    if words is not None:
        return Timecode.read(words, _rate(clip, fps))
    if clip is None:
        raise OptionError("say where the sound begins: --clip FILE, or --timecode HH:MM:SS:FF --fps RATE")
    if fps is not None:
        raise OptionError("--fps is the rate of --timecode: the clip knows its own")
    found = clip_timecode(clip)
    if found is None:
        raise OptionError(f"{clip}: carries no timecode: add --timecode HH:MM:SS:FF")
    return found


def _rate(clip: Path | None, fps: str | None) -> Fraction:
    """Pictures a second as asked, or of the clip."""
    from soundvcm.media import picture_rate

    if fps is None:
        rate = None if clip is None else picture_rate(clip)
        if rate is None:
            raise OptionError("--timecode needs its rate: add --fps 25 (or --clip FILE)")
        return rate
    try:
        rate = Fraction(fps)
    except (ValueError, ZeroDivisionError):
        raise OptionError(f"--fps {fps} is no rate, such as 25 or 30000/1001") from None
    near = Fraction(round(rate) * 1000, 1001)  # 23.976, 29.97
    return near if rate.denominator > 1 and abs(rate - near) < Fraction(1, 100) else rate
