"""The measure of one soundtrack: the parts that no phase shows get their CPU seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts_by_path import load_script

from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.render import render
from soundvcm.systems.loading import load


@pytest.mark.slow
def test_parts_and_bare_decoding(tmp_path: Path) -> None:
    bench = load_script("benchmarks/latency.py", "latency_bench")
    clip = bench.make_clip(tmp_path / "clip.mp4", 1.0)
    render(load("tiny", device="cpu"), GenerateOptions(video=clip, output=tmp_path / "made.mp4", seed=1))
    found = bench.parts(tmp_path / "made.mp4")
    assert set(found) == {"extraction", "EfficientNet, 8 pictures", "kinds found at first"}
    assert all(value > 0 for value in found.values()) and bench.bare(clip) > 0
