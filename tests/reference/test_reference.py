"""Reference sounds: what ships, which kind a text or picture means, clips in the time of a guide."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from soundvcm.encoders import TextEmbedder
from soundvcm.errors import OptionError
from soundvcm.evaluation.metrics import match_onsets
from soundvcm.reference import (
    BANK_RATE,
    KindIndex,
    bundled_bank,
    clips_of_wave,
    detect_onsets,
    energy,
    is_lasting,
    place,
)

BANK = bundled_bank()


@pytest.fixture(scope="module")
def index() -> KindIndex:
    return KindIndex(BANK, TextEmbedder().encode)


def clicks(times: tuple[float, ...], seconds: float = 4.0) -> np.ndarray:
    """Short bursts of noise that die away."""
    wave = np.zeros(round(seconds * BANK_RATE), np.float32)
    burst = np.random.default_rng(0).standard_normal(1600) * np.exp(-np.arange(1600) / 300)
    for time in times:
        start = round(time * BANK_RATE)
        wave[start : start + 1600] += (0.3 * burst).astype(np.float32)
    return wave


def test_every_kind_has_clips_with_a_licence_and_a_course() -> None:
    for name, kind in BANK.kinds.items():
        clips = BANK.clips(name)
        assert len(clips) >= (2 if kind.lasting else 4), name
        assert BANK.courses(name).shape[1:] == (200, 48), name
        for clip in clips:
            assert clip.kind == name and clip.licence and clip.author and clip.source
            assert 0.02 < np.abs(clip.wave).max() < 1.1 and np.isfinite(clip.wave).all()
            assert clip.licence in clip.credit and clip.author in clip.credit


def test_a_kind_is_found_by_name_or_refused_with_the_nearest() -> None:
    assert BANK.kind("Dog bark").name == "dog_bark"
    with pytest.raises(OptionError, match="'rain'"):
        BANK.kind("rian")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("rain on a tin roof", ["rain"]),
        ("typewriter", ["typing"]),
        ("A DOG barks loudly!", ["dog_bark"]),
        ("a dog barks and a car horn", ["car_horn", "dog_bark"]),
        ("", []),
    ],
)
def test_what_people_write_names_a_kind(index: KindIndex, text: str, kinds: list[str]) -> None:
    found = index.of_text(text)
    assert sorted(match.kind.name for match in found) == kinds
    assert all(match.sure for match in found)


def test_what_nobody_recorded_is_not_sure_but_has_a_nearest_kind(index: KindIndex) -> None:
    (match,) = index.of_text("a robot")
    assert not match.sure and match.kind.name in BANK.kinds


def test_pictures_name_what_their_labels_mean(index: KindIndex) -> None:
    labels = TextEmbedder().encode(["church", "bell tower"])[:, 0]
    assert index.of_pictures(labels).kind.name == "bell"


def test_hits_stand_where_the_guide_has_them() -> None:
    times = (0.5, 1.1, 1.6, 2.9, 3.3)
    wave, used = place(clicks(times), BANK.clips("wood_knock"), lasting=False, seed=3)
    assert match_onsets(times, detect_onsets(wave, BANK_RATE)).f1 > 0.9
    assert used and {clip.kind for clip in used} == {"wood_knock"}
    again, _ = place(clicks(times), BANK.clips("wood_knock"), lasting=False, seed=3)
    assert np.array_equal(wave, again)
    other, _ = place(clicks(times), BANK.clips("wood_knock"), lasting=False, seed=4)
    assert not np.array_equal(wave, other)


def test_lasting_sounds_follow_the_loudness_of_the_guide() -> None:
    swell = np.sin(np.linspace(0, np.pi, 8 * BANK_RATE)) * np.random.default_rng(1).standard_normal(
        8 * BANK_RATE
    )
    wave, used = place(swell.astype(np.float32) * 0.1, BANK.clips("rain"), lasting=True, seed=1)
    curve = energy(wave, BANK_RATE)
    assert curve[90:110].mean() > 3 * curve[:10].mean() and len(used) == 1
    assert np.abs(wave).max() < 1


def test_silence_gets_one_hit() -> None:
    wave, _ = place(np.zeros(2 * BANK_RATE, np.float32), BANK.clips("bell"), lasting=False, seed=0)
    assert np.abs(wave).max() > 0.2


def test_a_recording_of_ones_own_becomes_hits_or_goes_on() -> None:
    hits = clicks((0.5, 1.5, 2.5))
    assert not is_lasting(hits)
    clips = clips_of_wave(hits, "mine.wav", lasting=False)
    assert len(clips) == 3 and all(len(clip.wave) <= 2 * BANK_RATE for clip in clips)
    assert clips[0].credit.startswith("mine.wav")
    noise = np.random.default_rng(2).standard_normal(BANK_RATE).astype(np.float32)
    assert is_lasting(noise) and len(clips_of_wave(noise, "rain.wav", lasting=True)) == 1


def test_courses_move() -> None:
    assert BANK.courses("ball_bounce").std() > 0.05 and BANK.courses("rain").dtype == torch.float32
