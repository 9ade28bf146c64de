"""A new size: the embedded network, narrower and with fewer blocks, by naming what differs.

    python examples/new_size.py

Sizes are configurations; a checkpoint carries its own, so that no code has to know the new name. Training it
is `soundvcm train tiny network.hidden=96 network.joint_blocks=1`.
"""

from __future__ import annotations

import torch

from soundvcm.network import NetworkConfig, VelocityNetwork
from soundvcm.records import Conditions
from soundvcm.systems import tiny_network


def smallest() -> NetworkConfig:
    """The embedded network at a quarter of its size; the widths of latents and features must stay."""
    return tiny_network().change({"hidden": 96, "joint_blocks": 1})


def parameters(config: NetworkConfig) -> int:
    """Numbers a network has, without making it."""
    with torch.device("meta"):
        return sum(weight.numel() for weight in VelocityNetwork(config).parameters())


@torch.inference_mode()
def main() -> dict[str, int]:
    """Count both, and ask the new one for 4 s and for 8 s: lengths are arguments, not settings."""
    counts = {"tiny": parameters(tiny_network()), "smallest": parameters(smallest())}
    config = smallest()
    network = VelocityNetwork(config).eval()
    conditions = Conditions.of(
        semantic=torch.zeros(1, 4, config.semantic_dim),
        sync=torch.zeros(1, 100, config.sync_dim),
        text=torch.zeros(1, config.text_tokens, config.text_dim),
    )
    # Features of 4 s; streams of any length go together, time is what they share.
    one, zero = torch.ones(1), torch.zeros(1)
    for latents in (125, 250):
        velocity = network(torch.randn(1, latents, config.latent_dim), one, zero, conditions)
        assert velocity.shape == (1, latents, config.latent_dim)
    print({name: f"{count / 1e6:.2f} M" for name, count in counts.items()})
    return counts


if __name__ == "__main__":
    main()
