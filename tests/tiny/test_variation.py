"""Variations of clips against what physics says they should do."""

from __future__ import annotations

import numpy as np
import pytest

from tiny.sounds.variation import in_room, onset_seconds, pitched, tilted, vary

RATE = 16000


def tone(hertz: float, seconds: float = 0.5) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def peak_hertz(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 16))
    return float(np.argmax(spectrum)) * RATE / (1 << 16)


def decibels(wave: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(wave**2) + 1e-20))


@pytest.mark.parametrize("semitones", [-4.0, -0.5, 3.0, 12.0])
def test_pitch_and_length_move_together(semitones: float) -> None:
    ratio = 2 ** (semitones / 12)
    out = pitched(tone(700), semitones)
    assert len(out) == pytest.approx(8000 / ratio, abs=1)
    assert peak_hertz(out) == pytest.approx(700 * ratio, rel=0.002)
    assert decibels(out[1000:-1000]) == pytest.approx(decibels(tone(700)), abs=0.2)


def test_pitch_up_does_not_alias() -> None:
    """A tone that would pass the Nyquist frequency vanishes instead of folding back."""
    assert decibels(pitched(tone(7000), 4.0)[1000:-1000]) < decibels(tone(7000)) - 30


def test_no_pitch_change_gives_the_wave_back() -> None:
    wave = tone(440)
    assert np.allclose(pitched(wave, 0.0), wave, atol=1e-5)


def test_tilt_is_so_many_decibels_per_octave() -> None:
    for hertz, octaves in ((250, -2), (500, -1), (1000, 0), (2000, 1), (4000, 2)):
        change = decibels(tilted(tone(hertz), 3.0)[1000:-1000]) - decibels(tone(hertz)[1000:-1000])
        assert change == pytest.approx(3.0 * octaves, abs=0.3), hertz
    assert np.allclose(tilted(tone(300), 0.0), tone(300), atol=1e-5)


def test_bump_lifts_its_own_pitch_most() -> None:
    lifts = [decibels(tilted(tone(f), 0.0, 6.0, 2000.0)) - decibels(tone(f)) for f in (250, 2000)]
    assert lifts[1] == pytest.approx(6.0, abs=0.3) and lifts[0] < 0.5


def test_room_adds_a_tail_after_the_direct_sound() -> None:
    click = np.zeros(1000, np.float32)
    click[10] = 0.8
    out = in_room(click, np.random.default_rng(0), 0.3, 0.5)
    assert len(out) == 1000 + 4800 - 1
    assert out[10] == pytest.approx(0.8, abs=1e-4)
    assert np.abs(out[11:74]).max() < 1e-4  # 4 ms of nothing
    energy = np.sum(out[74:] ** 2) / 0.64
    assert energy == pytest.approx(0.25, rel=0.02)
    early, late = np.sum(out[74 : 74 + 1600] ** 2), np.sum(out[-1600:] ** 2)
    assert early > 100 * late


def test_onset_is_the_first_tenth_of_the_peak() -> None:
    wave = np.zeros(1600, np.float32)
    wave[160], wave[320], wave[800] = 0.05, 0.1, -0.9
    assert onset_seconds(wave) == pytest.approx(0.02)
    assert onset_seconds(np.zeros(0, np.float32)) == 0.0


def hit() -> np.ndarray:
    t = np.arange(8000) / RATE
    wave = np.sin(2 * np.pi * 900 * t) * np.exp(-t / 0.08) * np.minimum(1, t / 0.003)
    return (0.7 * wave).astype(np.float32)


def test_vary_is_a_function_of_the_seed() -> None:
    one, two = (vary(hit(), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.flags.c_contiguous and one.dtype == np.float32


def test_vary_keeps_onsets_and_peaks_in_bounds() -> None:
    loudest = []
    for seed in range(60):
        out = vary(hit(), np.random.default_rng(seed))
        assert onset_seconds(out) <= 0.015
        loudest.append(float(np.abs(out).max()))
    peak = float(np.abs(hit()).max())
    assert max(loudest) <= peak + 1e-5 and min(loudest) >= peak * 10 ** (-6 / 20) - 1e-5
    assert max(loudest) - min(loudest) > 0.2


def test_vary_spreads_pitch_over_its_range() -> None:
    pitches = [peak_hertz(vary(hit(), np.random.default_rng(seed), room=0)) for seed in range(60)]
    steps = 12 * np.log2(np.array(pitches) / 900)
    assert steps.min() < -3 and steps.max() > 3 and np.abs(steps).max() < 4.6


def test_ranges_of_zero_leave_pitch_colour_room_and_level() -> None:
    """Only the decay is left to change, and that never touches the first 30 ms."""
    out = vary(hit(), np.random.default_rng(1), semitones=0, tilt=0, room=0, level=0)
    assert len(out) == 8000 and np.allclose(out[:480], hit()[:480], atol=1e-4)
    assert np.all(np.abs(out[1000:]) <= np.abs(hit()[1000:]) + 1e-4)


def test_lasting_sounds_turn_round_without_a_gap() -> None:
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal(5 * RATE)).astype(np.float32)
    out = vary(noise, np.random.default_rng(2), lasting=True, semitones=0, tilt=0, room=0, level=0)
    assert len(out) == len(noise) and not np.allclose(out[:100], noise[:100])
    level = [decibels(out[i : i + 800]) for i in range(0, len(out) - 800, 400)]
    assert min(level) > -24 and max(level) < -16  # -20 dB all along, also across the joint
    longer = vary(noise, np.random.default_rng(2), lasting=True)
    assert len(longer) == pytest.approx(len(noise), rel=0.27)


def test_silence_stays_silent() -> None:
    assert not vary(np.zeros(800, np.float32), np.random.default_rng(0)).any()
