"""Times as vectors, and sync tokens brought to latents."""

from __future__ import annotations

import math

import pytest
import torch
from small_networks import small_config

from soundvcm.network.embeddings import (
    ScalarEmbedder,
    TimeEmbedding,
    nearest_index,
    resample_linear,
    time_features,
)


def test_time_features_are_cosines_then_sines() -> None:
    found = time_features(torch.tensor([0.25], dtype=torch.float64), 8, 10_000)
    frequencies = [10_000 ** (-2 * i / 8) for i in range(4)]
    expected = [math.cos(0.25 * f) for f in frequencies] + [math.sin(0.25 * f) for f in frequencies]
    torch.testing.assert_close(found, torch.tensor([expected], dtype=torch.float64))
    assert time_features(torch.tensor([0.5], dtype=torch.bfloat16), 8, 1).dtype == torch.float32


def times() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([0.9, 0.5]), torch.tensor([0.4, 0.0])


def test_a_single_time_network_does_not_see_the_end() -> None:
    torch.manual_seed(0)
    embed, (t, s) = TimeEmbedding(small_config(second_time="none")), times()
    assert embed.second is None
    assert torch.equal(embed(t, s), embed(t, t))
    assert not torch.equal(embed(t, s), embed(s, s))


@pytest.mark.parametrize("mirrored", [False, True])
def test_offset_and_absolute_sums(mirrored: bool) -> None:
    torch.manual_seed(0)
    t, s = times()
    offset = TimeEmbedding(small_config(mirrored=mirrored))
    start = 1 - t if mirrored else t
    assert offset.second is not None
    torch.testing.assert_close(offset(t, s), offset.first(start) + offset.second(t - s))
    absolute = TimeEmbedding(small_config(second_time="absolute", mirrored=mirrored))
    assert absolute.second is not None
    end = 1 - s if mirrored else s
    torch.testing.assert_close(absolute(t, s), absolute.first(start) + absolute.second(end))


def test_shared_and_concatenated() -> None:
    torch.manual_seed(0)
    t, s = times()
    shared = TimeEmbedding(small_config(time_embed="shared"))
    assert shared.second is None
    torch.testing.assert_close(shared(t, s), shared.first(t) + shared.first(t - s))
    joined = TimeEmbedding(small_config(time_embed="concat"))
    assert joined.first.inner.weight.shape == (16, 32)
    assert not torch.equal(joined(t, s), joined(t, t))


def test_scalar_embedder_formula_in_float64() -> None:
    torch.manual_seed(0)
    embed = ScalarEmbedder(8, 10_000, 6).double()
    t = torch.tensor([0.3, 0.7], dtype=torch.float64)
    inner = time_features(t, 8, 10_000) @ embed.inner.weight.T + embed.inner.bias
    expected = (inner * torch.sigmoid(inner)) @ embed.outer.weight.T + embed.outer.bias
    torch.testing.assert_close(embed(t), expected)


def test_nearest_keeps_the_ties_of_float32() -> None:
    """Golden README, note 1: exact arithmetic gives 32 and 96 here."""
    index = nearest_index(192, 345)
    assert int(index[57]) == 31 and int(index[172]) == 95
    assert nearest_index(4, 4).tolist() == [0, 1, 2, 3]


def test_nearest_with_a_ratio_keeps_the_clock() -> None:
    whole = nearest_index(200, 250, 0.8)
    assert whole[-1] == 199
    assert torch.equal(nearest_index(100, 126, 0.8)[:120], whole[:120])
    assert nearest_index(3, 10, 0.8).max() == 2


def test_linear_resampling_follows_token_centres() -> None:
    ramp = ((torch.arange(8, dtype=torch.float64) + 0.5) / 8)[None, :, None]
    found = resample_linear(ramp, 10)[0, :, 0]
    centres = (torch.arange(10, dtype=torch.float64) + 0.5) / 10
    torch.testing.assert_close(found[1:-1], centres[1:-1])
    assert float(found[0]) == 0.5 / 8 and float(found[-1]) == 7.5 / 8
    torch.testing.assert_close(resample_linear(torch.ones(2, 8, 3), 5), torch.ones(2, 5, 3))
    torch.testing.assert_close(
        resample_linear(ramp, 20),
        torch.nn.functional.interpolate(ramp.transpose(1, 2), size=20, mode="linear").transpose(1, 2),
    )


def test_linear_resampling_with_a_ratio_does_not_depend_on_the_length() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 100, 2)
    torch.testing.assert_close(
        resample_linear(x, 126, 0.8)[:, :60], resample_linear(x[:, :50], 60, 0.8)[:, :60]
    )
    assert torch.equal(resample_linear(x[:, :1], 4, 0.8), x[:, :1].expand(1, 4, 2))
