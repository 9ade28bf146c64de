"""Cancelling frees what a job held: sounds at once, features with their clip."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any


def alive(found: list[weakref.ref[Any]]) -> int:
    gc.collect()
    return sum(one() is not None for one in found)


def test_cancelling_frees_sounds_and_deleting_a_clip_its_features(serve: Any, clip: Path, gated: Any) -> None:
    pipeline, gate = gated
    sounds: list[weakref.ref[Any]] = []
    seen: list[weakref.ref[Any]] = []
    take, encode_clip = pipeline.take, pipeline.encode_clip

    def noted_make(*given: Any, **named: Any) -> Any:
        if sounds:
            gate.open.clear()
            gate.reached.clear()
        sound = take(*given, **named)
        sounds.append(weakref.ref(sound))
        return sound

    def noted_watch(*given: Any, **named: Any) -> Any:
        features = encode_clip(*given, **named)
        seen.append(weakref.ref(features.semantic))
        return features

    pipeline.take, pipeline.encode_clip = noted_make, noted_watch
    served = serve(pipeline=pipeline)
    gate.open.set()
    job = served.submit(clip, takes="4")
    served.until(lambda: len(sounds) == 1 and not gate.open.is_set() and gate.reached.is_set())
    served.post(f"/api/jobs/{job['id']}/cancel")
    gate.open.set()
    ended = served.finish(job)
    assert ended["state"] == "cancelled" and len(ended["takes"]) == 1
    served.until(lambda: "soundvcm_jobs_running 0" in served.get("/metrics").text)
    assert len(sounds) <= 2 and alive(sounds) == 0, "a cancelled job still holds its samples"
    assert alive(seen) == 1  # kept for another take of the same clip
    assert served.delete(f"/api/clips/{ended['clip']}").status_code == 204
    assert alive(seen) == 0
