"""BigVGAN beyond the golden numbers: every spelling of weight norm, filters, chunks, the snake's aliases."""

import pytest
import torch
from torch import nn

from soundvcm.codec.base import in_chunks
from soundvcm.codec.vocoder import (
    BIGVGAN_16K,
    BIGVGAN_44K,
    TAPS,
    AliasFreeSnake,
    Vocoder,
    VocoderConfig,
    continued,
    fold_weight_norm,
    kaiser_sinc_filter,
)
from soundvcm.errors import ShapeError, WeightsError

TINY = VocoderConfig(bins=5, width=32, rates=(4, 2), kernels=(8, 4), last_bias=True, bounded="tanh")


def made(config=TINY, seed=0):
    torch.manual_seed(seed)
    return Vocoder(config).eval().requires_grad_(False)


def with_weight_norm(module, spelling):
    """The state of a module as a public file would hold it, filters included."""
    state = {}
    for name, value in module.state_dict().items():
        if value.ndim == 3:
            stem = name.removesuffix(".weight")
            norm = value.flatten(1).norm(dim=1).view(-1, 1, 1)
            state[stem + spelling[0]] = norm
            state[stem + spelling[1]] = 3 * value  # the length of the direction does not matter
        else:
            state[name] = value
    snakes = [name for name, part in module.named_modules() if isinstance(part, AliasFreeSnake)]
    for name in snakes:
        for kind in ("upsample.filter", "downsample.lowpass.filter"):
            state[f"{name}.{kind}"] = kaiser_sinc_filter().float().view(1, 1, TAPS)
    return state


@pytest.mark.parametrize(
    "spelling",
    [
        (".weight_g", ".weight_v"),
        (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
    ],
)
def test_both_spellings_of_weight_norm_load(spelling):
    right, other = made(seed=0), made(seed=1)
    other.load(with_weight_norm(right, spelling), "file.pt")
    mel = torch.randn(1, 5, 6)
    assert torch.allclose(right(mel), other(mel), atol=1e-6)
    assert not torch.allclose(right(mel), made(seed=1)(mel), atol=1e-3)


def test_folding_equals_torchs_own_weight_norm():
    layer = nn.utils.parametrizations.weight_norm(nn.ConvTranspose1d(4, 3, 8))
    layer.parametrizations.weight.original0.data.mul_(1.7)
    folded = fold_weight_norm({f"up.{name}": value for name, value in layer.state_dict().items()})
    assert set(folded) == {"up.bias", "up.weight"}
    assert torch.allclose(folded["up.weight"], layer.weight, atol=1e-6)


def test_plain_weights_load_and_half_a_pair_is_named():
    right, other = made(seed=0), made(seed=1)
    other.load(right.state_dict(), "file.pt")
    assert torch.equal(right.conv_pre.weight, other.conv_pre.weight)
    state = with_weight_norm(right, (".weight_g", ".weight_v"))
    del state["conv_pre.weight_g"]
    with pytest.raises(WeightsError, match="conv_pre"):
        other.load(state, "file.pt")


def test_a_file_with_another_filter_is_refused():
    state = with_weight_norm(made(), (".weight_g", ".weight_v"))
    state["activation_post.upsample.filter"] = torch.ones(1, 1, 12) / 12
    with pytest.raises(WeightsError, match="activation_post"):
        made().load(state, "file.pt")


def test_filter_is_a_low_pass_of_unit_gain():
    taps = kaiser_sinc_filter()
    assert taps.sum().item() == pytest.approx(1) and torch.allclose(taps, taps.flip(0))
    response = torch.fft.rfft(taps, 512).abs()
    assert response[:64].min() > 0.95 and response[-64:].max() < 0.05


def test_snake_of_a_slow_signal_is_the_plain_snake():
    torch.manual_seed(0)
    snake = AliasFreeSnake(2)
    snake.act["alpha"].data.copy_(torch.tensor([0.1, -0.2]))
    snake.act["beta"].data.copy_(torch.tensor([0.3, 0.0]))
    x = torch.sin(torch.arange(400) * 0.02)[None, None].expand(1, 2, -1) * 0.5
    alpha, beta = snake.act["alpha"].exp()[:, None], snake.act["beta"].exp()[:, None]
    plain = x + torch.sin(alpha * x).square() / beta
    assert (snake(x) - plain)[..., 20:-20].abs().max() < 2e-3


def test_snake_makes_little_alias_of_a_high_tone():
    """sin^2 doubles a tone's frequency (0.35 => 0.7): beyond half the rate it fades instead of folding."""
    time = torch.arange(2000, dtype=torch.float64)
    tone = 0.9 * torch.sin(2 * torch.pi * 0.35 * time)[None, None]

    def at_the_alias(wave):
        part = wave.detach()[0, 0, 200:1800] * torch.hann_window(1600, dtype=torch.float64)
        return torch.fft.rfft(part).abs()[int(0.3 * 1600) - 4 : int(0.3 * 1600) + 5].max()

    plain = at_the_alias(tone + torch.sin(tone).square())
    assert at_the_alias(AliasFreeSnake(1).double()(tone)) < 0.3 * plain


def test_snake_reach_is_declared():
    snake = AliasFreeSnake(1).double()
    x = torch.randn(1, 1, 41, dtype=torch.float64, requires_grad=True)
    snake(x)[0, 0, 20].backward()
    touched = x.grad[0, 0].nonzero()[:, 0]
    assert 20 - int(touched.min()) <= AliasFreeSnake.REACH and int(touched.max()) - 20 <= AliasFreeSnake.REACH


@pytest.mark.parametrize("chunk", [23, 40])
def test_chunks_give_the_same_wave(chunk):
    vocoder = made().double()
    mel = torch.randn(1, 5, 160, dtype=torch.float64)
    whole = vocoder(mel)
    pieces = in_chunks(vocoder, mel, chunk, vocoder.reach, TINY.hop)
    assert whole.shape == (1, 160 * 8)
    assert torch.allclose(whole, pieces, rtol=0, atol=1e-12)


def test_bounds_and_sizes():
    mel = 50 * torch.randn(1, 5, 6)
    assert made()(mel).abs().max() <= 1
    clamped = made(TINY.change({"bounded": "clamp", "last_bias": False}))
    assert clamped.conv_post.bias is None and clamped(mel).abs().max() <= 1
    assert BIGVGAN_16K.hop == 256 and BIGVGAN_44K.hop == 512
    with pytest.raises(ShapeError, match="mel"):
        made()(torch.randn(1, 6, 6))


def test_narrow_convolutions_leave_a_wave_that_differs_by_rounding():
    vocoder, mel = made(), torch.randn(1, 5, 12, generator=torch.Generator().manual_seed(3))
    exact = vocoder(mel)
    narrow = vocoder.narrow()(mel)
    formats = {name: value.dtype for name, value in vocoder.named_parameters()}
    assert narrow.dtype == torch.float32 and not torch.equal(narrow, exact)
    assert float((narrow - exact).norm() / exact.norm()) < 0.05
    assert formats["conv_pre.weight"] == formats["conv_post.weight"] == torch.float32
    assert formats["resblocks.0.activations.0.act.alpha"] == torch.float32
    assert formats["ups.0.0.weight"] == formats["resblocks.0.convs1.0.weight"] == torch.bfloat16


def test_ends_are_continued_by_their_last_value():
    x = torch.randn(2, 3, 7)
    assert torch.equal(continued(x, 5, 6), torch.nn.functional.pad(x, (5, 6), mode="replicate"))
