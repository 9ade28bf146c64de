"""Case 04: something that happens only at the end must be seen."""

from __future__ import annotations

from fractions import Fraction

from clips import Clips

from soundvcm.media import probe, read_frames, windows
from soundvcm.records import FrameSpec

SPECS = {"semantic": FrameSpec(Fraction(8), 16, 16), "sync": FrameSpec(Fraction(25), 16, 16)}


def test_the_white_second_is_seen(clips: Clips) -> None:
    footage = read_frames(clips("event9.mp4"), SPECS)
    for role, first_white, count in (("semantic", 72, 80), ("sync", 225, 250)):
        light = footage.frames[role].float().mean(dim=(1, 2, 3))
        assert light.shape[0] == count
        assert light[:first_white].max() < 8 and light[first_white:].min() > 247
    found = probe(clips("event9.mp4"))
    assert (found["sync_segments"], found["sync_tokens"]) == (30, 240)
    assert (found["latents"], found["samples"]) == (313, 160_000)


def test_the_window_that_holds_it_holds_white_pictures(clips: Clips) -> None:
    parts = list(windows(clips("event9.mp4"), SPECS, 8, 7))
    assert [(part.start, part.seconds) for part in parts] == [(0, 8), (7, 3)]
    light = parts[1].frames["sync"].float().mean(dim=(1, 2, 3))
    assert light[:50].max() < 8 and light[50:].min() > 247
    assert parts[1].cuts == [2] and parts[0].cuts == []
