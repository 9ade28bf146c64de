"""Muon: singular values, size of a step, AdamW for the rest, and runs that resume exactly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError
from soundvcm.training import TrainingConfig, latest_checkpoint, train
from soundvcm.training.checkpoint import read_checkpoint
from soundvcm.training.muon import UPDATE_RMS, Muon, orthogonalised
from soundvcm.training.state import build_optimizer


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(3, 12, 40), (2, 40, 12), (1, 16, 16)])
def test_singular_values_become_one_and_directions_stay(shape: tuple[int, int, int]) -> None:
    matrices = drawn(*shape)
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    found = orthogonalised(7.0 * matrices)
    inside = torch.diagonal(u.mT @ found @ v.mT, dim1=1, dim2=2)
    assert 0.65 < float(inside.min()) and float(inside.max()) < 1.25
    assert torch.allclose(u * inside[:, None] @ v, found, atol=1e-4), "no direction was mixed with another"
    assert torch.allclose(orthogonalised(1e-6 * matrices), found, atol=1e-4), "the scale does not matter"


def test_a_zero_matrix_stays_zero() -> None:
    assert not orthogonalised(torch.zeros(2, 4, 6)).any()


def test_matrices_move_at_the_pace_of_adamw_whatever_their_gradient() -> None:
    weight = nn.Parameter(torch.zeros(24, 5, 8))
    weight.grad = 1e-5 * drawn(24, 5, 8)
    Muon([weight], [weight], lr=0.01).step()
    rms = float(weight.detach().square().mean().sqrt())
    # singular values .7 to 1.2 on 24 of 24 directions of a 24 x 40 matrix
    assert 0.65 < rms / (0.01 * UPDATE_RMS) < 1.25


def test_what_is_no_matrix_moves_as_under_adamw() -> None:
    values = [nn.Parameter(drawn(5)), nn.Parameter(drawn(3, 4))]
    copies = [nn.Parameter(value.detach().clone()) for value in values]
    ours = Muon(values, [], lr=0.01, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1)
    theirs = torch.optim.AdamW(copies, lr=0.01, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1)
    for step in range(5):
        for group in (values, copies):
            for k, value in enumerate(group):
                value.grad = drawn(*value.shape, seed=10 * step + k)
        ours.step()
        theirs.step()
    for value, copy in zip(values, copies, strict=True):
        assert torch.allclose(value, copy, atol=1e-6)


def test_weights_decay_and_those_without_a_gradient_stay() -> None:
    moved, still = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    moved.grad = torch.zeros(2, 2)
    Muon([moved, still], [moved, still], lr=0.1, weight_decay=0.5).step()
    assert torch.allclose(moved, torch.full((2, 2), 0.95)) and torch.equal(still, torch.ones(2, 2))


def with_muon(config: TrainingConfig) -> TrainingConfig:
    return config.change({"loop.optimizer.kind": "muon"})


def test_blocks_are_moved_by_it_and_what_modulates_them_is_not(config: TrainingConfig) -> None:
    from soundvcm.network import VelocityNetwork

    network = VelocityNetwork(config.network)
    optimizer = build_optimizer(network, with_muon(config).loop)
    assert isinstance(optimizer, Muon)
    names = {name for name, value in network.named_parameters() if id(value) in optimizer.matrices}
    assert "fused.0.attention.qkv.weight" in names and "joint.0.latent.ffn.w1.weight" in names
    assert not [name for name in names if "modulation" in name or not name.startswith(("joint", "fused"))]
    assert [id(value) for value in optimizer.param_groups[0]["params"]] == [
        id(value) for value in network.parameters()
    ]


def test_a_run_learns_and_resumes_to_the_bit(
    config: TrainingConfig, store: FeatureStore, tmp_path: Path
) -> None:
    config = with_muon(config)
    straight = train(config, [store], tmp_path / "straight", device="cpu")
    assert straight.finished

    def stop(progress: object) -> None:
        if progress.step == 10:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, [store], tmp_path / "resumed", device="cpu", on_progress=stop)
    train(config, [store], tmp_path / "resumed", device="cpu")
    ends = [latest_checkpoint(tmp_path / name) for name in ("straight", "resumed")]
    first, second = (read_checkpoint(end) for end in ends if end is not None)
    assert any(name.endswith("/momentum") for name in first.optimizer)
    for part in ("weights", "optimizer", "ema"):
        one, other = getattr(first, part), getattr(second, part)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one), part


def test_a_network_that_is_shared_out_is_refused(config: TrainingConfig) -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2, 2))
            self.weight.full_tensor = lambda: self.weight  # type: ignore[attr-defined]

    with pytest.raises(OptionError, match="loop.processes=ddp"):
        build_optimizer(Shared(), with_muon(config).loop)
