"""Blocks against a plain reading of their formulas."""

from __future__ import annotations

import torch
from small_networks import loud, small_conditions, small_config
from torch.nn import functional as F

from soundvcm.network.blocks import HEAD_NORM_EPS, attend, modulated
from soundvcm.network.embeddings import rotate, rotation
from soundvcm.runtime import PLAIN_TOKENS


def test_attention_is_a_softmax_over_all_tokens() -> None:
    torch.manual_seed(0)
    queries_keys, values = torch.randn(2, 5, 2, 3, 8), torch.randn(2, 5, 3, 8)
    query, key = queries_keys.unbind(2)
    weights = (torch.einsum("bnhe,bmhe->bhnm", query, key) / 8**0.5).softmax(-1)
    expected = torch.einsum("bhnm,bmhe->bnhe", weights, values).flatten(2)
    torch.testing.assert_close(attend(queries_keys, values), expected)


def test_a_stream_norms_and_rotates_each_head() -> None:
    config = small_config()
    stream = loud(config).fused[0]
    torch.manual_seed(1)
    x, by = torch.randn(2, 5, 16), rotation(5, 8)
    both, value = stream.attention(x, by)
    query, key, plain = stream.attention.qkv(x).view(2, 5, 3, 2, 8).unbind(2)

    def normed(part: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return part / (part.pow(2).mean(-1, keepdim=True) + HEAD_NORM_EPS).sqrt() * weight

    torch.testing.assert_close(both[:, :, 0], rotate(normed(query, stream.attention.q_norm.weight), by))
    torch.testing.assert_close(both[:, :, 1], rotate(normed(key, stream.attention.k_norm.weight), by))
    torch.testing.assert_close(value, plain)


def test_a_fused_block_is_two_gated_residuals() -> None:
    config = small_config()
    block = loud(config).fused[0]
    torch.manual_seed(1)
    x, condition, by = torch.randn(2, 5, 16), F.silu(torch.randn(2, 5, 16)), rotation(5, 8)
    shift, scale, gate, shift2, scale2, gate2 = block.modulation(condition).chunk(6, dim=-1)
    attended = attend(*block.attention(modulated(x, shift, scale), by))
    middle = x + gate * block.out(attended)
    expected = middle + gate2 * block.ffn(modulated(middle, shift2, scale2))
    torch.testing.assert_close(block(x, condition, by), expected)


def test_kernels_of_the_blocks_are_options() -> None:
    stream = loud(small_config(ffn_kernel=1, out_kernel=5)).joint[0]
    assert stream.latent.out.weight.shape == (16, 5, 16)
    assert stream.latent.ffn.w1.weight.shape == (48, 1, 16)
    assert stream.semantic.ffn.w2.weight.shape == (16, 1, 48)
    assert stream.text.out.weight.shape == (16, 16)


def test_the_last_joint_block_only_looks_at_pictures_and_text() -> None:
    config = small_config()
    network = loud(config)
    assert [block.text.pre_only for block in network.joint] == [False, True]
    encoded = network.encode(small_conditions(config), 10)
    torch.manual_seed(1)
    latent, one = torch.randn(2, 10, 16), torch.randn(2, 1, 16)
    args = (encoded.semantic, encoded.text, one, one, encoded.by_latent, encoded.by_semantic)
    first, last = network.joint[0](latent, *args), network.joint[1](latent, *args)
    assert torch.equal(last[1], encoded.semantic) and torch.equal(last[2], encoded.text)
    assert not torch.equal(first[1], encoded.semantic) and not torch.equal(first[2], encoded.text)


def test_each_stream_sees_the_others() -> None:
    config = small_config()
    network = loud(config)
    encoded = network.encode(small_conditions(config), 10)
    torch.manual_seed(1)
    latent, one = torch.randn(2, 10, 16), torch.randn(2, 1, 16)
    streams = [latent, encoded.semantic, encoded.text]
    before = network.joint[0](*streams, one, one, encoded.by_latent, encoded.by_semantic)
    for changed in range(3):
        other = [x + 1.5 * torch.randn(x.shape) if i == changed else x for i, x in enumerate(streams)]
        after = network.joint[0](*other, one, one, encoded.by_latent, encoded.by_semantic)
        for old, new in zip(before, after, strict=True):
            assert float((old - new).detach().abs().max()) > 1e-4


def test_plain_attention_in_bfloat16_is_within_its_rounding() -> None:
    """Values and gradients, for one row and many, with fewer and more tokens than `PLAIN_TOKENS`."""
    for batch, tokens in ((1, 5), (3, 134), (1, PLAIN_TOKENS + 1)):
        draw = torch.Generator().manual_seed(tokens)
        wide = [torch.randn(batch, tokens, *rest, generator=draw) for rest in ((2, 2, 8), (2, 8))]

        def run(values: list[torch.Tensor], attention) -> list[torch.Tensor]:
            values = [value.clone().requires_grad_() for value in values]
            out = attention(*values)
            gradients = torch.autograd.grad(out.float().square().sum(), values)
            return [value.detach().float() for value in (out, *gradients)]

        def fused(queries_keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
            query, key = queries_keys.permute(2, 0, 3, 1, 4)
            out = torch.nn.functional.scaled_dot_product_attention(query, key, values.transpose(1, 2))
            return out.transpose(1, 2).flatten(2)

        narrow = [value.bfloat16() for value in wide]
        right = run([value.float() for value in narrow], attend)
        errors = []
        for attention in (attend, fused):
            pairs = zip(run(narrow, attention), right, strict=True)
            errors.append([float((got - value).norm() / value.norm()) for got, value in pairs])
        assert all(ours <= 3 * theirs for ours, theirs in zip(*errors, strict=True)), errors
        assert torch.equal(run(wide, attend)[0], fused(*wide))  # float32 stays what it was
