"""Training the embedded codec: it learns, resumes to the same numbers, leaves whole files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from soundvcm.cli.commands.extract import codec_name
from soundvcm.codec import NeuralCodec, NeuralCodecConfig
from soundvcm.codec.neural import DRAWN
from soundvcm.evaluation.networks import bundled_yamnet
from soundvcm.media.audio.wave import resample
from tests.scene_bank import FakeBank
from tiny.codec import quality
from tiny.codec.losses import MagnitudeLoss
from tiny.codec.training import CodecRun, CodecTrainingConfig, latents_name, train_codec
from tiny.codec.widening import widen, wider_config

SMALL = CodecTrainingConfig(
    codec=NeuralCodecConfig(
        dim=8, width=16, fast_width=16, mels=32, encoder_blocks=1, decoder_blocks=(1, 1, 1), iterations=2
    ),
    steps=12,
    batch=2,
    seconds=0.256,
    save_every=6,
    log_every=3,
    bf16=False,
)


class Tones:
    """Stand-in for `Snippets`: a batch is a function of the step."""

    def batch(self, step: int, rows: int, samples: int) -> torch.Tensor:
        rng = np.random.default_rng(step)
        pitch = rng.uniform(200, 2000, (rows, 1))
        wave = 0.4 * np.sin(2 * np.pi * pitch * np.arange(samples) / 16_000)
        return torch.from_numpy(wave.astype(np.float32))


@pytest.mark.parametrize("settles", [0.3, 0.5, 0.7])
def test_stopping_and_resuming_changes_nothing(tmp_path: Path, settles: float) -> None:
    """After 6 of 12 steps: long after the encoder has settled, in the step in which it does, and before."""
    config = SMALL.change({"decoder_from": settles})
    straight = train_codec(config, Tones(), tmp_path / "a")
    halfway = CodecRun(config, Tones())
    for _ in range(6):
        halfway.advance()
    flat = halfway.tensors()
    again = CodecRun(config, Tones())
    again.restore({name: value.clone() for name, value in flat.items()}, 6)
    for _ in range(6):
        halfway.advance()
        again.advance()
    for name, value in halfway.average.items():
        assert torch.equal(value, again.average[name]), name
        assert torch.equal(value, straight.state_dict()[name]), name


def test_same_command_again_goes_on(tmp_path: Path) -> None:
    seen: list[int] = []
    train_codec(SMALL, Tones(), tmp_path, lambda step, terms: seen.append(step))
    train_codec(SMALL, Tones(), tmp_path, lambda step, terms: seen.append(step))
    assert seen == [3, 6, 9, 12]
    with safe_open(tmp_path / "state.safetensors", "pt") as file:
        assert file.metadata() == {"step": "12"}
    assert not list(tmp_path.glob("*.part"))
    assert "decoder.head.weight" in load_file(tmp_path / "codec.safetensors")
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 4


def test_the_encoder_settles() -> None:
    """From `decoder_from` on the encoder, and so every latent made with it, stays as it is."""
    run = CodecRun(SMALL.change({"steps": 8, "decoder_from": 0.5}), Tones())
    for _ in range(5):
        run.advance()
    encoder = {name: value.clone() for name, value in run.codec.encoder.state_dict().items()}
    decoder = run.codec.decoder.head.weight.clone()
    for _ in range(3):
        run.advance()
    assert all(torch.equal(value, encoder[name]) for name, value in run.codec.encoder.state_dict().items())
    assert not torch.equal(decoder, run.codec.decoder.head.weight)
    for name, value in run.codec.encoder.state_dict().items():
        assert torch.allclose(value, run.average[f"encoder.{name}"]), name


def test_latents_keep_their_name_while_the_decoder_learns(tmp_path: Path) -> None:
    config = SMALL.change({"decoder_from": 0.5, "save_every": 3})
    names = []

    def seen(step: int, terms: dict[str, float]) -> None:
        names.append(codec_name(tmp_path / "codec.safetensors") if step > 3 else "")

    trained = train_codec(config, Tones(), tmp_path, seen)
    names.append(codec_name(tmp_path / "codec.safetensors"))
    assert names[0] == "" and names[3] == names[4] == latents_name(trained.state_dict()) != names[2]
    assert names[3].startswith("neural-") and len(names[3]) == 19


def test_it_learns() -> None:
    run = CodecRun(SMALL.change({"steps": 60, "rate": 3e-3, "decoder_from": 1.0}), Tones())
    terms = [run.advance() for _ in range(60)]
    for name, gain in (("log", 0.9), ("doubt", 1.1)):
        first, last = (np.mean([row[name] for row in part]) for part in (terms[:10], terms[-10:]))
        assert last < gain * first, name  # log-likelihoods are negative: more than a tenth better


def test_loss_is_zero_for_the_truth_only() -> None:
    from soundvcm.codec.spectra import frames_of

    loss = MagnitudeLoss(512, 128, 16_000)
    wave = Tones().batch(0, 2, 4096)
    size = frames_of(wave, 512, 128, torch.hann_window(512)).abs()
    spread = torch.full_like(size, 0.5)
    right, wrong = loss(size, spread, wave), loss(1.5 * size, spread, wave)
    for name in ("log", "bands", "root"):
        assert float(right[name]) == 0 < float(wrong[name])
    # Being sure is rewarded where the magnitude is right and punished where it is wrong.
    sure = torch.full_like(size, 0.05)
    assert loss(size, sure, wave)["doubt"] < right["doubt"] < wrong["doubt"]
    assert loss(1.5 * size, sure, wave)["doubt"] > wrong["doubt"]


def test_powers_and_their_changes_are_compared_after_drawing() -> None:
    """Magnitudes that leave noise to be drawn are right; the same held level, or half as loud, is wrong."""
    loss = MagnitudeLoss(1024, 256, 32_000)
    generator = torch.Generator().manual_seed(0)
    wave, noise = (0.1 * torch.randn(2, 32_768, generator=generator) for _ in range(2))
    # White noise of this energy: its log magnitude has mean log(root energy) - 0.2886 and deviation 0.6413.
    middle = 0.1 * float(loss.window.square().sum().sqrt()) * math.exp(-0.2886)
    made = torch.full((2, 513, 128), middle)
    drawn, held = torch.full_like(made, 0.6413 / DRAWN), torch.full_like(made, 1e-3)
    right = loss(made, drawn, wave, 10 * noise)
    for made_, spread, name in ((made, held, "flux"), (0.5 * made, drawn, "power")):
        assert loss(made_, spread, wave, 10 * noise)[name] > 3 * right[name], name
    assert "flux" not in loss(made, drawn, wave)


def test_a_bad_step_changes_nothing() -> None:
    class Broken(Tones):
        def batch(self, step: int, rows: int, samples: int) -> torch.Tensor:
            wave = super().batch(step, rows, samples)
            return wave * float("nan") if step == 2 else wave

    run = CodecRun(SMALL, Broken())
    run.advance()
    run.advance()
    before = {name: value.clone() for name, value in run.codec.state_dict().items()}
    assert not np.isfinite(run.advance()["norm"])
    assert all(torch.equal(value, before[name]) for name, value in run.codec.state_dict().items())
    assert np.isfinite(run.advance()["log"])


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="'steps'"):
        SMALL.change({"step": 3})


def test_a_judge_of_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies that are the sounds have it all; half as loud is -6 dB; a wrong sound has another embedding."""
    sounds = [item for item in quality.items(FakeBank(), "test", 1) if item.kind in ("rain", "hammer")]
    assert [item.kind for item in sounds] == ["hammer", "rain"]
    assert all(len(item.wave) == 48_000 for item in sounds)
    hits = sounds[0].wave.abs() > 0.6
    assert [int(hits[at : at + 1600].any()) for at in range(1600, 48_000, 12_000)] == [1, 1, 1, 1]

    class Names:
        def names(self, whole: torch.Tensor, best: int) -> list[list[str]]:
            return [["hammer", "bell", "rain"]] * len(whole)

    judge = quality.Judge(sounds, 16_000, Names())  # type: ignore[arg-type]
    same = judge.scores([item.wave for item in sounds])
    assert (same["kind"], same["kind_top3"], same["level_miss_db"]) == (0.5, 1.0, 0.0)
    assert same["weighted"] == pytest.approx(1) == same["plain"]
    other = judge.scores([0.5 * item.wave.flip(0) for item in sounds[::-1]])
    assert other["weighted"] < 0.9 and other["level_miss_db"] > 1
    soft = judge.by_kind([0.5 * item.wave for item in sounds])
    assert soft["rain"]["level_db"] == pytest.approx(-6.02, abs=0.01)
    assert bundled_yamnet().classes


