"""`condition_scale` multiplies picture and text features and nothing else, `sync_scale` motion features."""

from __future__ import annotations

import torch
from standins import DIM, random_network

from soundvcm.records import Conditions


def test_scale_is_the_same_as_larger_features() -> None:
    plain = random_network()
    scaled = random_network(condition_scale=3.0)
    scaled.load_state_dict(plain.state_dict())
    generator = torch.Generator().manual_seed(0)
    semantic = torch.randn(2, 2, DIM, generator=generator)
    sync, text = torch.randn(2, 25, 4, generator=generator), torch.randn(2, 1, DIM, generator=generator)
    noisy, time = torch.randn(2, 31, 4, generator=generator), torch.tensor([0.9, 0.4])

    def of(factor: float) -> Conditions:
        return Conditions.of(semantic=factor * semantic, sync=sync, text=factor * text)

    expected = plain(noisy, time, time, of(3.0))
    assert torch.allclose(scaled(noisy, time, time, of(1.0)), expected, atol=1e-6)
    assert not torch.allclose(plain(noisy, time, time, of(1.0)), expected, atol=1e-3)


def test_sync_scale_is_the_same_as_larger_motion_features() -> None:
    plain, scaled = random_network(), random_network(sync_scale=5.0)
    scaled.load_state_dict(plain.state_dict())
    generator = torch.Generator().manual_seed(0)
    semantic, text = torch.randn(2, 2, DIM, generator=generator), torch.randn(2, 1, DIM, generator=generator)
    sync = torch.randn(2, 25, 4, generator=generator)
    noisy, time = torch.randn(2, 31, 4, generator=generator), torch.tensor([0.9, 0.4])

    def of(factor: float) -> Conditions:
        return Conditions.of(semantic=semantic, sync=factor * sync, text=text)

    expected = plain(noisy, time, time, of(5.0))
    assert torch.allclose(scaled(noisy, time, time, of(1.0)), expected, atol=1e-6)
    assert not torch.allclose(plain(noisy, time, time, of(1.0)), expected, atol=1e-3)
