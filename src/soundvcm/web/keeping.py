"""The life of finished takes: changed, kept, deleted, brought back, and gone with age.

Knows takes, their files and records; nothing of queues or pipelines.
"""

from __future__ import annotations

import logging
import time

from soundvcm.web.gains import Gains
from soundvcm.web.jobs import ENDED, Job, Take
from soundvcm.web.limits import RefusedError
from soundvcm.web.store import JobStore


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
