"""The VAE beyond the golden numbers (tests/parity/codec.py): magnitudes, folding, chunks, refusals."""

import pytest
import torch

from soundvcm.codec.vae import (
    CLAMP,
    DECODER_REACH,
    Downsample,
    MelVae,
    VaeConfig,
    fold,
    mp_silu,
    mp_sum,
    pixel_norm,
)
from soundvcm.errors import ShapeError, WeightsError

TINY = VaeConfig(bins=8, dim=3, width=8)


def made(seed=0):
    """A tiny VAE with random raw weights."""
    torch.manual_seed(seed)
    vae = MelVae(TINY)
    raw = {
        name: torch.randn(value.shape) * 0.3 + (1 if name == "data_std" else 0)
        for name, value in vae.state_dict().items()
    }
    vae.load(raw, "tiny")
    return vae.eval().requires_grad_(False), raw


def test_operations_keep_the_magnitude_of_normal_numbers():
    x = torch.randn(4, 256, 200, generator=torch.Generator().manual_seed(0))
    other = torch.randn(4, 256, 200, generator=torch.Generator().manual_seed(1))
    assert pixel_norm(7 * x).square().mean().item() == pytest.approx(1, abs=1e-3)
    assert mp_silu(x).square().mean().item() == pytest.approx(1, abs=0.02)
    assert mp_sum(x, other).square().mean().item() == pytest.approx(1, abs=0.02)


def test_folded_rows_have_unit_length_whatever_the_stored_scale():
    raw = torch.randn(5, 6, 3, generator=torch.Generator().manual_seed(0))
    assert fold(raw).flatten(1).norm(dim=1) == pytest.approx(torch.ones(5), abs=1e-3)
    assert torch.allclose(fold(raw), fold(1000 * raw), atol=1e-3)


def test_load_folds_convolutions_and_nothing_else():
    vae, raw = made()
    state = vae.state_dict()
    assert torch.equal(state["encoder.conv_in.weight"], fold(raw["encoder.conv_in.weight"]))
    for name in ("data_mean", "data_std", "decoder.learnable_gain"):
        assert torch.equal(state[name], raw[name])


def test_rates_shapes_and_positive_std():
    vae, _ = made()
    moments = vae.encode_mel(torch.randn(2, 8, 20))
    assert moments.mean.shape == moments.std.shape == (2, 10, 3)
    assert (moments.std > 0).all()
    assert vae.decode_mel(moments.mean).shape == (2, 8, 20)
    assert vae.encode_mel(torch.randn(1, 8, 21)).mean.shape == (1, 10, 3)


def test_standardisation_goes_in_and_comes_out():
    vae, raw = made()
    mel = torch.randn(1, 8, 12)
    inside = vae.encoder((mel - raw["data_mean"]) / raw["data_std"]).transpose(1, 2)
    assert torch.allclose(vae.encode_mel(mel).mean, inside[..., :3])
    latents = torch.randn(1, 6, 3)
    outside = vae.decoder(latents.transpose(1, 2)) * raw["data_std"] + raw["data_mean"]
    assert torch.allclose(vae.decode_mel(latents), outside)


@pytest.mark.parametrize(("length", "chunk"), [(150, 32), (97, 1), (70, 35), (150, 200)])
def test_chunks_give_the_same_mel(length, chunk):
    vae, _ = made()
    vae = vae.double()
    latents = torch.randn(2, length, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole, pieces = vae.decode_mel(latents), vae.decode_mel(latents, chunk)
    assert torch.allclose(whole, pieces, rtol=0, atol=1e-12)


def test_declared_reach_is_the_true_reach():
    vae, _ = made()
    vae = vae.double()
    x = torch.randn(1, 32, 80, dtype=torch.float64, requires_grad=True)
    vae.decoder.spread(x)[0, :, 80:82].sum().backward()
    touched = x.grad[0].abs().sum(0).nonzero()[:, 0]
    assert 40 - int(touched.min()) <= DECODER_REACH and int(touched.max()) - 40 <= DECODER_REACH
    assert int(touched.max()) - 40 >= DECODER_REACH - 1  # no more margin than needed


def test_extreme_input_stays_finite_and_clamped():
    vae, _ = made()
    assert torch.isfinite(vae.encode_mel(torch.full((1, 8, 8), 1e4)).std).all()
    assert torch.isfinite(vae.decode_mel(torch.full((1, 4, 3), -1e6))).all()
    assert CLAMP == 256


def test_downsample_drops_an_odd_last_position():
    assert Downsample(4)(torch.randn(1, 4, 7)).shape == (1, 4, 3)


def test_wrong_shapes_and_names_are_refused():
    vae, raw = made()
    with pytest.raises(ShapeError, match="mel"):
        vae.encode_mel(torch.randn(1, 9, 8))
    with pytest.raises(ShapeError, match="latents"):
        vae.decode_mel(torch.randn(1, 4, 5))
    with pytest.raises(WeightsError, match=r"file\.pth"):
        vae.load({name: value for name, value in raw.items() if name != "encoder.conv_in.weight"}, "file.pth")
