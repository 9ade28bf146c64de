"""The embedded codec: whole hops, exact repeats, a linear start that already works, phases that converge."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from soundvcm.codec import AudioCodec, NeuralCodec, NeuralCodecConfig, importance_of
from soundvcm.codec.neural import FAST_GAIN, enlivened
from soundvcm.codec.spectra import (
    LogMel,
    bins_from_mel,
    find_phases,
    frames_of,
    hold_peaks,
    mel_triangles,
    overlap_add,
    white_noise,
)
from soundvcm.errors import ShapeError
from soundvcm.evaluation.networks import bundled_yamnet
from soundvcm.systems.loading import saved_codec
from tiny.sounds.bank import load_bank

BANK = Path(__file__).resolve().parents[2] / "tiny" / "bank"

SMALL = NeuralCodecConfig(
    dim=24, width=32, fast_width=32, mels=64, encoder_blocks=1, decoder_blocks=(1, 1, 1), iterations=8
)


def tones(rows: int, samples: int, seed: int = 0) -> torch.Tensor:
    """Decaying tones over quiet noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    waves = []
    for _ in range(rows):
        wave = 0.002 * rng.standard_normal(samples)
        for _ in range(3):
            start, pitch = rng.uniform(0, 0.6), rng.uniform(150, 3000)
            after = np.clip(time - start, 0, None)
            wave += 0.3 * (time >= start) * np.exp(-6 * after) * np.sin(2 * math.pi * pitch * after)
        waves.append(wave)
    return torch.from_numpy(np.stack(waves).astype(np.float32))


@pytest.fixture(scope="module")
def linear() -> NeuralCodec:
    torch.manual_seed(0)
    codec = NeuralCodec(SMALL).eval()
    codec.start_linear(tones(48, 16_384))
    return codec.requires_grad_(False)


def log_spectrum(wave: torch.Tensor) -> torch.Tensor:
    return torch.log(frames_of(wave, 512, 128, torch.hann_window(512)).abs() + 0.05)


def test_it_is_an_audio_codec(linear: NeuralCodec) -> None:
    assert isinstance(linear, AudioCodec)
    assert linear.latent_rate == 31.25 and linear.latent_hop == 512 and linear.dim == 24


@pytest.mark.parametrize(("samples", "latents"), [(640, 2), (8320, 17), (16_000, 32), (16_384, 32)])
def test_lengths(linear: NeuralCodec, samples: int, latents: int) -> None:
    moments = linear.encode(tones(2, samples))
    assert moments.mean.shape == moments.std.shape == (2, latents, 24)
    assert linear.decode(moments.mean).shape == (2, latents * 512)
    assert bool((moments.std > 0).all())


def test_shapes_are_checked(linear: NeuralCodec) -> None:
    with pytest.raises(ShapeError, match="wave"):
        linear.encode(torch.zeros(100))
    with pytest.raises(ShapeError, match="latents"):
        linear.decode(torch.zeros(1, 4, 23))


def test_the_linear_start_beats_an_untrained_one_and_is_standard(linear: NeuralCodec) -> None:
    waves = tones(6, 16_384, seed=9)
    torch.manual_seed(1)
    fresh = NeuralCodec(SMALL).eval()

    def miss(codec: NeuralCodec) -> float:
        with torch.inference_mode():
            size, _ = codec.magnitudes(codec.encode(waves).mean)
        return float((torch.log(size + 0.05) - log_spectrum(waves)).abs().mean())

    assert miss(linear) < 0.7 * miss(fresh)
    seen = linear.encode(tones(48, 16_384)).mean.reshape(-1, 24)
    assert 0.3 < float(seen.std(dim=0).median()) < 2.0


def test_a_click_stays_where_it_is(linear: NeuralCodec) -> None:
    wave = torch.zeros(1, 16_384)
    wave[0, 8000:8040] = 0.8
    copy = linear.decode(linear.encode(wave).mean)[0]
    energy = copy.square().unfold(0, 256, 64).sum(dim=1)
    assert abs(int(energy.argmax()) * 64 + 128 - 8020) < 400


