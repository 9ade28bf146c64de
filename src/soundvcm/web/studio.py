"""The studio: a bounded queue, one worker thread for one pipeline, and the sweeping up.

    GenerateOptions => wait => made, together with waiting ones of the same length => files

Knows jobs, clips and limits; nothing of HTTP. Safe to use from several threads.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundvcm import runtime
from soundvcm.errors import SoundVCMError
from soundvcm.generate import render as work
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.web.admission import Admission, Place, Repeats
from soundvcm.web.clip import StoredClip
from soundvcm.web.clips import Clips
from soundvcm.web.forms import in_page_words
from soundvcm.web.inspecting import Inspector
from soundvcm.web.jobs import ENDED, CancelledError, Job
from soundvcm.web.keeping import Gains, TakeKeeper
from soundvcm.web.limits import DISK_FULL, Limits, RefusedError
from soundvcm.web.metrics import Metrics
from soundvcm.web.problems import FAULT
from soundvcm.web.projects import Project, Projects
from soundvcm.web.store import JobStore, remove_job_files
from soundvcm.web.worker import Worker

SWEEP_SECONDS = 5.0


class Studio:
    """Takes jobs for one pipeline.

    Args:
        pipeline: the loaded system; only the worker thread calls it.
        folder: for clips and results; created, and emptied as they grow old.
        limits: what is taken on.
        local_paths: whether clients may name files of this machine.
        keep: leave clips and finished takes in the folder at the end, for the next studio there.
        inspector: looks at uploads; one of its own if left out.

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
        inspector: Inspector | None = None,
    ) -> None:
        self.store, self.keep = JobStore(folder), keep
        self.pipeline, self.folder, self.local_paths = pipeline, folder, local_paths
        self.limits = limits or Limits()
        self._own_inspector = inspector is None
        self.inspector = inspector or Inspector(folder=None if keep else folder)
        self.clips = Clips(self.store, self.limits, self.inspector)
        self.looks = ThreadPoolExecutor(self.inspector.children, thread_name_prefix="soundvcm-looks")
        self.repeats = Repeats()
        self.metrics, self.gains = Metrics(), Gains()
        self.projects = Projects(self.store)
        self.takes = TakeKeeper(self.store, self.gains)
        self.admission = Admission(
            self.limits, self.store, lambda: len(self._waiting), self._empty_trash, self.metrics
        )
        self._worker = Worker(pipeline, self.clips, self.metrics, self.store)
        self._jobs: dict[str, Job] = {job.id: job for job in self.store.read_jobs(self.clips.all())}
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._closing = False
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="soundvcm-studio", daemon=True)
        self._thread.start()

    # -- for doors

    def check(self, request: GenerateOptions) -> None:
        """Refuse what makes no sense before anything is kept or waits.

        Raises:
            RefusedError: 422 for too many takes.
            OptionError: naming the option.
        """
        work.check_options(self.pipeline, request)
        self.limits.check_takes(request.takes)
        _ = request.levels  # refuses levels out of range

    def submit(
        self,
        request: GenerateOptions,
        clip: StoredClip | None,
        place: Place | None = None,
        project: Project | None = None,
        sound: StoredClip | None = None,
    ) -> Job:
        """Check a request and let it wait for its turn.

        Args:
            request: what is asked.
            clip: what it is for.
            place: held for it in the queue since its body began to arrive.
            project: it joins.
            sound: a recording it goes by.

        Raises:
            RefusedError: 429 if too many wait, 507 if the disk is full.
            OptionError: for a request that makes no sense.
        """
        like = None if sound is None else sound.path
        request = replace(request, video=None if clip is None else clip.path, like=like)
        self.check(request)
        if place is None:
            self.store.check_room()
        request = replace(request, seed=runtime.pick_seed(request.seed))
        name = secrets.token_hex(12)
        others = self.admission.others(place)
        with self._turn:
            self.admission.check_queue(len(self._waiting) + others)
            job = Job(name, request, clip, self.store.jobs / name, sound)
            if project is not None:
                job.project = project.id
            for held in job.held:
                self.clips.hold(held, 1)
            self._jobs[name] = job
            self._waiting.append(job)
            self._turn.notify_all()
        if place is not None:
            place.leave()
        if project is not None:
            self.projects.change(project)
        return job

    def jobs_of(self, project: Project) -> list[Job]:
        """The jobs of a project, the oldest first."""
        return [job for job in reversed(self.all_jobs()) if job.project == project.id]

    def all_jobs(self) -> list[Job]:
        """Every job, the newest first."""
        with self._turn:
            return sorted(self._jobs.values(), key=lambda job: -job.created)

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
            remove_job_files(job.folder)

    def health(self) -> dict[str, Any]:
        """Whether jobs can be taken: disk, queue, worker. Reads no folder."""
        with self._turn:
            waiting, running = len(self._waiting), len(self._running)
        free, alive = self.store.free_bytes(), self._thread.is_alive()
        status = "stopped" if not alive else "disk full" if free == 0 else "ok"
        worker = "stopped" if not alive else "busy" if running else "idle"
        return {"status": status, "worker": worker, "waiting": waiting, "running": running, "disk_free": free}

    def gauges(self) -> dict[str, float]:
        """Numbers of this moment, for the metrics."""
        with self._turn:
            waiting, running = len(self._waiting), len(self._running)
        return {
            "jobs_waiting": waiting,
            "jobs_running": running,
            "clips": len(self.clips),
            "stored_bytes": self.store.stored_bytes(),
        }

    def sweep(self, now: float | None = None) -> None:
        """Remove clips and ended jobs that nobody used for too long, except kept takes and their clips."""
        now = time.monotonic() if now is None else now
        with self._turn:
            jobs = [job for job in self._jobs.values() if job.state in ENDED]
        self._empty_trash(now - self.limits.undo_seconds)
        for job in jobs:
            if job.unsaved:
                self.takes.save(job)
            self.store.touch(job)
            if now - job.used <= self.limits.keep_seconds:
                continue
            if not any(take.kept for take in job.takes):
                self.remove(job)
                continue
            self.takes.drop_unkept(job)
        kept = {one.id for job in jobs if any(take.kept for take in job.takes) for one in job.held}
        self.clips.sweep(now, kept)

    def _empty_trash(self, before: float | None = None) -> None:
        with self._turn:
            jobs = list(self._jobs.values())
        for job in jobs:
            self.takes.empty_trash(job, before)

    def close(self) -> None:
        """Stop the running job after its phase, end the worker; remove every file, unless they are kept."""
        with self._turn:
            self._closing = True
            jobs = [*self._waiting, *self._running]
            self._turn.notify_all()
        for job in jobs:
            self.cancel(job)
        self._thread.join(timeout=60)
        self.looks.shutdown(wait=False, cancel_futures=True)
        if self._own_inspector:
            self.inspector.close()
        for job in self._jobs.values():
            self.store.touch(job, 0.0)
        for clip in self.clips.all().values():
            self.store.touch(clip, 0.0)
        self.store.release()
        if not self.keep:
            self.store.remove_all()

    # -- the worker

    def _work(self) -> None:
        while True:
            with self._turn:
                if not self._waiting and not self._closing:
                    self._turn.wait(SWEEP_SECONDS)
                if self._closing:
                    return
                self._running = self._next()
            try:
                self._run([*self._running])
                self.sweep()
            except Exception:  # the worker must outlive whatever happens to its files
                logging.getLogger(__name__).exception("the studio's worker")
            finally:
                with self._turn:
                    lost, self._running = self._running, []
            for job in lost:
                self._end(job, "failed", FAULT)

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
                remove_job_files(job.folder)

    def _settle(self, job: Job, error: Exception | None) -> None:
        """End a job as what became of it says."""
        if error is None:
            self._end(job, "done")
        elif isinstance(error, CancelledError):
            self._end(job, "cancelled")
        elif isinstance(error, SoundVCMError):
            self._end(job, "failed", self._harmless(str(error), job))
        elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
            self._end(job, "failed", DISK_FULL)
        else:  # a fault of ours must not end the worker
            logging.getLogger(__name__).error("job %s", job.id, exc_info=error)
            self._end(job, "failed", FAULT)

    def _harmless(self, message: str, job: Job) -> str:
        """A sentence for clients: names no path of this machine."""
        if os.strerror(errno.ENOSPC) in message:
            return DISK_FULL
        return in_page_words(job.named(message)).replace(str(self.folder), "").strip()

    def _end(self, job: Job, state: Any, error: str | None = None) -> None:
        job.error = error
        for held in job.held:
            self.clips.hold(held, -1)
        if not job.takes and not job.trash:  # takes that were finished before stay; half of one never counts
            remove_job_files(job.folder)
        else:
            try:
                self.store.put(replace(job, state=state, error=error))
            except OSError:  # a full disk must not end the worker
                job.unsaved = True
                logging.getLogger(__name__).exception("job %s", job.id)
        job.become(state)
        self.metrics.count("jobs", state=state)
