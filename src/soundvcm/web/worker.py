"""Making the takes of jobs: what the worker of the studio does with those whose turn it is.

    Job, Job, ... => each clip is looked at once (or was earlier), takes of one length are made as one batch,
    each is written and recorded

Knows the pipeline, the shared `job`, clips and the store; nothing of queues or HTTP.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

from soundvcm import media
from soundvcm.errors import SoundVCMError
from soundvcm.generate import render as work
from soundvcm.generate.audio import Audio
from soundvcm.generate.batching import BatchItem, batch_key, generate_batch
from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.timeline import exact_seconds
from soundvcm.web.clips import Clips
from soundvcm.web.forms import in_page_words
from soundvcm.web.jobs import Job, Take, listen_to
from soundvcm.web.keeping import join
from soundvcm.web.metrics import Metrics
from soundvcm.web.store import JobStore

Going = list[tuple[Job, ClipFeatures]]


class Worker:
    """Makes takes with one pipeline; called by one thread.

    Args:
        pipeline: the loaded system.
        clips: of the studio; features are kept there.
        metrics: counts phases, calls and seconds of sound.
        store: told of every finished take.
    """

    def __init__(self, pipeline: Pipeline, clips: Clips, metrics: Metrics, store: JobStore) -> None:
        self.pipeline, self.clips, self.metrics, self.store = pipeline, clips, metrics, store

    def kind(self, job: Job) -> Hashable | None:
        """What jobs that may be made as one batch have in common, as far as it is known before their clips
        are read again; None for one that is made by itself.
        """
        request, clip = job.request, job.clip
        try:
            seconds = None if request.duration is None else exact_seconds(request.duration)
            if clip is not None and clip.preview.seconds is not None:
                there = clip.preview.seconds - exact_seconds(request.start)
                seconds = there if seconds is None else min(seconds, there)
            if (
                seconds is None or not 0 < seconds <= self.pipeline.clip_encoder.longest
            ):  # a film is made in windows
                return None
            return batch_key(
                self.pipeline, ClipFeatures(self.pipeline.clip_encoder.timeline.at(seconds)), request
            )
        except SoundVCMError:  # it will be said when its turn comes
            return None

    def takes(self, jobs: list[Job]) -> Iterator[tuple[Job, Exception | None]]:
        """All takes of all jobs, each added to its job when its files are whole.

        Yields:
            Each job as it ends, with what went wrong: a CancelledError if it is not wanted any more, a
            SoundVCMError if it cannot be done. The others go on.
        """
        going: Going = []
        for job in jobs:
            job.begin(self.clips.limits.job_seconds)
        for job in jobs:
            try:
                job.check()
                self.store.make_folders()
                job.folder.mkdir(mode=0o700)
                going.append((job, self._watched(job)))
            except Exception as error:
                yield job, error
        for number in count(1):
            if not going:
                return
            made = self._together(going, number)
            left: Going = []
            for job, features in going:
                try:
                    self._take(job, features, number, made.pop(job.id, None))
                except Exception as error:
                    yield job, error
                    continue
                if number < job.request.takes:
                    left.append((job, features))
                else:
                    yield job, None
            going = left

    def _together(self, going: Going, number: int) -> dict[str, Audio | Exception]:
        """The takes of this number that are made in batches, or what went wrong, by job."""
        groups: dict[Hashable, Going] = defaultdict(list)
        for job, features in going:
            if (kind := batch_key(self.pipeline, features, job.request)) is not None:
                groups[kind].append((job, features))
        made: dict[str, Audio | Exception] = {}
        for group in groups.values():
            if len(group) == 1:
                continue
            wanted = [
                BatchItem(features, job.request, _seed(job, number), job.progress) for job, features in group
            ]
            try:
                results = generate_batch(self.pipeline, wanted)
            except Exception as error:  # each is tried by itself: only the one at fault will fail
                logging.getLogger(__name__).warning("a batch of %d: %s", len(group), error)
                continue
            made |= {job.id: result for (job, _), result in zip(group, results, strict=True)}
            self.metrics.count("batched_takes", sum(isinstance(result, Audio) for result in results))
        return made

    def _take(self, job: Job, features: ClipFeatures, number: int, ready: Audio | Exception | None) -> None:
        """One take: its sound, unless it is ready, its files and its record."""
        if isinstance(ready, Exception):
            raise ready
        seed, path = _seed(job, number), job.folder / f"take{number}.wav"
        one = replace(job.request, takes=1, seed=seed, output=path, audio_only=True)
        make: work.TakeFunction | None = None if ready is None else lambda *_, **__: ready
        outcome = work.render(self.pipeline, one, job.progress, features, job.check, make, overwrite=True)
        job.check()
        video = self._muxed(job, one, outcome, number)
        job.seconds, job.length = outcome.seconds, outcome.length
        job.calls += outcome.calls
        for phase, value in outcome.timings.items():
            job.timings[phase] = job.timings.get(phase, 0.0) + value
            self.metrics.count("phase_seconds", value, phase=phase)
        warnings = [in_page_words(line) for line in outcome.warnings]
        job.warnings = list(dict.fromkeys([*job.warnings, *warnings]))
        take = Take(number, seed, outcome.outputs[0], video, warnings=warnings)
        take.credits = [job.named(line) for line in outcome.credits]
        job.takes.append(take)
        self.store.put(job)
        job.note("take", **job.take_dict(take))
        take.impression = listen_to(take.sound)  # after it was told: nobody waits for a classifier
        self.store.put(job)
        job.note("impression", take=number, **asdict(take.impression))
        self.metrics.count("network_calls", outcome.calls)
        self.metrics.count("sound_seconds", outcome.seconds)

    def _watched(self, job: Job) -> ClipFeatures:
        """What the pipeline saw, from an earlier job where it is kept."""
        request, clip = job.request, job.clip
        span = (request.start, request.duration)
        if request.segments:  # each is encoded as its turn comes
            return ClipFeatures(self.pipeline.clip_encoder.timeline.at(1))
        kept = None if clip is None else self.clips.features(clip, span)
        if kept is not None:
            job.kept_features = True
            return kept
        features = self.pipeline.encode_clip(
            request.video, start=request.start, duration=request.duration, progress=job.progress
        )
        for phase, value in features.timings.items():
            job.timings[phase] = value
            self.metrics.count("phase_seconds", value, phase=phase)
        features = replace(features, timings={})  # later takes did not spend it
        if clip is not None:
            self.clips.keep(clip, span, features)
        return features

    def _muxed(
        self, job: Job, one: GenerateOptions, outcome: work.GenerateResult, number: int
    ) -> Path | None:
        """The clip with the take's sound beside the sound file: one network call gives both."""
        if job.clip is None:
            return None
        began = time.perf_counter()
        job.progress("mux", 0.0)
        target = job.folder / f"take{number}.mp4"
        asked = replace(one, audio_only=False, sample_rate=None, output=target)
        if outcome.streamed:  # of a film only the first piece is in memory; all of it is in the file
            report = join(asked, job.clip.path, outcome.outputs[0], target, media.Levels())
            path, messages = report.path, report.messages
        else:
            path, messages = work.write(asked, outcome.sounds[0], target)
        outcome.timings["mux"] = time.perf_counter() - began
        outcome.warnings += messages
        job.progress("mux", 1.0)
        return path


def _seed(job: Job, number: int) -> int:
    return job.request.seed + number - 1
