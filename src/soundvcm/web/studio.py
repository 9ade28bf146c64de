"""The studio: a bounded queue, one worker thread for one pipeline, and the sweeping up.

    GenerateOptions => wait => made, together with waiting ones of the same length => files

Knows jobs, clips and limits; nothing of HTTP. Safe to use from several threads.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundvcm import runtime
from soundvcm.errors import SoundVCMError
from soundvcm.generate import render as work
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.web.clip import StoredClip
from soundvcm.web.clips import Clips
from soundvcm.web.gains import Gains
from soundvcm.web.jobs import ENDED, CancelledError, Job, Take
from soundvcm.web.limits import Limits, RefusedError
from soundvcm.web.metrics import Metrics
from soundvcm.web.store import JobStore
from soundvcm.web.worker import Worker

SWEEP_SECONDS = 5.0
FAULT = "something went wrong inside the studio; its log says more"


class Studio:
    """Takes jobs for one pipeline.

    Args:
        pipeline: the loaded system; only the worker thread calls it.
        folder: for clips and results; created, and emptied as they grow old.
        limits: what is taken on.
        local_paths: whether clients may name files of this machine.
        keep: leave clips and finished takes in the folder at the end, for the next studio there.

    Raises:
        OptionError: if another studio has the folder.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        folder: Path,
        limits: Limits | None = None,
        local_paths: bool = False,
        keep: bool = False,
    ) -> None:
        self.store, self.keep = JobStore(folder), keep
        self.pipeline, self.folder, self.local_paths = pipeline, folder, local_paths
        self.limits = limits or Limits()
        self.clips = Clips(self.store, self.limits)
        self.metrics, self.gains = Metrics(), Gains()
        self._worker = Worker(pipeline, self.clips, self.metrics, self.store)
        self._jobs: dict[str, Job] = {job.id: job for job in self.store.read_jobs(self.clips.all())}
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._closing = False
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="soundvcm-studio", daemon=True)
        self._thread.start()

    # -- for doors

    def submit(self, request: GenerateOptions, clip: StoredClip | None) -> Job:
        """Check a request and let it wait for its turn.

        Raises:
            RefusedError: 429 if too many wait.
            OptionError: for a request that makes no sense.
        """
        request = replace(request, video=None if clip is None else clip.path)
        work.check_options(self.pipeline, request)
        self.limits.check_takes(request.takes)
        _ = request.levels  # refuses levels out of range before anything waits
        request = replace(request, seed=runtime.pick_seed(request.seed))
        name = secrets.token_hex(12)
        with self._turn:
            if len(self._waiting) >= self.limits.waiting:
                self.metrics.count("refused_jobs")
                raise RefusedError(429, f"{len(self._waiting)} jobs are waiting already: try again later")
            job = Job(name, request, clip, self.folder / "jobs" / name)
            if clip is not None:
                self.clips.hold(clip, 1)
            self._jobs[name] = job
            self._waiting.append(job)
            self._turn.notify_all()
        return job

    def job(self, name: str) -> Job:
        """The job of an id.

        Raises:
            RefusedError: 404.
        """
        with self._turn:
            if name not in self._jobs:
                raise RefusedError(404, "this job is not here (any more)")
            return self._jobs[name]

    def position(self, job: Job) -> int | None:
        """1 for the job that is next, None once it left the queue."""
        with self._turn:
            return self._waiting.index(job) + 1 if job in self._waiting else None

    def state_of(self, job: Job) -> dict[str, Any]:
        """Everything a client may know of a job."""
        return job.as_dict(self.position(job))

    def cancel(self, job: Job) -> None:
        """Take a waiting job out at once, stop a running one after its phase; ended ones stay as they are."""
        job.stop.set()
        with self._turn:
            waiting = job in self._waiting
            if waiting:
                self._waiting.remove(job)
        if waiting:
            self._end(job, "cancelled")

    def remove(self, job: Job) -> None:
        """Cancel a job and forget it with its files."""
        self.cancel(job)
        with self._turn:
            self._jobs.pop(job.id, None)
            running = job in self._running
        if not running:  # the worker removes what it is writing
            shutil.rmtree(job.folder, ignore_errors=True)

    def remove_take(self, job: Job, number: int) -> None:
        """Remove one take and its files.

        Raises:
            RefusedError: 404, 409.
        """
        take = job.take(number)
        job.takes.remove(take)
        if job.state in ENDED:
            self.store.put(job)
        self.gains.forget(take)
        for path in (take.sound, take.video):
            if path is not None:
                path.unlink(missing_ok=True)

    def set_gain(self, job: Job, number: int, gain: float) -> Take:
        """Remember a gain (dB) with a take; its files are served with it from now on.

        Raises:
            RefusedError: 404, 409.
            OptionError: if the gain is out of range.
        """
        take = job.take(number)
        self.gains.set(take, gain)
        if job.state in ENDED:
            self.store.put(job)
        return take

    def stored_bytes(self) -> int:
        """What clips and results take on the disk."""
        total = 0
        for path in self.folder.rglob("*"):
            try:
                total += path.stat().st_size if path.is_file() else 0
            except FileNotFoundError:
                pass  # removed meanwhile
        return total

    def gauges(self) -> dict[str, float]:
        """Numbers of this moment, for the metrics."""
        with self._turn:
            waiting, running = len(self._waiting), len(self._running)
        return {
            "jobs_waiting": waiting,
            "jobs_running": running,
            "clips": len(self.clips),
            "stored_bytes": self.stored_bytes(),
        }

    def sweep(self, now: float | None = None) -> None:
        """Remove clips and ended jobs that nobody used for too long."""
        now = time.monotonic() if now is None else now
        with self._turn:
            old = [
                job
                for job in self._jobs.values()
                if job.state in ENDED and now - job.used > self.limits.keep_seconds
            ]
        for job in old:
            self.remove(job)
        self.clips.sweep(now)

    def close(self) -> None:
        """Stop the running job after its phase, end the worker; remove every file, unless they are kept."""
        with self._turn:
            self._closing = True
            jobs = [*self._waiting, *self._running]
            self._turn.notify_all()
        for job in jobs:
            self.cancel(job)
        self._thread.join(timeout=60)
        self.store.release()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- the worker

    def _work(self) -> None:
        while True:
            with self._turn:
                if not self._waiting and not self._closing:
                    self._turn.wait(SWEEP_SECONDS)
                if self._closing:
                    return
                self._running = self._next()
            self._run([*self._running])
            with self._turn:
                self._running = []
            self.sweep()

    def _next(self) -> list[Job]:
        """The job whose turn it is, and waiting ones that can be made in one batch with it."""
        if not self._waiting:
            return []
        jobs = [self._waiting.popleft()]
        kind = self._worker.kind(jobs[0])
        for job in list(self._waiting) if kind is not None else []:
            if len(jobs) < self.limits.batch and self._worker.kind(job) == kind:
                self._waiting.remove(job)
                jobs.append(job)
        return jobs

    def _run(self, jobs: list[Job]) -> None:
        began = time.perf_counter()
        for job, error in self._worker.takes(jobs):
            self._settle(job, error)
            self.metrics.observe(time.perf_counter() - began)
            with self._turn:
                self._running.remove(job)
                forgotten = job.id not in self._jobs
            if forgotten:
                shutil.rmtree(job.folder, ignore_errors=True)

    def _settle(self, job: Job, error: Exception | None) -> None:
        """End a job as what became of it says."""
        if error is None:
            self._end(job, "done")
        elif isinstance(error, CancelledError):
            self._end(job, "cancelled")
        elif isinstance(error, SoundVCMError):
            self._end(job, "failed", self._harmless(str(error), job))
        else:  # a fault of ours must not end the worker
            logging.getLogger(__name__).error("job %s", job.id, exc_info=error)
            self._end(job, "failed", FAULT)

    def _harmless(self, message: str, job: Job) -> str:
        """A sentence for clients: names no path of this machine."""
        if job.clip is not None:
            for path in (str(job.clip.path), job.clip.path.name):
                message = message.replace(path, job.clip.stem)
        return message.replace(str(self.folder), "").strip()

    def _end(self, job: Job, state: Any, error: str | None = None) -> None:
        job.error = error
        if job.clip is not None:
            self.clips.hold(job.clip, -1)
        if not job.takes:  # takes that were finished before stay; half of one never counts
            shutil.rmtree(job.folder, ignore_errors=True)
        else:
            try:
                self.store.put(replace(job, state=state, error=error))
            except OSError:  # a full disk must not end the worker
                logging.getLogger(__name__).exception("job %s", job.id)
        job.become(state)
        self.metrics.count("jobs", state=state)
