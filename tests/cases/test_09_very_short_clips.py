"""Case 09: clips shorter than one sync segment."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import Clips, decoded_sound

from soundvcm.media import mux, probe, read_frames
from soundvcm.records import FrameSpec

SPECS = {"semantic": FrameSpec(Fraction(8), 8, 8), "sync": FrameSpec(Fraction(25), 8, 8)}
TABLE = {1: (640, 0), 3: (1920, 0), 13: (8320, 0), 16: (10_240, 1), 25: (16_000, 2), 61: (39_040, 6)}


@pytest.mark.parametrize("count", TABLE)
def test_lengths(clips: Clips, count: int) -> None:
    samples, segments = TABLE[count]
    found = probe(clips(f"short{count}.mp4"))
    assert (found["samples"], found["whole_segments"], found["frames"]) == (samples, segments, count)
    assert found["sync_segments"] == max(1, segments) and found["sync_tokens"] == 8 * max(1, segments)
    footage = read_frames(clips(f"short{count}.mp4"), SPECS)
    assert footage.frames["sync"].shape[0] == count and footage.frames["semantic"].shape[0] >= 1
    assert not footage.is_still


@pytest.mark.parametrize("count", [1, 3, 25])
def test_sound_of_exactly_that_length(clips: Clips, tmp_path: Path, count: int) -> None:
    samples = TABLE[count][0]
    report = mux(clips(f"short{count}.mp4"), np.full(samples, 0.1, np.float32), 16_000, tmp_path / "out.mkv")
    assert report.seconds == Fraction(count, 25) == report.picture_seconds
    assert decoded_sound(report.path)[0].shape[1] == samples
