"""The published sizes of the reference system (reference A1), as single-time networks that its weights fit.

A two-time network of the same size is `SIZES[name].change({"second_time": "offset", "mirrored": False})`.
Knows no weights, no codecs and no encoders.
"""

from __future__ import annotations

from typing import Any

from soundvcm.network.config import NetworkConfig


def _size(**values: Any) -> NetworkConfig:
    return NetworkConfig(second_time="none", mirrored=True, **values)


#: name -> configuration; parameters in the state dict: 157.3 M, 157.4 M, 621.8 M, 1030.0 M, 1030.6 M
SIZES: dict[str, NetworkConfig] = {
    "small_16k": _size(latent_dim=20, hidden=448, heads=7, joint_blocks=4, fused_blocks=8),
    "small_44k": _size(latent_dim=40, hidden=448, heads=7, joint_blocks=4, fused_blocks=8),
    "medium_44k": _size(latent_dim=40, hidden=896, heads=14, joint_blocks=4, fused_blocks=8),
    "large_44k": _size(latent_dim=40, hidden=896, heads=14, joint_blocks=7, fused_blocks=14),
    "large_44k_v2": _size(latent_dim=40, hidden=896, heads=14, joint_blocks=7, fused_blocks=14, version="v2"),
}
