"""Lengths of cases 01, 04, 09, 11 and the arithmetic behind them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundvcm.errors import InputError
from soundvcm.timeline import Timeline, exact_seconds


@pytest.mark.parametrize(
    ("seconds", "samples", "latents", "semantic", "sync", "segments", "tokens"),
    [
        (8, 128_000, 250, 64, 200, 24, 192),
        (Fraction(192 * 1001, 24_000), 128_128, 251, 64, 200, 24, 192),
        (Fraction(240 * 1001, 30_000), 128_128, 251, 64, 200, 24, 192),
        (10, 160_000, 313, 80, 250, 30, 240),
        (4, 64_000, 125, 32, 100, 11, 88),
        (2, 32_000, 63, 16, 50, 5, 40),
    ],
)
def test_lengths_of_the_cases(
    seconds: Fraction, samples: int, latents: int, semantic: int, sync: int, segments: int, tokens: int
) -> None:
    line = Timeline(seconds)
    assert (line.samples, line.latents) == (samples, latents)
    assert (line.semantic_frames, line.sync_frames) == (semantic, sync)
    assert (line.whole_segments, line.sync_tokens) == (segments, tokens)


@pytest.mark.parametrize(
    ("frames", "samples", "segments"),
    [(1, 640, 0), (3, 1920, 0), (13, 8320, 0), (16, 10_240, 1), (25, 16_000, 2), (61, 39_040, 6)],
)
def test_case_09_short_clips(frames: int, samples: int, segments: int) -> None:
    line = Timeline(Fraction(frames, 25))
    assert line.samples == samples
    assert line.whole_segments == segments
    assert line.sync_segments == max(1, segments) and line.semantic_frames >= 1 and line.latents >= 1


def test_44k_lengths_of_the_reference() -> None:
    line = Timeline(8, sample_rate=44_100, latent_hop=1024)
    assert line.latents == 345 and line.samples == 352_800


def test_floats_are_read_as_a_person_writes_them() -> None:
    assert exact_seconds(0.1) == Fraction(1, 10)
    assert exact_seconds("8.008") == Fraction(1001, 125)
    assert sum([exact_seconds(1 / 25)] * 200) == 8


@pytest.mark.parametrize("value", ["", "soon", float("nan"), float("inf"), "1/0", "1e999999999"])
def test_not_a_duration(value: object) -> None:
    with pytest.raises(InputError, match="not a duration"):
        exact_seconds(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1])
def test_a_clip_lasts(value: int) -> None:
    with pytest.raises(InputError, match="more than 0"):
        Timeline(value)


def test_segments_are_positive() -> None:
    with pytest.raises(InputError, match="at least 1"):
        Timeline(8, segment_hop=0)


@settings(deadline=None, max_examples=60)
@given(st.fractions(min_value=Fraction(1, 1000), max_value=60, max_denominator=90_000))
def test_latents_cover_samples_and_nothing_is_negative(seconds: Fraction) -> None:
    line = Timeline(seconds)
    assert line.latents * line.latent_hop >= line.samples - 1
    assert line.latents * line.latent_hop - line.seconds * line.sample_rate < line.latent_hop
    assert line.sync_frames == 1 or (line.sync_frames - 1) / line.sync_rate < seconds
    assert line.at(seconds) == line


def test_rates_are_exact() -> None:
    assert Timeline(8).latent_rate == Fraction(125, 4)
