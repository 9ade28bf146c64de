"""Mel, VAE and vocoder as one codec: lengths, chunks, loading by name, refusals."""

import hashlib
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from weights_table import know

from soundvcm.codec import AudioCodec, latent_hop, paper_codec
from soundvcm.codec.mel import MEL_16K, MEL_44K
from soundvcm.codec.paper import PAPER_CODECS, PaperCodec, PaperParts
from soundvcm.codec.vae import VAE_16K, MelVae, VaeConfig
from soundvcm.codec.vocoder import BIGVGAN_16K, Vocoder
from soundvcm.errors import InputError, WeightsError
from soundvcm.weights import table

SMALL_VAE = VaeConfig(bins=80, dim=20, width=8)
SMALL_VOCODER = BIGVGAN_16K.change({"width": 64})


@pytest.fixture(scope="module")
def codec():
    torch.manual_seed(0)
    return PaperCodec(MEL_16K, MelVae(SMALL_VAE), Vocoder(SMALL_VOCODER))


def test_it_is_an_audio_codec_with_the_papers_rates(codec):
    assert isinstance(codec, AudioCodec)
    assert (codec.sample_rate, codec.latent_rate, codec.dim) == (16_000, Fraction(125, 4), 20)
    assert latent_hop(codec) == 512


@pytest.mark.parametrize(("samples", "latents"), [(1, 1), (511, 1), (512, 1), (513, 2), (12_800, 25)])
def test_lengths(codec, samples, latents):
    moments = codec.encode(torch.rand(2, samples) - 0.5)
    assert moments.mean.shape == (2, latents, 20)


def test_decode_gives_a_finite_wave_in_bounds(codec):
    wave = codec.decode(torch.randn(2, 3, 20))
    assert wave.shape == (2, 3 * 512) and torch.isfinite(wave).all() and wave.abs().max() <= 1
    assert codec.decode(torch.randn(1, 2, 20).bfloat16()).dtype == torch.float32


def test_chunked_decoding_gives_the_same_wave(codec):
    latents = torch.randn(1, 90, 20, generator=torch.Generator().manual_seed(0))
    whole = codec.decode(latents)
    pieces = PaperCodec(MEL_16K, codec.vae, codec.vocoder, chunk=12).decode(latents)
    error = ((whole - pieces).norm() / whole.norm()).item()
    assert error < 1e-5


def test_parts_that_do_not_belong_together_are_refused(codec):
    with pytest.raises(InputError, match="do not belong together"):
        PaperCodec(MEL_44K, codec.vae, codec.vocoder)
    with pytest.raises(InputError, match="chunk is at least 1"):
        PaperCodec(MEL_16K, codec.vae, codec.vocoder, chunk=0)
    with pytest.raises(InputError, match="'48k'"):
        paper_codec("48k")


def test_missing_weights_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"v1-16\.pth"):
        paper_codec("16k")


def test_both_modes_are_complete():
    for parts in PAPER_CODECS.values():
        assert parts.mel.bins == parts.vae.bins == parts.vocoder.bins
        assert parts.mel.hop == parts.vocoder.hop
        assert table.part(parts.vae_file) and table.part(parts.vocoder_file)


def test_files_in_the_weights_folder_make_a_codec(codec, monkeypatch, tmp_path):
    """The whole way by name: PyTorch files of the public kind, verified, folded, put in place."""
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    small = PaperParts(MEL_16K, SMALL_VAE, SMALL_VOCODER, "small_vae", "small_vocoder")
    monkeypatch.setitem(PAPER_CODECS, "16k", small)
    rows = []
    states = {
        "small_vae": codec.vae.state_dict(),
        "small_vocoder": {"generator": codec.vocoder.state_dict()},
    }
    for name, state in states.items():
        path = tmp_path / "weights" / f"{name}.pth"
        torch.save(state, path)
        content = path.read_bytes()
        row = replace(
            table.part("bigvgan_44k"),
            name=name,
            file=path.name,
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        rows.append(row)
    know(monkeypatch, *rows)
    loaded = paper_codec("16k")
    again = MelVae(SMALL_VAE)
    again.load(codec.vae.state_dict(), "x")
    latents = torch.randn(1, 4, 20)
    expected = codec.mel_to_wave(again.decode_mel(latents))
    assert torch.allclose(loaded.decode(latents), expected, atol=1e-6)
    assert isinstance(rows[0], table.Part) and VAE_16K.dim == 20
