"""What the shipped model must do on a bundled clip: sound at the drawn events, one call, repeatable.

Skipped only where its trained network is not inside the package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import soundvcm
from soundvcm import weights
from soundvcm.errors import WeightsError
from soundvcm.evaluation.metrics import detect_onsets, match_onsets
from soundvcm.generate.audio import Audio
from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline

CLIPS = Path(__file__).resolve().parents[2] / "examples" / "clips"
TRUTH: dict[str, Any] = json.loads((CLIPS / "events.json").read_text(encoding="utf-8"))
SILENT = 1e-3  # root mean square, -60 dBFS


@pytest.fixture(scope="module")
def tiny() -> Pipeline:
    for name in ("tiny_network", "tiny_codec"):
        try:
            weights.locate(name)
        except WeightsError as error:
            pytest.skip(str(error))
    return soundvcm.load("tiny", device="cpu")


@pytest.fixture(scope="module")
def bounce(tiny: Pipeline) -> ClipFeatures:
    return tiny.encode_clip(CLIPS / "bounce.mp4")


@pytest.fixture(scope="module")
def take(tiny: Pipeline, bounce: ClipFeatures) -> Audio:
    return tiny.take(bounce, seed=7)


def times(name: str) -> list[float]:
    return [event["time"] for event in TRUTH[name]["events"]]


def test_one_call_exact_length_finite_and_not_silent(take: Audio) -> None:
    assert take.calls == 1 and take.wave.shape == (1, TRUTH["bounce.mp4"]["seconds"] * take.sample_rate)
    assert np.isfinite(take.wave).all() and take.wave.dtype == np.float32
    assert np.sqrt(np.mean(take.wave**2)) > SILENT


def test_it_sounds_when_the_ball_hits(tiny: Pipeline, bounce: ClipFeatures) -> None:
    """Onsets within 50 ms of the drawn bounces, F1 over three seeds; not as well at times of another clip."""
    found = [detect_onsets(tiny.take(bounce, seed=seed).wave[0], tiny.sample_rate) for seed in (7, 8, 9)]
    own = [match_onsets(times("bounce.mp4"), one).f1 for one in found]
    other = [match_onsets(times("hammer.mp4"), one).f1 for one in found]
    assert np.mean(own) >= 0.6, own
    assert np.mean(own) >= np.mean(other) + 0.2, (own, other)


def bounce_power(sound: Audio) -> float:
    """Mean power of the first 150 ms of the bounces."""
    rate = sound.sample_rate
    hits = [sound.wave[0, int(t * rate) : int((t + 0.15) * rate)] for t in times("bounce.mp4")]
    return float(np.mean(np.concatenate(hits) ** 2))


@pytest.mark.xfail(strict=True, reason="the jump of the ball back to the top gets a sound (docs/tiny.md)")
def test_between_the_bounces_it_is_quieter(take: Audio) -> None:
    """Power of the first 150 ms of the bounces against 2.95 .. 3.7 s, where none is drawn: 6 dB at least."""
    rate = take.sample_rate
    rest = take.wave[0, int(2.95 * rate) : int(3.7 * rate)]
    assert bounce_power(take) > 4 * np.mean(rest**2)


def test_where_the_ball_lies_still_it_is_quiet(tiny: Pipeline, bounce: ClipFeatures) -> None:
    """Power of the first 150 ms of the bounces against the last 0.6 s, where nothing moves: 20 dB at least.

    Each of five seeds.
    """
    for seed in range(7, 12):
        sound = tiny.take(bounce, seed=seed)
        rest = sound.wave[0, int(6.4 * sound.sample_rate) :]
        assert bounce_power(sound) > 100 * np.mean(rest**2), seed


def test_the_seed_is_the_take(tiny: Pipeline, bounce: ClipFeatures, take: Audio) -> None:
    assert np.array_equal(tiny.take(bounce, seed=7).wave, take.wave)
    assert np.array_equal(tiny.generate(CLIPS / "bounce.mp4", seed=7).wave, take.wave)
    assert not np.allclose(tiny.take(bounce, seed=8).wave, take.wave, atol=1e-2)


def test_words_change_the_sound(tiny: Pipeline, bounce: ClipFeatures, take: Audio) -> None:
    for prompt in ("rain on a tin roof", "a dog barks"):
        other = tiny.take(bounce, GenerateOptions(prompt=prompt), seed=7)
        gap = np.sqrt(np.mean((other.wave - take.wave) ** 2) / np.mean(take.wave**2))
        assert np.isfinite(other.wave).all() and gap > 0.1, (prompt, gap)


@pytest.mark.parametrize("name", ["hammer.mp4", "rain.mp4"])
def test_the_other_clips(tiny: Pipeline, name: str) -> None:
    sound = tiny.generate(CLIPS / name, seed=7)
    assert sound.wave.shape[1] == TRUTH[name]["seconds"] * sound.sample_rate
    assert np.isfinite(sound.wave).all() and np.sqrt(np.mean(sound.wave**2)) > SILENT
