"""Rotary positions: relative, stretchable, and shared by nobody."""

from __future__ import annotations

import torch

from soundvcm.network.embeddings import Rotation, rotate, rotation


def test_scores_depend_on_the_distance_only() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(64, dtype=torch.float64), torch.randn(64, dtype=torch.float64)
    by = rotation(40, 64, dtype=torch.float64)
    queries = rotate(query.expand(1, 40, 64), by)[0]
    keys = rotate(key.expand(1, 40, 64), by)[0]
    scores = queries @ keys.T
    for distance in (-7, 0, 3, 12):
        diagonal = torch.diagonal(scores, distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    assert abs(float(scores[0, 0] - scores[0, 5])) > 1e-3


def test_a_stretched_table_is_the_plain_one_at_those_positions() -> None:
    plain, stretched = rotation(40, 64, dtype=torch.float64), rotation(10, 64, 4.0, dtype=torch.float64)
    torch.testing.assert_close(stretched.cos, plain.cos[::4])
    torch.testing.assert_close(stretched.sin, plain.sin[::4])


def test_rotation_keeps_lengths_and_serves_heads() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 2, 3, 8)
    turned = rotate(x, rotation(5, 8))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, 0], x[:, 0])
    torch.testing.assert_close(turned[:, :, 1, 2], rotate(x[:, :, 1, 2], rotation(5, 8)))


def test_half_precision_is_rotated_in_float32() -> None:
    by = rotation(300, 64, dtype=torch.bfloat16)
    assert by.cos.dtype == torch.float32
    assert rotate(torch.ones(1, 300, 64, dtype=torch.bfloat16), by).dtype == torch.float32


def test_each_call_gets_its_own_tensors() -> None:
    first = rotation(6, 8)
    first.cos.zero_()
    assert float(rotation(6, 8).cos[0, 0]) == 1.0


def test_tables_made_under_inference_mode_serve_training() -> None:
    with torch.inference_mode():
        rotation(11, 8)
    x = torch.randn(1, 11, 8, requires_grad=True)
    rotate(x, rotation(11, 8)).sum().backward()
    assert x.grad is not None


def test_the_exact_angle() -> None:
    by = rotation(4, 8, 2.5, dtype=torch.float64)
    assert isinstance(by, Rotation)
    expected = torch.tensor([3 * 2.5 * 10_000 ** (-2 * k / 8) for k in range(4)], dtype=torch.float64)
    torch.testing.assert_close(torch.atan2(by.sin[3], by.cos[3]) % (2 * torch.pi), expected % (2 * torch.pi))
