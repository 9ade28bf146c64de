"""What must be decided before a video is written: container, copy or encode, sample rate, what becomes of old
sound.

Knows files, codecs and the wishes of the caller; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from soundvcm.errors import OptionError
from soundvcm.media.read.array_reader import is_array
from soundvcm.media.read.frame_range import claimed_info, inspect
from soundvcm.media.read.source import codec_name, open_media, sound_streams, source_path
from soundvcm.media.read.video_info import VideoInfo
from soundvcm.media.write.beside import CopiedTrack, EncodedTrack, KeptTrack
from soundvcm.media.write.containers import (
    MP4_KIN,
    Choice,
    choose_container,
    fitting_output,
    holds_sound,
    picture_trial,
    sound_encoder,
    sound_trial,
)
from soundvcm.media.write.encode_sound import codec_rate
from soundvcm.media.write.packet_plan import CannotCopyError, plan_copy
from soundvcm.media.write.pictures import CopiedPictures, EncodedPictures
from soundvcm.media.write.target import check_target, check_video_target, free_name, made_here, same_file
from soundvcm.timeline import Seconds

Existing = Literal["replace", "mix", "keep"]
Cut = Literal["packets", "exact"]
Pictures = CopiedPictures | EncodedPictures


@dataclass(frozen=True)
class MuxSettings:
    """How a video with sound is written.

    Attributes:
        existing: sound already there: "replace", "mix" with the new, or "keep" as tracks before the new one.
        audio_codec: aac, opus, flac, mp3, pcm; None takes the usual one of the container.
        to_rate: sample rate of the file's sound; None keeps it (or takes that of the sound mixed with).
        cut: "packets" copies and lets the cut fall between packets, "exact" encodes the range anew.
        may_rename: choose another suffix where the container cannot hold the pictures; False encodes them
            anew.
        gains: factors of the new and of the old sound in a mix.
        tags: seed, model, prompt ... kept in the file.

    Raises:
        OptionError: for an unknown choice.
    """

    existing: Existing = "replace"
    audio_codec: str | None = None
    to_rate: int | None = None
    cut: Cut = "packets"
    may_rename: bool = True
    gains: tuple[float, float] = (1.0, 1.0)
    tags: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.existing not in ("replace", "mix", "keep"):
            raise OptionError(f"existing sound: unknown choice {self.existing!r}: use replace, mix or keep")
        if self.cut not in ("packets", "exact"):
            raise OptionError(f"cut: unknown choice {self.cut!r}: use packets or exact")


@dataclass
class _MuxPlan:
    """The decisions.

    Attributes:
        output: the file, its suffix maybe another than asked.
        pictures: where the pictures' packets come from.
        copied: they are those of the input.
        lead: s of pictures before the asked start (a copy into mkv or webm begins at a key picture).
        codec, rate, channels: of the new sound.
        mixes: the old sound is mixed in.
        messages: one line each.
    """

    output: Path
    pictures: Pictures
    copied: bool
    lead: Fraction
    codec: str = ""
    rate: int = 0
    channels: int = 1
    mixes: bool = False
    messages: list[str] = field(default_factory=list)

    @property
    def suffix(self) -> str:
        """Suffix of the output, in small letters."""
        return self.output.suffix.lower()


def _choose_output(video: Any, info: VideoInfo, output: Path, settings: MuxSettings) -> tuple[Path, Choice]:
    """The file that will be written, and whether it gets the pictures as they are.

    Another suffix than the asked one is taken only where the pictures do not come back from the asked kind of
    file but do from another (see `containers`), and never the name of a file that soundvcm did not make.

    Raises:
        OptionError: if the container cannot be written, or cannot hold the asked sound codec.
    """
    if info.is_encoded:
        choose_container("h264", output.suffix, fits=lambda _: True)  # refuses unknown suffixes
        choice = Choice(output.suffix.lower(), False)
    else:
        rename = settings.may_rename and settings.cut == "packets"
        choice = choose_container(
            info.codec, output.suffix, alpha=info.has_alpha, may_rename=rename, fits=picture_trial(video)
        )
    sound_encoder(choice.suffix, settings.audio_codec)
    fitting = fitting_output(output, choice)
    if fitting != output:
        path = None if is_array(video) else source_path(video)
        fitting = free_name(
            fitting,
            lambda one: one.exists() and (not made_here(one) or (path is not None and same_file(one, path))),
        )
    return fitting, choice


def settle_output(
    video: Any, output: Path, *, overwrite: bool = True, never: Path | None = None, **settings: Any
) -> Path:
    """The file that `mux` with these arguments will write, decided and checked before any work is done.

    Args:
        video: as for `mux`.
        output: as for `mux`.
        overwrite: False refuses a file that is there and that soundvcm did not make.
        never: an input that must not be overwritten.
        settings: fields of `MuxSettings`.

    Raises:
        MediaError: if the video cannot be read or the file cannot or must not be written.
        OptionError: for settings that do not fit each other or the container.
    """
    check_video_target(output, never=never, overwrite=overwrite)
    info = inspect(video) if is_array(video) else claimed_info(video, decodes=False)
    path, _ = _choose_output(video, info, output, MuxSettings(**settings))
    check_target(path, never=never, overwrite=overwrite)
    return path


def plan_mux(
    video: Any,
    info: VideoInfo,
    output: Path,
    start: Fraction,
    seconds: Fraction | None,
    sample_rate: int,
    channels: int,
    settings: MuxSettings,
    fps: Seconds | None = None,
) -> _MuxPlan:
    """Decide everything for one file; see `_MuxPlan`.

    Raises:
        OptionError: if the container cannot be written or cannot hold the asked sound codec.
        MediaError: if the video cannot be read.
    """
    output, choice = _choose_output(video, info, output, settings)
    messages = [choice.message] if choice.message else []
    codec = sound_encoder(choice.suffix, settings.audio_codec)
    exact = settings.cut == "exact" and (start > 0 or seconds is not None)
    plan = None
    if choice.copy and not exact:
        try:
            copy = plan_copy(video, info, start, seconds)
            if choice.suffix == ".avi" and (copy.rate is None or copy.lead > 0):
                raise CannotCopyError("AVI keeps evenly spaced pictures only, from a key picture on")
            lead = Fraction(0) if choice.suffix in MP4_KIN else copy.lead
            plan = _MuxPlan(output, CopiedPictures(video, copy, lead), True, lead)
            messages += copy.messages
            if lead > 0:
                messages.append(
                    f"the pictures begin {float(lead):.3f} s earlier, at a key picture, which {choice.suffix}"
                    " cannot hide: cut exactly to encode them anew"
                )
        except CannotCopyError as error:
            messages.append(f"pictures encoded anew: {error}")
    elif choice.copy:
        messages.append("pictures encoded anew for an exact cut")
    if plan is None:
        pictures = EncodedPictures(video, start, seconds, fps, steady=choice.suffix == ".avi")
        plan = _MuxPlan(output, pictures, False, Fraction(0))
    plan.codec, plan.messages = codec, messages
    _plan_sound(plan, video, info, sample_rate, channels, settings)
    return plan


def _plan_sound(
    plan: _MuxPlan, video: Any, info: VideoInfo, sample_rate: int, channels: int, settings: MuxSettings
) -> None:
    rate = settings.to_rate or sample_rate
    plan.mixes = settings.existing == "mix" and info.audio_streams > 0
    if settings.existing != "replace":
        if not info.audio_streams:
            plan.messages.append(f"no sound there to {settings.existing}")
        if info.unknown_audio:
            plan.messages.append(f"{info.unknown_audio} sound track(s) in an unknown coding left out")
    if plan.mixes:
        with open_media(video) as container:
            track: Any = sound_streams(container)[0]
            rate = settings.to_rate or max(rate, track.rate or rate)
            channels = max(channels, min(2, track.channels))
        if info.audio_streams > 1:
            plan.messages.append(f"{info.audio_streams} sound tracks: mixed with the first")
    plan.rate, plan.channels = codec_rate(plan.codec, rate), channels
    if plan.rate != sample_rate:
        plan.messages.append(f"sound resampled from {sample_rate} to {plan.rate} Hz")


def copies_sound(video: Any, number: int, codec: str, suffix: str) -> bool:
    """Whether a kind of file holds a sound track of a source as it is."""
    return holds_sound(suffix, codec) and sound_trial(video, number)(suffix)


def kept_tracks(video: Any, info: VideoInfo, start: Fraction, plan: _MuxPlan) -> list[KeptTrack]:
    """The old sound tracks, in their order: copied where the file can hold them, else encoded anew."""
    zero, kept = info.start_time + start, list[KeptTrack]()
    with open_media(video) as container:
        codecs = [codec_name(stream) for stream in sound_streams(container)]
    for number, codec in enumerate(codecs):
        fits = copies_sound(video, number, codec, plan.suffix)
        if fits and CopiedTrack(video, number, zero, start == 0).grows(plan.pictures.seconds):
            kept.append(CopiedTrack(video, number, zero, start == 0, plan.lead))
            continue
        kept.append(EncodedTrack(video, number, zero, sound_encoder(plan.suffix), plan.lead))
        why = "whose timestamps run back" if fits else f"does not fit {plan.suffix}"
        plan.messages.append(f"{codec} sound {why}: encoded anew")
    return kept