def test_griffin_lim_from_more_bands_is_nearer() -> None:
    wave = Tones().batch(0, 2, 32_000)
    miss = []
    for mels in (12, 128):
        made = quality.griffin_lim(wave, mels, 32_000)
        assert made.shape == wave.shape
        window = torch.hann_window(1024)
        size = [torch.stft(x, 1024, window=window, return_complex=True).abs() for x in (made, wave)]
        miss.append(float((size[0] - size[1]).abs().mean()))
    assert miss[1] < 0.7 * miss[0]


def test_a_widened_codec_is_the_narrow_one_below_and_hears_above() -> None:
    """Below 8 kHz latents and sound are the trained codec's; a partial at 11 kHz is there at once."""
    torch.manual_seed(0)
    sizes = SMALL.codec.change({"dim": 24, "mels": 64, "width": 32, "fast_width": 32})
    at = torch.arange(32_768) / 32_000
    pitches = torch.linspace(200, 13_000, 40)[:, None]
    waves = 0.2 * torch.sin(2 * math.pi * pitches * at) * torch.exp(-at) + 0.01 * torch.randn(40, len(at))
    narrow = NeuralCodec(sizes)
    narrow.start_linear(torch.from_numpy(resample(waves.numpy(), 32_000, 16_000)))
    nn.init.normal_(narrow.encoder.out.weight, std=0.02)
    nn.init.normal_(narrow.decoder.head.weight, std=0.02)
    narrow.eval().requires_grad_(False)
    config = wider_config(sizes, more=16, iterations=8)
    assert (config.dim, config.head_fft, config.mels) == (40, 1024, 80)
    wide = widen(narrow, config, waves).requires_grad_(False)
    assert wide.latent_rate == narrow.latent_rate and wide.sample_rate == 32_000
    low = (0.2 * torch.sin(2 * math.pi * 700 * at) * torch.exp(-at) + 1e-3 * torch.randn(len(at)))[None]
    mine = wide.encode(low)
    its = narrow.encode(torch.from_numpy(resample(low.numpy(), 32_000, 16_000)))
    assert float((mine.mean[..., :24] - its.mean).abs().mean()) < 0.15 * float(its.mean.abs().mean())
    assert torch.allclose(mine.std[..., :24], its.std, rtol=0.2)
    size, spread = wide.magnitudes(mine.mean)
    below, sure = narrow.magnitudes(its.mean)
    assert float((size[:, :240] - below[:, :240]).abs().mean()) < 0.1 * float(below.mean())
    assert torch.allclose(spread[:, :240], sure[:, :240], atol=0.1)
    high = 0.2 * torch.sin(2 * math.pi * 11_000 * at)[None]
    made = wide.decode(wide.encode(high).mean)[0]
    spectrum = torch.fft.rfft(made * torch.hann_window(len(made))).abs()
    assert abs(float(spectrum.argmax()) * 32_000 / len(made) - 11_000) < 400
    assert -9 < quality.decibels(made) - quality.decibels(high) < 6
