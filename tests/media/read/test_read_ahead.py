"""Windows that a thread reads while torch is loaded: what is read, what is raised, what is not used."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from clips import Clips

from soundvcm import media
from soundvcm.errors import MediaError
from soundvcm.systems.catalog import TINY_PICTURES, TINY_SECONDS
from soundvcm.timeline import FrameSpec

SPECS = {"any": FrameSpec(Fraction(5), 24, 32)}
SPAN = (Fraction("0.8"), Fraction("0.5"))


def test_it_reads_what_windows_read(clips: Clips) -> None:
    clip = clips("fps24.mp4")
    plain = list(media.windows(clip, SPECS, *SPAN, start="0.5", seconds="3.3"))
    ahead = list(
        media.windows(
            media.ReadAhead(clip, SPECS, *SPAN, "1/2", "3.3"), SPECS, *SPAN, start="0.5", seconds="3.3"
        )
    )
    assert len(plain) == len(ahead) > 2
    for one, other in zip(plain, ahead, strict=True):
        assert torch.equal(one.frames["any"], other.frames["any"])
        assert (one.start, one.seconds, one.cuts, one.warnings) == (
            other.start, other.seconds, other.cuts, other.warnings
        )  # fmt: skip


def test_what_was_read_for_another_range_is_not_used(clips: Clips) -> None:
    clip = clips("fps24.mp4")
    ahead = media.ReadAhead(clip, SPECS, *SPAN, 0, 2)
    right = list(media.windows(clip, SPECS, *SPAN, seconds=1))
    assert [part.seconds for part in media.windows(ahead, SPECS, *SPAN, seconds=1)] == [
        part.seconds for part in right
    ]


def test_what_is_not_used_is_let_go(clips: Clips) -> None:
    """Closed, or asked for another range: the thread ends, and with it the open file."""
    before = set(threading.enumerate())
    media.ReadAhead(clips("fps24.mp4"), SPECS, *SPAN).close()
    list(media.windows(media.ReadAhead(clips("fps24.mp4"), SPECS, *SPAN), SPECS, *SPAN, seconds=1))
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


def test_errors_are_raised_where_a_window_is_asked_for(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing " * 100)
    ahead = media.ReadAhead(broken, SPECS, 1, 1)
    with pytest.raises(MediaError, match="broken"):
        next(iter(ahead))


def test_the_catalog_knows_what_the_encoders_of_tiny_look_at() -> None:
    """Else a cold start would read every clip twice."""
    from soundvcm.systems.loading import load

    encoder = load("tiny", device="cpu").clip_encoder
    assert encoder.specs == TINY_PICTURES and encoder.longest == TINY_SECONDS
