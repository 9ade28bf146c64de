"""Case 45: AV1 (or Theora) pictures are copied, though their decoder is called otherwise than an encoder."""

from __future__ import annotations

import base64
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import packet_md5, shown_times
from codec_clips import codec_clip

from soundvcm.cli.main import main
from soundvcm.media import inspect, made_here, mux

SILENCE = np.zeros(16_000, np.float32)
THEORA = Path(__file__).parents[1] / "media" / "theora.b64"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_av1_is_copied(tmp_path: Path, suffix: str) -> None:
    source = codec_clip(tmp_path, "libsvtav1")
    assert inspect(source).codec == "av1"
    report = mux(source, SILENCE, 16_000, tmp_path / f"out{suffix}")
    assert report.copied and report.path.suffix == suffix and report.seconds == 1
    assert packet_md5(report.path) == packet_md5(source) and len(shown_times(report.path)) == 25


def test_av1_cut_exactly(tmp_path: Path) -> None:
    source = codec_clip(tmp_path, "libsvtav1")
    report = mux(source, SILENCE, 16_000, tmp_path / "out.mp4", start="0.2", seconds="0.4", cut="exact")
    assert not report.copied and report.seconds == Fraction(2, 5) and len(shown_times(report.path)) == 10


def test_theora(tmp_path: Path) -> None:
    """No encoder of PyAV makes Theora: ten pictures of 32 x 32 made with ffmpeg are kept as text."""
    source = tmp_path / "th.ogv"
    source.write_bytes(base64.b64decode(THEORA.read_text()))
    report = mux(source, SILENCE, 16_000, tmp_path / "out.mkv")
    assert report.copied and packet_md5(report.path) == packet_md5(source)
    assert report.picture_seconds == Fraction(2, 5)  # seven of its packets are empty: as the picture before
    for suffix in (".mp4", ".mov", ".webm", ".avi"):
        there = mux(source, SILENCE, 16_000, tmp_path / f"o{suffix}")
        assert there.path.suffix == ".mkv" or not there.copied
        kept = mux(source, SILENCE, 16_000, tmp_path / f"o{suffix}", may_rename=False)
        assert kept.path.suffix == suffix and not kept.copied and kept.picture_seconds == Fraction(2, 5)


def test_the_command(tmp_path: Path) -> None:
    source, output = codec_clip(tmp_path, "libsvtav1"), tmp_path / "out.mp4"
    with pytest.raises(SystemExit) as end:
        main(["generate", str(source), "--seed", "1", "-o", str(output)])
    assert end.value.code == 0 and made_here(output) and packet_md5(output) == packet_md5(source)
