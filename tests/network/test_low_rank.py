"""Low-rank adapters: silent at first, trained alone, merged into an ordinary network, small on the disk."""

from __future__ import annotations

import pytest
import torch
from small_networks import TINY1, loud, small_conditions

from soundvcm.errors import OptionError, WeightsError
from soundvcm.network import VelocityNetwork, adapters, add_adapters, merged, with_adapters

TWO_TIMES = TINY1.change({"second_time": "offset"})


def networks(rank: int = 4) -> tuple[VelocityNetwork, VelocityNetwork]:
    """A network, and the same with adapters."""
    plain = loud(TWO_TIMES).eval()
    adapted = VelocityNetwork(TWO_TIMES).eval()
    adapted.load_state_dict(plain.state_dict())
    add_adapters(adapted, rank)
    return plain, adapted


def velocity(network: VelocityNetwork) -> torch.Tensor:
    draws = torch.Generator().manual_seed(1)
    noisy = torch.randn(2, 10, TWO_TIMES.latent_dim, generator=draws)
    t = torch.tensor([0.9, 0.3])
    return network(noisy, t, 0.5 * t, small_conditions(TWO_TIMES, words=7))


def test_they_are_silent_at_first_and_alone_learn() -> None:
    plain, adapted = networks()
    assert torch.equal(velocity(plain), velocity(adapted))
    trained = [name for name, value in adapted.named_parameters() if value.requires_grad]
    assert all(name.endswith((".down", ".up")) or name.startswith("time.second.") for name in trained)
    assert any(name.startswith("joint.") for name in trained)
    velocity(adapted).square().mean().backward()
    assert all(value.grad is None for value in adapted.parameters() if not value.requires_grad)
    count = sum(value.numel() for value in adapted.parameters() if value.requires_grad)
    assert count < 0.3 * sum(value.numel() for value in plain.parameters())


def test_merged_they_are_an_ordinary_network_and_alone_a_small_file() -> None:
    plain, adapted = networks()
    draws = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for value in adapted.parameters():
            if value.requires_grad:
                value.add_(0.05 * torch.randn(value.shape, generator=draws))
    wanted = velocity(adapted)
    assert not torch.allclose(wanted, velocity(plain))
    small = adapters(adapted.state_dict())
    for state in (merged(adapted.state_dict()), with_adapters(plain.state_dict(), small)):
        again = VelocityNetwork(TWO_TIMES).eval()
        again.load_state_dict(state)
        assert torch.allclose(velocity(again), wanted, atol=1e-5)
    assert all(not name.endswith(".original") for name in small)


def test_refusals() -> None:
    plain, adapted = networks()
    with pytest.raises(OptionError):
        adapters(plain.state_dict())
    with pytest.raises(OptionError):
        add_adapters(VelocityNetwork(TWO_TIMES), 10_000)
    with pytest.raises(WeightsError):
        with_adapters(
            VelocityNetwork(TWO_TIMES.change({"hidden": 256})).state_dict(), adapters(adapted.state_dict())
        )