def test_same_latents_same_wave_and_a_longer_sound_begins_alike(linear: NeuralCodec) -> None:
    latents = linear.encode(tones(1, 32_768)).mean
    assert torch.equal(linear.decode(latents), linear.decode(latents))
    both = linear.decode(latents.repeat(2, 1, 1))
    assert torch.allclose(both[0], both[1])


def test_doubt_is_drawn_the_same_way_every_time(linear: NeuralCodec) -> None:
    level, phases = white_noise(400, 512, 128)
    assert torch.equal(level, white_noise(400, 512, 128)[0])
    # A longer sound begins alike; only the reflected end differs.
    assert torch.allclose(level[:, :95], white_noise(100, 512, 128)[0][:, :95], atol=1e-4)
    assert abs(float(level.mean())) < 0.05 and abs(float(level.std()) - 1) < 0.05
    assert torch.allclose(phases.abs(), torch.ones(257, 400), atol=1e-4)
    _, spread = linear.magnitudes(linear.encode(tones(2, 4096)).mean)
    assert 0.02 <= float(spread.min()) and float(spread.max()) <= 0.9


def test_fast_changes_are_enlarged_and_what_stands_stays() -> None:
    still = torch.full((1, 2, 30), -1.5)
    assert torch.allclose(enlivened(still), still, atol=1e-6)
    # One frame up: its mean over 7 frames is a seventh of it, the other six sevenths grow.
    click = torch.zeros(1, 1, 31)
    click[..., 15] = 1.0
    found = enlivened(click)[0, 0]
    assert found[15].item() == pytest.approx(1 + (FAST_GAIN - 1) * 6 / 7)
    assert torch.allclose(found[12:15], torch.tensor(-(FAST_GAIN - 1) / 7)) and not found[:12].any()
    slow = torch.linspace(0, 1, 101)[None, None]
    assert torch.allclose(enlivened(slow)[..., 3:-3], slow[..., 3:-3], atol=1e-6), "a slope is no fast change"


@pytest.mark.parametrize("kind", ["rain", "applause", "siren", "car_engine"])
def test_copies_are_nearer_to_the_original_than_what_is_made(kind: str) -> None:
    """The shipped codec on validation clips, as YAMNet embeds them."""
    codec, listener = saved_codec("tiny_codec"), bundled_yamnet()
    wave = torch.zeros(1, 32_768)
    clip = torch.from_numpy(load_bank(BANK).clips(kind, "valid")[0].wave.copy())[: 32_768 - 1600]
    wave[0, 1600 : 1600 + len(clip)] = clip
    with torch.inference_mode():
        copy, made = codec.copy(wave), codec.decode(codec.encode(wave).mean)
    assert copy.shape == made.shape == wave.shape and float(copy.abs().max()) <= 0.98
    heard = [listener.embeddings(one[0]).mean(dim=0) for one in (wave, copy, made)]
    near, far = (float(torch.cosine_similarity(heard[0], one, dim=0)) for one in heard[1:])
    assert near > far + 0.005


def test_nothing_leaves_full_scale(linear: NeuralCodec) -> None:
    latents = 30 * torch.randn(1, 20, 24, generator=torch.Generator().manual_seed(3))
    wave = linear.decode(latents)
    assert 0.5 < float(wave.abs().max()) <= 0.971 and bool(torch.isfinite(wave).all())


def test_peaks_are_held_and_only_they() -> None:
    wave = 0.3 * torch.sin(torch.arange(4000) / 5.0)[None].repeat(2, 1)
    wave[0, 2000] = 25.0
    wave[0, 2004] = -8.0
    held = hold_peaks(wave, 0.97, 160)
    assert float(held.abs().max()) <= 0.9701 and float(held[0, 2000]) == pytest.approx(0.97, abs=1e-3)
    assert torch.allclose(held[0, :1670], wave[0, :1670], atol=1e-6) and torch.allclose(held[1], wave[1])
    assert torch.allclose(held[0, 2350:], wave[0, 2350:], atol=1e-6)


def test_silence_is_silent() -> None:
    assert float(find_phases(torch.zeros(1, 257, 40), 512, 128, 4).abs().max()) == 0.0


