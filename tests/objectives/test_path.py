"""The straight path and jumps along it."""

from __future__ import annotations

import torch

from soundvcm.objectives.path import column, draw_noise, interpolate, jump, sample_velocity, wide, within


def test_ends_of_the_path_are_data_and_noise(draw) -> None:
    data, noise = draw(3, 4, 2), draw(3, 4, 2, seed=2)
    assert torch.equal(interpolate(data, noise, torch.zeros(3)), data)
    assert torch.equal(interpolate(data, noise, torch.ones(3)), noise)


def test_each_row_has_its_own_time(draw) -> None:
    data, noise = draw(2, 3, 1), draw(2, 3, 1, seed=2)
    noisy = interpolate(data, noise, torch.tensor([0.25, 0.5]))
    assert torch.allclose(noisy[0], 0.75 * data[0] + 0.25 * noise[0])
    assert torch.allclose(noisy[1], 0.5 * data[1] + 0.5 * noise[1])


def test_the_sample_velocity_carries_a_pair_along_its_path(draw) -> None:
    data, noise = draw(2, 3, 1, dtype=torch.float64), draw(2, 3, 1, seed=2, dtype=torch.float64)
    t, s = torch.tensor([0.9, 0.5]).double(), torch.tensor([0.1, 0.5]).double()
    moved = jump(interpolate(data, noise, t), sample_velocity(data, noise), t, s)
    assert torch.allclose(moved, interpolate(data, noise, s), atol=1e-12)


def test_columns_follow_the_tensor_they_multiply() -> None:
    like = torch.zeros(2, 3, 4, dtype=torch.float64)
    assert column(torch.tensor([1.0, 2.0]), like).shape == (2, 1, 1)
    assert column(torch.tensor([True, False]), like).dtype == torch.float64


def test_noise_is_drawn_from_the_generator_alone() -> None:
    like = torch.zeros(50, 20, 4)
    first = draw_noise(like, torch.Generator().manual_seed(3))
    torch.manual_seed(99)
    assert torch.equal(first, draw_noise(like, torch.Generator().manual_seed(3)))
    assert abs(first.mean()) < 0.05 and abs(first.std() - 1) < 0.05
    assert draw_noise(like.bfloat16(), torch.Generator().manual_seed(3)).dtype == torch.bfloat16


def test_wide_never_narrows() -> None:
    assert wide(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert wide(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64


def test_within_draws_in_what_is_too_far_and_leaves_the_rest_to_the_bit(draw) -> None:
    centre = draw(4, 5, 3)
    value = centre + torch.tensor([0.0, 0.5, 3.0, 1e6])[:, None, None] * draw(4, 5, 3, seed=2)
    found = within(value, centre, 1.0)
    assert torch.equal(found[:2], value[:2])
    size = centre.square().mean((1, 2)).sqrt()
    away = (found - centre).square().mean((1, 2)).sqrt()
    assert torch.allclose(away[2:], size[2:], rtol=1e-4)
    direction = torch.nn.functional.cosine_similarity(
        (found - centre).flatten(1), (value - centre).flatten(1)
    )
    assert torch.allclose(direction[2:], torch.ones(2), atol=1e-4)
