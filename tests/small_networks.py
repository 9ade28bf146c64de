"""Small networks and conditions for tests: the embedded shape, golden `tiny1`, weights that all act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from golden_rules import read_shapes, weights
from torch import Tensor

from soundvcm.network import NetworkConfig, VelocityNetwork
from soundvcm.records import Conditions

GOLDEN = Path(__file__).resolve().parent / "golden"


def small_config(**changes: Any) -> NetworkConfig:
    """A network of a few thousand weights; one text token, no segments, like the embedded system."""
    values: dict[str, Any] = {
        "latent_dim": 4,
        "semantic_dim": 6,
        "sync_dim": 5,
        "text_dim": 7,
        "hidden": 16,
        "heads": 2,
        "joint_blocks": 2,
        "fused_blocks": 1,
        "text_tokens": 1,
        "segment_tokens": 0,
        "mlp_multiple": 8,
        "sync_channels": 8,
        "time_features": 16,
    }
    return NetworkConfig.build({**values, **changes})


def loud(config: NetworkConfig, seed: int = 0) -> VelocityNetwork:
    """A network none of whose weights is zero, so that every path reaches the output; float32, eval."""
    network = VelocityNetwork(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("latent_std"):
                continue
            scale = 0.3 if value.dim() < 2 else 1 / value[0].numel() ** 0.5
            value.copy_(torch.randn(value.shape, generator=generator) * scale)
            if name.endswith("_norm.weight"):
                value.add_(1)
    return network.eval()


def small_conditions(
    config: NetworkConfig, batch: int = 2, *, f: int = 3, g: int = 8, words: int = 1
) -> Conditions:
    """Fixed random conditions for a network, everything present."""
    generator = torch.Generator().manual_seed(5)
    return Conditions.of(
        semantic=torch.randn(batch, f, config.semantic_dim, generator=generator),
        sync=torch.randn(batch, g, config.sync_dim, generator=generator),
        text=torch.randn(batch, words, config.text_dim, generator=generator),
    )


def noisy_and_times(config: NetworkConfig, batch: int = 2, n: int = 10) -> tuple[Tensor, Tensor, Tensor]:
    """Fixed noise [b n c], t [b] and s [b]."""
    generator = torch.Generator().manual_seed(6)
    noisy = torch.randn(batch, n, config.latent_dim, generator=generator)
    t = 0.5 + 0.5 * torch.rand(batch, generator=generator)
    return noisy, t, t * torch.rand(batch, generator=generator)


TINY1 = NetworkConfig(
    latent_dim=6,
    semantic_dim=32,
    sync_dim=48,
    text_dim=40,
    hidden=128,
    heads=2,
    joint_blocks=1,
    fused_blocks=2,
    text_tokens=7,
    second_time="none",
    mirrored=True,
)


def tiny1_state() -> dict[str, Tensor]:
    """Rule-made weights of the golden `tiny1` under the reference's names."""
    made = weights(read_shapes(GOLDEN / "mmaudio_tiny1_keys.tsv"))
    return {key: torch.from_numpy(value) for key, value in made.items()}