def test_overlap_add_inverts_the_transform() -> None:
    wave, window = tones(2, 8192), torch.hann_window(512)
    spectrum = frames_of(wave, 512, 128, window)
    frames = torch.fft.irfft(spectrum.transpose(1, 2), n=512) * window
    inside = slice(256, -256)
    assert torch.allclose(overlap_add(frames, window.square(), 128)[:, inside], wave[:, inside], atol=1e-5)


def test_phases_come_closer_with_every_round() -> None:
    wave, window = tones(2, 16_384), torch.hann_window(512)
    size = frames_of(wave, 512, 128, window).abs()

    def miss(rounds: int) -> float:
        made = frames_of(find_phases(size, 512, 128, rounds), 512, 128, window).abs()
        return float((made - size).norm() / size.norm())

    assert miss(0) > 2 * miss(8) and miss(32) < miss(8) < 0.25


def test_bands() -> None:
    triangles = mel_triangles(128, 513, 16_000)
    assert torch.allclose(triangles.sum(dim=1), torch.ones(128)) and bool((triangles >= 0).all())
    assert bool((triangles.argmax(dim=1).diff() >= 0).all())
    spread = bins_from_mel(128, 257, 16_000)
    assert torch.allclose(spread.sum(dim=1), torch.ones(257), atol=1e-6) and bool((spread >= 0).all())


def test_a_codec_at_32_khz_keeps_what_16_khz_cannot() -> None:
    """A partial at 11 kHz survives, and the latents are as many a second as at 16 kHz."""
    torch.manual_seed(0)
    config = SMALL.change({"sample_rate": 32_000, "hop": 512, "head_fft": 1024})
    codec = NeuralCodec(config).eval().requires_grad_(False)
    assert codec.latent_rate == NeuralCodec(SMALL).latent_rate
    at = torch.arange(32_768) / 32_000
    pitches = torch.linspace(300, 13_000, 24)[:, None]
    waves = 0.2 * torch.sin(2 * math.pi * pitches * at) + 0.02 * torch.randn(24, len(at))
    codec.start_linear(waves)
    high = 0.2 * torch.sin(2 * math.pi * 11_000 * at)[None]
    made = codec.decode(codec.encode(high).mean)[0]
    size = torch.fft.rfft(made * torch.hann_window(len(made))).abs()
    assert made.shape == at.shape
    assert abs(float(size.argmax()) * 32_000 / len(made) - 11_000) < 300


def test_log_mel_and_its_undoing() -> None:
    wave = 0.5 * torch.sin(2 * math.pi * 1000 * torch.arange(16_384) / 16_000)[None]
    mel = LogMel(64, 256, 16_000)(wave)
    assert mel.shape == (1, 64, 64)
    assert torch.allclose(LogMel.undo(mel), torch.log(torch.exp(3 * mel - 4) / 2), atol=1e-3)


def test_gradients_reach_both_halves() -> None:
    torch.manual_seed(0)
    codec = NeuralCodec(SMALL)
    codec.start_linear(tones(16, 8192))
    moments = codec.encode(tones(2, 8192))
    size, spread = codec.magnitudes(moments.mean)
    (size.mean() + spread.mean()).backward()
    assert codec.encoder.out.weight.grad is not None and codec.decoder.head.weight.grad is not None
    assert codec.decoder.doubt.weight.grad is not None
    assert float(codec.decoder.mel.weight.grad.abs().sum()) > 0


def test_importance_is_the_size_of_each_component(linear: NeuralCodec) -> None:
    """Turning one channel by one moves the log mel by its importance; the channels come in that order."""
    told = linear.importance
    assert told.shape == (24,) and float(told.max()) == 1.0
    assert bool((told[1:] <= told[:-1] * 1.0001).all())
    moved = linear.decoder.mel.weight.flatten(1).norm(dim=1)
    assert torch.allclose(moved / moved.max(), told, rtol=1e-4)
    assert importance_of(linear) == pytest.approx(told.tolist())
    assert importance_of(object()) is None  # type: ignore[arg-type]
