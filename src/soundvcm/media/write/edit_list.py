"""Edit lists: a timeline with the clip and its sounds in place, for editing programs to open.

    clip, WAVs, timecode => .otio (OpenTimelineIO), or .edl (CMX 3600)

OpenTimelineIO writes the first, and any other format whose adapter is installed; the adapter for EDL writes
no sound tracks, so its lines are written here. Knows timecodes and lengths, copies no media.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import soundfile

from soundvcm.errors import MediaError, OptionError
from soundvcm.media.read.frame_range import claimed_info
from soundvcm.media.read.timecode import Timecode
from soundvcm.media.write.target import whole_file

#: sound tracks that a CMX 3600 list can name
_CHANNELS = ("A", "A2", "A3", "A4")


def check_edit_list(output: Path, sounds: int) -> None:
    """Refuse what could not be written, before any work.

    Args:
        output: the file to write.
        sounds: how many sounds it will hold.

    Raises:
        OptionError: if the suffix names no format that can be written here, or an EDL has too many sounds.
    """
    suffix = output.suffix.lower().removeprefix(".")
    if suffix == "edl":
        if sounds > len(_CHANNELS):
            raise OptionError(f"{output}: an EDL has {len(_CHANNELS)} sound tracks, not {sounds}: use .otio")
        return
    try:
        from opentimelineio import adapters
    except ImportError:
        raise OptionError(f'{output}: needs OpenTimelineIO: pip install "soundvcm[edit]"') from None
    known = sorted({"edl", *adapters.suffixes_with_defined_adapters(write=True)})
    if suffix not in known:
        raise OptionError(f"{output}: timelines are written as .{', .'.join(known)}")


def write_edit_list(
    output: Path, clip: Path | None, sounds: Sequence[Path], begins: Timecode, offset: Fraction = Fraction(0)
) -> None:
    """Write a timeline: the clip's pictures, and each sound on a track of its own.

    Args:
        output: .otio or .edl; with adapters of OpenTimelineIO installed also others, such as .xml.
        clip: the clip; None for the sounds alone.
        sounds: WAV files that begin together.
        begins: timecode of the clip's first picture, where the timeline begins too.
        offset: seconds from there to the sounds' first sample.

    Raises:
        OptionError: as `check_edit_list`.
        MediaError: if a file cannot be read or written.
    """
    check_edit_list(output, len(sounds))
    lengths = [_sound_seconds(sound) for sound in sounds]
    shown = None
    if clip is not None:
        shown = claimed_info(clip, decodes=False).claimed_seconds or offset + max(lengths)
    with whole_file(output) as part:
        if output.suffix.lower() == ".edl":
            text = _edl(output.stem, clip, shown, list(zip(sounds, lengths, strict=True)), begins, offset)
            part.write_text(text, encoding="utf-8", newline="\r\n")
        else:
            _otio(part, output.stem, clip, shown, list(zip(sounds, lengths, strict=True)), begins, offset)


def _sound_seconds(sound: Path) -> Fraction:
    try:
        info = soundfile.info(sound)
    except (soundfile.LibsndfileError, OSError) as error:
        raise MediaError(f"{sound}: cannot be read ({error})") from None
    return Fraction(info.frames, info.samplerate)


Sounds = list[tuple[Path, Fraction]]


def _edl(
    title: str, clip: Path | None, shown: Fraction | None, sounds: Sounds, begins: Timecode, offset: Fraction
) -> str:
    """CMX 3600: reel "AX" and the file's name in a remark, as Premiere writes and all read it."""
    events = [] if clip is None or shown is None else [("V", clip, Fraction(0), shown)]
    events += [(_CHANNELS[k], sound, offset, seconds) for k, (sound, seconds) in enumerate(sounds)]
    lines = [f"TITLE: {title}", f"FCM: {'DROP FRAME' if begins.drop else 'NON-DROP FRAME'}", ""]
    for number, (channel, file, late, seconds) in enumerate(events, 1):
        first = begins.later(late)
        last = first.later(round(seconds * begins.rate) / begins.rate)
        # files carry their own timecode, so times in the source and on the timeline are the same
        times = f"{first} {last} {first} {last}"
        lines += [f"{number:03}  {'AX':8} {channel:5} C        {times}", f"* FROM CLIP NAME: {file.name}", ""]
    return "\n".join(lines)


def _otio(
    part: Path,
    title: str,
    clip: Path | None,
    shown: Fraction | None,
    sounds: Sounds,
    begins: Timecode,
    offset: Fraction,
) -> None:
    """One picture track, one track for each sound; times count pictures, in fractions where need be."""
    from opentimelineio import adapters, schema
    from opentimelineio.opentime import RationalTime, TimeRange

    rate = float(begins.rate)

    def span(start: Fraction, seconds: Fraction) -> TimeRange:
        first = RationalTime(float(start * begins.rate), rate)
        return TimeRange(first, RationalTime(float(seconds * begins.rate), rate))

    def item(file: Path, start: Fraction, seconds: Fraction) -> schema.Clip:
        own = span(begins.seconds + start, seconds)
        media = schema.ExternalReference(file.resolve().as_uri(), available_range=own)
        return schema.Clip(name=file.name, media_reference=media, source_range=own)

    timeline = schema.Timeline(name=title, global_start_time=RationalTime(begins.frames, rate))
    timeline.metadata["soundvcm"] = {"timecode": str(begins)}
    if clip is not None and shown is not None:
        track = schema.Track(name="V1", kind=schema.TrackKind.Video)
        track.append(item(clip, Fraction(0), shown))
        timeline.tracks.append(track)
    for number, (sound, seconds) in enumerate(sounds, 1):
        track = schema.Track(name=f"A{number}", kind=schema.TrackKind.Audio)
        if offset > 0:
            track.append(schema.Gap(source_range=span(Fraction(0), offset)))
        track.append(item(sound, offset, seconds))
        timeline.tracks.append(track)
    try:
        adapters.write_to_file(timeline, str(part))
    except Exception as error:  # adapters are plug-ins: each has errors of its own
        raise MediaError(f"{title}{part.suffix}: cannot be written ({error})") from None
