"""The measure of overlap: both ways make the same files, and waiting in one hides behind the other."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scripts_by_path import load_script
from standins import random_pipeline, write_clip

from soundvcm import media


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return load_script("benchmarks/overlap.py", "overlap_bench")


@pytest.mark.slow
def test_waiting_overlaps(bench: ModuleType, tmp_path: Path) -> None:
    """Reading and network that each only wait: overlapped, six clips take little more than half the time."""
    pipeline = random_pipeline()
    encode_clip, take = pipeline.encode_clip, pipeline.take

    def slow(inner: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            time.sleep(0.5)
            return inner(*given, **named)

        return call

    pipeline.encode_clip, pipeline.take = slow(encode_clip), slow(take)  # type: ignore[method-assign]
    (tmp_path / "in").mkdir()
    for name in "abcdef":
        write_clip(tmp_path / "in" / f"{name}.mp4", 12)
    found = bench.measure(pipeline, (tmp_path / "in",), rounds=1)
    assert found["gain"] > 1.25, found


def test_both_ways_make_the_same(bench: ModuleType, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 12)
    pipeline = random_pipeline()
    for way in (bench.in_turn, bench.overlapped):
        assert way(pipeline, (clip,), tmp_path / way.__name__) > 0
    one, two = (media.read_sound(next((tmp_path / n).glob("*.mp4")))[0] for n in ("in_turn", "overlapped"))
    assert (one == two).all()
