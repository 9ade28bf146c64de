"""Case 01: an 8.000 s clip gives 8.000 s of sound at every frame rate."""

from __future__ import annotations

from fractions import Fraction

import pytest
from clips import FILM, RATES, Clips

from soundvcm.media import probe, read_frames
from soundvcm.records import FrameSpec

SPECS = {"semantic": FrameSpec(Fraction(8), 8, 8), "sync": FrameSpec(Fraction(25), 8, 8)}
NAMES = ("semantic_frames", "sync_frames", "sync_segments", "sync_tokens", "latents", "samples")


@pytest.mark.parametrize("rate", [*RATES, *FILM])
def test_lengths_of_eight_seconds(clips: Clips, rate: str) -> None:
    found = probe(clips(f"fps{rate}.mp4"), seconds=8)
    assert [found[name] for name in NAMES] == [64, 200, 24, 192, 250, 128_000]
    assert found["seconds"] == "8" and found["warnings"] == []


@pytest.mark.parametrize("rate", [*RATES, *FILM])
def test_lengths_of_the_whole_clip(clips: Clips, rate: str) -> None:
    path = clips(f"fps{rate}.mp4")
    found = probe(path)
    film = rate in FILM
    latents, samples = (251, 128_128) if film else (250, 128_000)
    assert [found[name] for name in NAMES] == [64, 200, 24, 192, latents, samples]
    assert Fraction(found["seconds"]) == (Fraction(1001, 125) if film else 8)
    assert found["warnings"] == []
    footage = read_frames(path, SPECS)
    assert footage.frames["semantic"].shape == (64, 8, 8, 3)
    assert footage.frames["sync"].shape == (200, 8, 8, 3)


def test_the_same_in_a_container_that_rounds_to_milliseconds(clips: Clips) -> None:
    from clips import moving, write_video

    for rate in (24, 30, 60, Fraction(24000, 1001), Fraction(30000, 1001)):
        path = clips.folder / f"ms{float(rate):.3f}.mkv"
        write_video(path, moving, round(8 * rate), rate)
        found = probe(path)
        assert Fraction(found["seconds"]) == round(8 * rate) / Fraction(rate), rate
        assert [found[name] for name in NAMES[:4]] == [64, 200, 24, 192]
