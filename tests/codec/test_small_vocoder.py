"""The small vocoder of the paper's systems: lengths, repeatability, what the shipped files are worth."""

from __future__ import annotations

import pytest
import torch

from soundvcm import weights
from soundvcm.codec import PaperCodec, saved_vocoder
from soundvcm.codec.mel import MEL_16K, MEL_44K, log_mel
from soundvcm.codec.paper import PAPER_CODECS
from soundvcm.codec.small_vocoder import SmallVocoder, SmallVocoderConfig
from soundvcm.codec.vae import VAE_16K, MelVae
from soundvcm.errors import ShapeError, WeightsError
from soundvcm.evaluation import bundled_yamnet
from soundvcm.media import resample
from tiny.sounds.bank import BANK, load_bank


@pytest.mark.parametrize("mel", [MEL_16K, MEL_44K])
def test_untrained_it_gives_back_the_level_of_each_band(mel) -> None:
    """The way from bands to bins is right before anything is learned: mel of the wave is the mel."""
    torch.manual_seed(0)
    wave = 0.1 * torch.randn(1, 64 * mel.hop)
    given = log_mel(wave, mel)
    with torch.inference_mode():
        made = SmallVocoder(SmallVocoderConfig(mel=mel, width=16, blocks=(1, 1)))(given)
    assert made.shape == wave.shape and bool(torch.isfinite(made).all()) and float(made.abs().max()) <= 0.98
    heard = log_mel(made, mel)
    unit = 2.302585 if mel.log == "log10" else 1.0
    miss = unit * (heard - given)[..., 4:-4].mean(dim=2)
    assert float(miss.abs().max()) < 1.2 and float(miss.abs().mean()) < 0.4


def test_the_same_mel_gives_the_same_wave_and_others_are_refused() -> None:
    vocoder = SmallVocoder(SmallVocoderConfig(mel=MEL_16K, width=16, blocks=(1, 1))).eval()
    mel = torch.randn(2, 80, 12) - 3
    assert torch.equal(vocoder(mel), vocoder(mel))
    with pytest.raises(ShapeError, match="mel"):
        vocoder(mel[:, :40])


def test_a_codec_decodes_with_it_in_one_piece() -> None:
    vocoder = SmallVocoder(SmallVocoderConfig(mel=MEL_16K, width=16, blocks=(1, 1)))
    codec = PaperCodec(MEL_16K, MelVae(VAE_16K.change({"width": 8})), vocoder, chunk=4)
    assert codec.decode(torch.randn(1, 90, 20)).shape == (1, 90 * 512)
    assert codec.narrow().vocoder is vocoder


@pytest.mark.parametrize("mode", sorted(PAPER_CODECS))
def test_shipped_files_beat_griffin_lim_from_the_mel(mode: str) -> None:
    mel, listener = PAPER_CODECS[mode].mel, bundled_yamnet()
    trained, plain = (
        saved_vocoder(f"small_vocoder_{mode}"),
        SmallVocoder(SmallVocoderConfig(mel=PAPER_CODECS[mode].mel)),
    )
    bank, near = load_bank(BANK, mel.sample_rate), []
    for kind in ("rain", "siren", "drum_hit", "dog_bark"):
        wave = torch.zeros(1, 64 * mel.hop)
        clip = torch.from_numpy(bank.clips(kind, "valid")[0].wave.copy())[: wave.shape[1]]
        wave[0, : len(clip)] = clip
        with torch.inference_mode():
            made = [one.eval()(log_mel(wave, mel)) for one in (trained, plain)]
        heard = [
            listener.embeddings(torch.from_numpy(resample(one.numpy(), mel.sample_rate, 16_000)[0])).mean(0)
            for one in (wave, *made)
        ]
        near.append([float(torch.cosine_similarity(heard[0], one, dim=0)) for one in heard[1:]])
    means = torch.tensor(near).mean(0)
    assert means[0] > 0.85 and means[0] > means[1] + 0.02


def test_another_file_is_refused() -> None:
    with pytest.raises(WeightsError, match="vocoder"):
        saved_vocoder("yamnet")
    assert weights.locate("small_vocoder_16k").stat().st_size <= 6_000_000
