"""Every picture coding into every kind of file: copied, written as another kind, or encoded anew."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest
from clips import packet_md5, shown_times
from codec_clips import COUNT, EVERYDAY, RARE, codec_clip

from soundvcm.media import inspect, mux
from soundvcm.media.suffixes import VIDEO_OUTPUTS

SILENCE = np.zeros(16_000, np.float32)
KINDS = tuple(suffix for suffix in VIDEO_OUTPUTS if suffix != ".m4v")
DOCS = Path(__file__).parents[3] / "docs" / "media.md"


def outcome(source: Path, folder: Path, suffix: str, **settings: object) -> str:
    """What became of the pictures, in the words of the table; checks that the file is whole."""
    report = mux(source, SILENCE, 16_000, folder / f"out{suffix}", **settings)  # type: ignore[arg-type]
    times = shown_times(report.path)
    assert COUNT - 1 <= len(times) <= COUNT + 1 and times[0] == 0, (source, suffix, times)
    assert abs(report.seconds - 1) < 0.2 and abs(float(report.picture_seconds) - 1) < 0.2
    with av.open(str(report.path)) as container:
        assert len(container.streams.audio) == 1
    if report.copied:
        assert packet_md5(report.path) == packet_md5(source)
        return "copied" if report.path.suffix == suffix else report.path.suffix
    assert report.path.suffix == suffix
    assert any("encoded anew" in line for line in report.messages)
    return "encoded"


@pytest.mark.parametrize("encoder", EVERYDAY)
def test_everyday_codings(tmp_path: Path, encoder: str) -> None:
    source = codec_clip(tmp_path, encoder)
    for suffix in KINDS:
        outcome(source, tmp_path, suffix)
    for suffix in (".mp4", ".webm"):
        assert outcome(source, tmp_path, suffix, may_rename=False) in ("copied", "encoded")


@pytest.mark.slow
@pytest.mark.parametrize("encoder", RARE)
def test_rare_codings(tmp_path: Path, encoder: str) -> None:
    source = codec_clip(tmp_path, encoder)
    for suffix in KINDS:
        outcome(source, tmp_path, suffix)


def test_the_table_of_the_documentation(tmp_path: Path) -> None:
    """docs/media.md says what really happens."""
    told = {}
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"\| `[\w-]+` \|.*", line) and len(cells) == 1 + len(KINDS):
            told[cells[0].strip("`")] = cells[1:]
    found = {}
    for encoder in EVERYDAY:
        source = codec_clip(tmp_path, encoder)
        name = inspect(source).codec
        found[name] = [outcome(source, tmp_path, suffix) for suffix in KINDS]
    assert told == found
