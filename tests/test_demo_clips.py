"""The bundled demonstration clips are silent, small, and show their written events at their written times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

CLIPS = Path(__file__).resolve().parent.parent / "examples" / "clips"
TRUTH: dict[str, Any] = json.loads((CLIPS / "events.json").read_text(encoding="utf-8"))


def pictures(name: str) -> np.ndarray:
    with av.open(str(CLIPS / name)) as film:
        assert not film.streams.audio
        return np.stack([frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]).astype(np.int16)


def test_there_are_three_and_all_are_described() -> None:
    assert (
        {path.name for path in CLIPS.glob("*.mp4")} == set(TRUTH) == {"bounce.mp4", "hammer.mp4", "rain.mp4"}
    )


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_size_and_length(name: str) -> None:
    facts = TRUTH[name]
    with av.open(str(CLIPS / name)) as film:
        video = film.streams.video[0]
        assert video.codec_context.name == "h264" and video.average_rate == facts["rate"]
        assert (video.width, video.height) == (facts["width"], facts["height"]) == (480, 270)
        assert video.frames == facts["seconds"] * facts["rate"] and 6 <= facts["seconds"] <= 8
    assert (CLIPS / name).stat().st_size <= 1_000_000
    times = [event["time"] for event in facts["events"]]
    assert times == sorted(times) and all(0 < t < facts["seconds"] for t in times)
    assert all(0 < event["strength"] <= 1 for event in facts["events"])
    assert bool(times) != bool(facts["ambience"]) and facts["caption"]


def test_the_ball_turns_at_its_events() -> None:
    """The centre of what is red is lowest in the picture nearest to each event."""
    film, facts = pictures("bounce.mp4"), TRUTH["bounce.mp4"]
    red = (film[..., 0] > 170) & (film[..., 1] < 70) & (film[..., 2] < 70)
    rows = np.arange(film.shape[1])[None, :, None]
    height = (red * rows).sum(axis=(1, 2)) / np.maximum(red.sum(axis=(1, 2)), 1)
    assert red.sum(axis=(1, 2)).min() > 500
    for event in facts["events"]:
        nearest = event["time"] * facts["rate"]
        window = np.arange(max(0, int(nearest) - 3), min(len(height), int(nearest) + 5))
        assert abs(window[int(np.argmax(height[window]))] - nearest) <= 1.0


def test_the_hammer_sparks_at_its_events() -> None:
    """The place of the blow is brighter in the first picture from the event on than in the one before."""
    film, facts = pictures("hammer.mp4"), TRUTH["hammer.mp4"]
    anvil = film[:, 175:200, 230:300].mean(axis=(1, 2, 3))
    assert len(facts["events"]) == 10
    for event in facts["events"]:
        first = int(np.ceil(event["time"] * facts["rate"] - 1e-9))
        assert anvil[first] > anvil[first - 1] + 2


def test_the_rain_grows_as_written() -> None:
    film, facts = pictures("rain.mp4"), TRUTH["rain.mp4"]
    curve = facts["ambience"][0]
    moved = np.abs(np.diff(film, axis=0)).mean(axis=(1, 2, 3))
    rate = facts["rate"]
    quiet, heavy = moved[:rate].mean(), moved[int(3.6 * rate) : int(4.4 * rate)].mean()
    assert np.interp([0.5, 4.0], curve["times"], curve["values"]) == pytest.approx([0.267, 1.0], abs=0.01)
    assert heavy > 1.5 * quiet
