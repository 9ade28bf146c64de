"""The life of finished takes: louder or softer, kept, deleted, brought back, and gone with age.

    take, dB => its sound read, its level changed, written; joined with the clip's picture

What was made stays as it is, so that a gain can be taken back. Knows takes, their files and records; nothing
of queues, pipelines or HTTP.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundvcm import media
from soundvcm.generate.options import GenerateOptions
from soundvcm.web.jobs import ENDED, Job, Take
from soundvcm.web.limits import RefusedError
from soundvcm.web.store import JobStore

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


class TakeKeeper:
    """What happens to takes after they are made.

    Args:
        store: where their records are.
        gains: files with another gain.
    """

    def __init__(self, store: JobStore, gains: Gains) -> None:
        self.store, self.gains = store, gains

    def remove(self, job: Job, number: int, undo: bool = False) -> None:
        """Remove one take and its files; with `undo`, it can be brought back for a while.

        Raises:
            RefusedError: 404, 409.
        """
        take = job.take(number)
        job.takes.remove(take)
        if undo:
            take.deleted = time.monotonic()
            job.trash.append(take)
        else:
            self._drop(take)  # first: it makes the room that the record may need
        self.save(job)

    def restore(self, job: Job, number: int) -> Take:
        """Bring a deleted take back.

        Raises:
            RefusedError: 404 if it is gone.
        """
        take = next((one for one in job.trash if one.number == number), None)
        if take is None:
            raise RefusedError(404, f"take {number} cannot be brought back any more")
        job.trash.remove(take)
        job.takes = sorted([*job.takes, take], key=lambda one: one.number)
        job.used = time.monotonic()
        self.save(job)
        return take

    def change(self, job: Job, number: int, gain: float | None = None, kept: bool | None = None) -> Take:
        """Remember with a take a gain (dB) its files are served with, and whether it is kept.

        Raises:
            RefusedError: 404, 409.
            OptionError: if the gain is out of range.
        """
        take = job.take(number)
        if gain is not None:
            self.gains.set(take, gain)
        if kept is not None:
            take.kept = kept
        self.save(job)
        return take

    def drop_unkept(self, job: Job) -> None:
        """Remove the takes of a job that are not kept."""
        for take in [one for one in job.takes if not one.kept]:
            job.takes.remove(take)
            self._drop(take)
            self.save(job)

    def empty_trash(self, job: Job, before: float | None = None) -> None:
        """Remove the files of deleted takes: all, or those deleted before a moment."""
        for take in [one for one in job.trash if before is None or one.deleted < before]:
            job.trash.remove(take)
            self._drop(take)

    def save(self, job: Job) -> None:
        """Write the record of an ended job; on a full disk it is tried again at every sweep."""
        if job.state not in ENDED:
            return  # the worker will
        try:
            self.store.put(job)
            job.unsaved = False
        except OSError:
            job.unsaved = True
            logging.getLogger(__name__).warning("job %s: its record cannot be written now", job.id)

    def _drop(self, take: Take) -> None:
        self.gains.forget(take)
        for path in (take.sound, take.video):
            if path is not None:
                path.unlink(missing_ok=True)
