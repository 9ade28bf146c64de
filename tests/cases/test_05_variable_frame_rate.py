"""Case 05: variable frame rate: sample by time, and mux by time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from clips import RAMP, Clips, decoded_sound, packet_md5, shown_times

from soundvcm.media import mux, read_frames
from soundvcm.records import FrameSpec

RIGHT = (  # from the case
    "0 3 7 11 15 18 22 26 30 33 37 41 45 48 52 56 60 63 66 69 75 78 81 84 90 93 96 99 105 108 111"
)


def test_pictures_by_time(clips: Clips) -> None:
    footage = read_frames(clips("ramp_vfr.mp4"), {"semantic": FrameSpec(Fraction(8), None, None)})
    assert footage.seconds == Fraction(59, 15)
    luma = footage.frames["semantic"].float().mean(dim=(1, 2, 3)) / 1.1643
    numbers = [int(word) for word in RIGHT.split()]
    assert luma.round().int().tolist() == numbers
    assert [RAMP[index] for index in footage.indices["semantic"]] == numbers
    assert [time * 30 for time in footage.times["semantic"]] == numbers


def test_the_result_keeps_its_times(clips: Clips, tmp_path: Path) -> None:
    source = clips("ramp_vfr.mp4")
    report = mux(source, np.zeros(62_933, dtype=np.float32), 16_000, tmp_path / "out.mp4")
    times = shown_times(report.path)
    assert len(times) == 80 and times[60] == 2
    assert report.copied and packet_md5(report.path) == packet_md5(source)
    assert report.picture_seconds == Fraction(59, 15)
    wave, rate, begin = decoded_sound(report.path)
    assert begin == 0 and 0 <= wave.shape[1] - 62_933 < 1024 and rate == 16_000
    assert abs(report.seconds - Fraction(59, 15)) < Fraction(1, 1000)
