"""The gain of a take that is made already: its files once more, louder or softer, as `--gain` does it.

    take, dB => its sound read, its level changed, written; joined with the clip's picture

What was made stays as it is, so that a gain can be taken back. Knows takes and media; no pipeline, no HTTP.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundvcm import media
from soundvcm.generate.options import GenerateOptions
from soundvcm.web.jobs import Job, Take
from soundvcm.web.limits import RefusedError

CLIP_GONE = (
    "the clip of this take is gone, and its own sound with it: another gain can be had of the WAV only"
)


class Gains:
    """Files with another gain, made one at a time when they are asked for, kept until the gain changes."""

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def set(self, take: Take, gain: float) -> None:
        """Remember a gain with the take.

        Args:
            take: finished.
            gain: dB, added to the level it was made with.

        Raises:
            OptionError: if the gain is out of range.
        """
        media.Levels(gain=gain)  # refuses what `--gain` refuses
        with self._turn:
            if gain != take.gain:
                self.forget(take)
                take.gain = gain

    def file(self, job: Job, take: Take, kind: str) -> Path:
        """The file of a kind, "sound" or "video", with the gain of the take.

        Raises:
            RefusedError: 404 if there is none; 409 if the clip is needed for it and gone.
            MediaError: if it cannot be written.
        """
        plain = take.file(kind)
        with self._turn:
            if take.gain == 0:
                return plain
            target = plain.with_name(f"{plain.stem}.gain{take.gain:+g}{plain.suffix}")
            if target.exists():
                return target
            self._make(job, take, kind, target)
            return target

    def forget(self, take: Take) -> None:
        """Remove what was made for the gain so far."""
        for path in take.sound.parent.glob(f"{take.sound.stem}.gain*"):
            path.unlink(missing_ok=True)

    def _make(self, job: Job, take: Take, kind: str, target: Path) -> None:
        levels = media.Levels(gain=take.gain)
        if kind == "sound":
            wave, rate = media.read_sound(take.sound)
            media.save_sound(target, wave, rate, levels=levels, tags=media.read_tags(take.sound))
            return
        assert take.video is not None
        if job.clip is not None and job.clip.path.exists():
            join(job.request, job.clip.path, take.sound, target, levels)
        elif job.request.existing_audio == "replace":  # the picture of the take is that of the clip
            join(replace(job.request, start="0", duration=None), take.video, take.sound, target, levels)
        else:
            raise RefusedError(409, CLIP_GONE, "gain")


def join(
    request: GenerateOptions, clip: Path, sound: Path, target: Path, levels: media.Levels
) -> media.MuxReport:
    """The clip with a sound that is written already.

    Raises:
        MediaError: if it cannot be written; nothing is left behind.
    """
    wave, rate = media.read_sound(sound)
    tags = media.read_tags(sound)
    settings = {**request.muxing, "to_rate": None}
    span: dict[str, Any] = {"start": request.start, "seconds": request.duration}
    return media.mux(clip, wave, rate, target, tags=tags, levels=levels, **span, **settings)
