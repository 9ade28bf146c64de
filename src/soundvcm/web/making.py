"""Making the takes of one job: what the worker of the studio does with it.

    Job => its clip is looked at once (or was earlier), each take made, written, put on the shelf

Knows the pipeline, the shared `job`, clips and the shelf; nothing of queues or HTTP.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from soundvcm import job as work
from soundvcm.pipeline import Pipeline
from soundvcm.request import Request
from soundvcm.sound import Watched
from soundvcm.web.clips import Clips
from soundvcm.web.jobs import Job, Take
from soundvcm.web.metrics import Metrics
from soundvcm.web.shelf import Shelf


class Maker:
    """Makes takes with one pipeline; called by one thread.

    Args:
        pipeline: the loaded system.
        clips: of the studio; features are kept there.
        metrics: counts phases, calls and seconds of sound.
        shelf: told of every finished take.
    """

    def __init__(self, pipeline: Pipeline, clips: Clips, metrics: Metrics, shelf: Shelf) -> None:
        self.pipeline, self.clips, self.metrics, self.shelf = pipeline, clips, metrics, shelf

    def takes(self, job: Job) -> None:
        """All takes of a job, each added to it when its files are whole.

        Raises:
            CancelledError: if it is not wanted any more.
            SoundVCMError: if it cannot be done.
        """
        watched = self._watched(job)
        for number in range(1, job.request.takes + 1):
            seed = job.request.seed + number - 1
            path = job.folder / f"take{number}.wav"
            one = replace(job.request, takes=1, seed=seed, output=path, audio_only=True)
            outcome = work.run(self.pipeline, one, job.progress, watched, job.check)
            job.check()
            video = self._muxed(job, one, outcome, number)
            job.seconds, job.length = outcome.seconds, outcome.length
            job.calls += outcome.calls
            for phase, value in outcome.timings.items():
                job.timings[phase] = job.timings.get(phase, 0.0) + value
                self.metrics.count("phase_seconds", value, phase=phase)
            job.warnings = list(dict.fromkeys([*job.warnings, *outcome.warnings]))
            take = Take(number, seed, outcome.outputs[0], video)
            job.takes.append(take)
            self.shelf.put(job)
            job.note("take", **job.take_dict(take))
            self.metrics.count("network_calls", outcome.calls)
            self.metrics.count("sound_seconds", outcome.seconds)

    def _watched(self, job: Job) -> Watched:
        """What the pipeline saw, from an earlier job where it is kept."""
        request, clip = job.request, job.clip
        span = (request.start, request.duration)
        kept = None if clip is None else self.clips.features(clip, span)
        if kept is not None:
            job.kept_features = True
            return kept
        watched = self.pipeline.watch(
            request.video, start=request.start, seconds=request.duration, progress=job.progress
        )
        for phase, value in watched.timings.items():
            job.timings[phase] = value
            self.metrics.count("phase_seconds", value, phase=phase)
        watched = replace(watched, timings={})  # later takes did not spend it
        if clip is not None:
            self.clips.keep(clip, span, watched)
        return watched

    def _muxed(self, job: Job, one: Request, outcome: work.Outcome, number: int) -> Path | None:
        """The clip with the take's sound beside the sound file: one network call gives both."""
        if job.clip is None:
            return None
        began = time.perf_counter()
        job.progress("mux", 0.0)
        asked = replace(one, audio_only=False, sample_rate=None)
        path, messages = work.write(asked, outcome.sounds[0], job.folder / f"take{number}.mp4")
        outcome.timings["mux"] = time.perf_counter() - began
        outcome.warnings += messages
        job.progress("mux", 1.0)
        return path
