"""Waiting jobs of one length are made as one batch; each keeps its events, its end and its sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standins import random_pipeline, write_clip

from soundvcm import media
from soundvcm.generate import render as work
from soundvcm.generate.options import GenerateOptions

# docs/serving.md: 1e-4 of the largest sample, and the rounding to 16 bits
STEPS_OF_16_BITS = 4


class Rows:
    """Notes how many rows each call of the network had."""

    def __init__(self, pipeline: Any) -> None:
        self.counts: list[int] = []
        pipeline.network.register_forward_pre_hook(lambda _, given: self.counts.append(len(given[0])))


def sound_of(served: Any, job: dict[str, Any], folder: Path, take: int = 0) -> np.ndarray:
    path = folder / "take.wav"
    path.write_bytes(served.get(job["takes"][take]["sound"]).content)
    return np.round(media.read_sound(path)[0] * 32768)


def alone(folder: Path, **asked: Any) -> np.ndarray:
    request = GenerateOptions(audio_only=True, output=folder / "alone.wav", **asked)
    (path,) = work.render(random_pipeline(), request).outputs
    return np.round(media.read_sound(path)[0] * 32768)


def held(serve: Any, gated: Any, **limits: Any) -> tuple[Any, Any, Rows, dict[str, Any]]:
    """A studio whose worker is held in the network phase of a first job of another length."""
    pipeline, gate = gated
    rows = Rows(pipeline)
    served = serve(pipeline=pipeline, **limits)
    first = served.submit(prompt="first", duration="0.5")
    assert gate.reached.wait(60)
    return served, gate, rows, first


def test_equal_lengths_are_one_batch_and_sound_as_alone(
    serve: Any, gated: Any, clip: Path, tmp_path: Path
) -> None:
    served, gate, rows, first = held(serve, gated)
    other = write_clip(tmp_path / "other.mp4", 100)
    asked: list[dict[str, Any]] = [
        {"video": clip, "seed": 3},
        {"prompt": "rain", "duration": "4", "seed": 4},
        {"prompt": "longer", "duration": "5", "seed": 5},  # another length, between them
        {"video": other, "prompt": "sea", "seed": 6},
        {"video": clip, "prompt": "wind", "seed": 7, "gain": 6.0},
        {"prompt": "fifth of its length", "duration": "4", "seed": 8},
    ]
    jobs = [served.submit(**fields) for fields in asked]
    assert [job["position"] for job in jobs] == [1, 2, 3, 4, 5, 6]
    gate.open.set()
    told = [served.events(job) for job in jobs]
    assert rows.counts == [1, 4, 1, 1]  # the first; four at once; the longer; the fifth
    for fields, job, events in zip(asked, jobs, told, strict=True):
        phases = [facts["phase"] for name, facts in events if name == "phase" and facts["share"] == 0]
        assert phases.count("network") == phases.count("codec") == phases.count("write") == 1
        assert ("decode" in phases) is ("video" in fields)
        assert [facts["state"] for name, facts in events if name == "state"] == ["running", "done"]
        assert [facts["seed"] for name, facts in events if name == "take"] == [fields["seed"]]
        done = served.get(f"/api/jobs/{job['id']}").json()
        assert done["network_calls"] == 1 and {"network", "codec"} <= set(done["timings"])
        apart = sound_of(served, done, tmp_path) - alone(tmp_path, **fields)
        assert np.abs(apart).max() <= STEPS_OF_16_BITS
    assert "soundvcm_batched_takes_total 4" in served.get("/metrics").text
    assert served.finish(first)["state"] == "done"


def test_cancelling_one_leaves_the_others(serve: Any, gated: Any, tmp_path: Path) -> None:
    served, gate, rows, _ = held(serve, gated)
    inner, jobs = served.studio.pipeline.latents, []

    def cancelled_meanwhile(*given: Any) -> Any:
        if len(given) > 4:
            served.post(f"/api/jobs/{jobs[1]['id']}/cancel")
        return inner(*given)

    served.studio.pipeline.latents = cancelled_meanwhile
    jobs += [served.submit(prompt="rain", duration="1", seed=seed, takes=2) for seed in (1, 3, 5)]
    gate.open.set()
    ended = [served.finish(job) for job in jobs]
    assert [job["state"] for job in ended] == ["done", "cancelled", "done"]
    assert ended[1]["takes"] == [] and not served.studio.job(jobs[1]["id"]).folder.exists()
    assert rows.counts == [1, 3, 2]  # the second takes without it
    for job, seed in ((ended[0], 1), (ended[2], 5)):
        for take in (0, 1):
            mine = alone(tmp_path, prompt="rain", duration="1", seed=seed + take)
            assert np.abs(sound_of(served, job, tmp_path, take) - mine).max() <= STEPS_OF_16_BITS


def test_a_bad_file_fails_alone(serve: Any, gated: Any, clip: Path) -> None:
    served, gate, rows, _ = held(serve, gated)
    jobs = [served.submit(clip, seed=seed) for seed in (1, 2, 3)]
    served.studio.job(jobs[1]["id"]).clip.path.write_bytes(b"no film any more")
    gate.open.set()
    ended = [served.finish(job) for job in jobs]
    assert [job["state"] for job in ended] == ["done", "failed", "done"]
    assert "My_film" in ended[1]["error"] and rows.counts == [1, 2]


def test_a_batch_that_fails_as_a_whole_is_made_one_by_one(serve: Any, gated: Any) -> None:
    """As where the memory of a device is too small for all at once; only the one at fault fails."""
    served, gate, rows, _ = held(serve, gated)
    inner = served.studio.pipeline.latents

    def narrow(*given: Any) -> Any:
        if len(given) > 4 or given[3] == 2:
            raise RuntimeError("out of memory")
        return inner(*given)

    served.studio.pipeline.latents = narrow
    jobs = [served.submit(prompt="rain", duration="1", seed=seed) for seed in (1, 2, 3)]
    gate.open.set()
    assert [served.finish(job)["state"] for job in jobs] == ["done", "failed", "done"]
    assert rows.counts == [1, 1, 1]


def test_fewer_takes_end_sooner(serve: Any, gated: Any) -> None:
    served, gate, rows, _ = held(serve, gated)
    jobs = [served.submit(prompt="rain", duration="1", takes=takes) for takes in (3, 1, 2)]
    gate.open.set()
    assert [len(served.finish(job)["takes"]) for job in jobs] == [3, 1, 2]
    assert rows.counts == [1, 3, 2, 1]


@pytest.mark.parametrize(("batch", "counts"), [(1, [1, 1, 1, 1]), (2, [1, 2, 1])])
def test_the_bound(serve: Any, gated: Any, batch: int, counts: list[int]) -> None:
    served, gate, rows, _ = held(serve, gated, batch=batch)
    jobs = [served.submit(prompt="rain", duration="1", seed=seed) for seed in (1, 2, 3)]
    gate.open.set()
    assert {served.finish(job)["state"] for job in jobs} == {"done"}
    assert rows.counts == counts


def test_cancelling_all_of_a_batch(serve: Any, gated: Any) -> None:
    served, gate, _, first = held(serve, gated)
    jobs = [served.submit(prompt="rain", duration="1", seed=seed) for seed in (1, 2)]
    inner = served.studio.pipeline.latents
    held_jobs = [served.studio.job(job["id"]) for job in jobs]

    def closing(*given: Any) -> Any:
        if len(given) > 4:
            for job in held_jobs:
                served.studio.cancel(job)
        return inner(*given)

    served.studio.pipeline.latents = closing
    gate.open.set()
    assert [served.finish(job)["state"] for job in jobs] == ["cancelled", "cancelled"]
    assert served.finish(served.submit(prompt="rain", duration="1"))["state"] == "done"
    served.until(lambda: "soundvcm_jobs_running 0" in served.get("/metrics").text)
