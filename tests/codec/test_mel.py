"""The mel front ends against the stored numbers of the reference, and against facts that need none."""

from pathlib import Path

import numpy as np
import pytest
import torch

from soundvcm.codec.mel import MEL_16K, MEL_44K, MelConfig, hertz_to_mel, log_mel, mel_filters, mel_to_hertz
from soundvcm.errors import ConfigError, InputError

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "logmel.npz")
FRONT_ENDS = {"16k": MEL_16K, "44k": MEL_44K}


@pytest.mark.parametrize("mode", ["16k", "44k"])
def test_double_precision_equals_the_reference(mode):
    wave = torch.from_numpy(GOLDEN[f"wave_{mode}"])[None].double()
    mel = log_mel(wave, FRONT_ENDS[mode])[0].numpy()
    assert mel.shape == GOLDEN[f"logmel_{mode}"].shape
    assert np.abs(mel - GOLDEN[f"logmel_{mode}"]).max() < 3e-7


@pytest.mark.parametrize("mode", ["16k", "44k"])
def test_single_precision_equals_the_reference(mode):
    mel = log_mel(torch.from_numpy(GOLDEN[f"wave_{mode}"])[None], FRONT_ENDS[mode])[0]
    assert mel.dtype == torch.float32
    assert np.abs(mel.numpy() - GOLDEN[f"logmel_{mode}"]).max() < 2e-4


@pytest.mark.parametrize("mode", ["16k", "44k"])
def test_filter_bank_equals_the_stored_one(mode):
    assert np.abs(mel_filters(FRONT_ENDS[mode]) - GOLDEN[f"mel_basis_{mode}"]).max() < 4e-9


def test_mel_scale_known_points_and_inverse():
    assert hertz_to_mel(np.array([0.0, 200.0, 1000.0, 6400.0])) == pytest.approx([0, 3, 15, 42])
    hertz = np.linspace(0, 22050, 300)
    assert mel_to_hertz(hertz_to_mel(hertz)) == pytest.approx(hertz, abs=1e-9)


def test_filters_have_unit_area_and_one_peak():
    # fine grid: the area of a sampled triangle then approaches 1 in hertz
    bank = mel_filters(
        MelConfig(sample_rate=16000, window=1 << 15, hop=256, bins=40, high_hertz=8000, log="ln")
    )
    areas = bank.sum(1) * (8000 / (1 << 14))
    assert areas == pytest.approx(np.ones(40), abs=2e-3)
    assert (np.diff(bank.argmax(1)) > 0).all()


def test_frames_and_batch_rows_are_independent():
    wave = torch.rand(3, 128_000, generator=torch.Generator().manual_seed(0)) - 0.5
    together = log_mel(wave, MEL_16K)
    assert together.shape == (3, 80, 500)
    assert torch.allclose(together[1], log_mel(wave[1:2], MEL_16K)[0], atol=1e-5)
    assert log_mel(torch.zeros(1, 353_280), MEL_44K).shape == (1, 128, 690)


def test_silence_is_near_the_floor_and_loud_input_is_clamped():
    # the power floor 1e-9 leaves a magnitude of 3e-5, which the bank spreads below the log floor
    silence = log_mel(torch.zeros(1, 4096), MEL_16K)
    assert torch.isfinite(silence).all() and (silence <= -4.5).all() and (silence >= -5.0).all()
    loud = torch.sin(torch.arange(4096) * 0.3)[None] * 5
    assert torch.equal(log_mel(loud, MEL_16K), log_mel(loud.clamp(-1, 1), MEL_16K))


def test_half_precision_is_computed_in_float32():
    wave = torch.from_numpy(GOLDEN["wave_16k"])[None].bfloat16()
    mel = log_mel(wave, MEL_16K)
    assert mel.dtype == torch.float32
    assert torch.equal(mel, log_mel(wave.float(), MEL_16K))


def test_too_short_a_wave_is_refused_in_one_line():
    with pytest.raises(InputError, match="384 samples are too few.*385"):
        log_mel(torch.zeros(1, 384), MEL_16K)
    assert log_mel(torch.zeros(1, 385), MEL_16K).shape[-1] >= 1


def test_config_refuses_unknown_log():
    with pytest.raises(ConfigError, match="log"):
        MelConfig.build({**MEL_16K.model_dump(), "log": "log2"})
