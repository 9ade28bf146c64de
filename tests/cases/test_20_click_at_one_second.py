"""Case 20: a click at 1.000 s stays at 1.000 s after muxing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clips import Clips, click, decoded_sound

from soundvcm.media import mux


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".m4v"])
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_the_click_stays(clips: Clips, tmp_path: Path, rate: int, suffix: str) -> None:
    report = mux(clips("fps30.mp4"), click(rate, 8), rate, tmp_path / f"out{suffix}")
    assert (report.sample_rate, report.channels, report.seconds) == (rate, 1, 8)
    wave, found, begin = decoded_sound(report.path)
    assert found == rate and 0 <= wave.shape[1] - 8 * rate <= 1024
    first = int(np.argmax(np.abs(wave[0]) > 0.3))
    assert abs(first / rate + float(begin) - 1) < 0.001


@pytest.mark.parametrize("codec", ["aac", "opus", "mp3", "flac", "pcm"])
def test_in_every_codec(clips: Clips, tmp_path: Path, codec: str) -> None:
    report = mux(clips("fps25.mp4"), click(48_000, 8), 48_000, tmp_path / "out.mkv", audio_codec=codec)
    wave, rate, begin = decoded_sound(report.path)
    first = int(np.argmax(np.abs(wave[0]) > 0.3))
    assert abs(first / rate + float(begin) - 1) < 0.001
    assert abs(wave.shape[1] / rate - 8) < 0.1


def test_in_webm(clips: Clips, tmp_path: Path) -> None:
    report = mux(clips("short61.mp4"), click(16_000, 2.44), 16_000, tmp_path / "out.webm", may_rename=False)
    assert report.sound_codec == "libopus" and not report.copied
    wave, rate, begin = decoded_sound(report.path)
    first = int(np.argmax(np.abs(wave[0]) > 0.3))
    assert abs(first / rate + float(begin) - 1) < 0.001
