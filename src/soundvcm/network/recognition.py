"""Which network a reference state dict is of, read off its names and shapes (MMAudio's state dicts).

For files given by path, whose size nobody says. Knows names and shapes; builds no network, reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from soundvcm.errors import WeightsError
from soundvcm.network.config import NetworkConfig


def recognise(state: Mapping[str, Tensor]) -> NetworkConfig:
    """The mirrored single-time configuration that a reference state dict fits.

    Args:
        state: weights under the reference's names; further names are left to the strict load.

    Returns:
        The configuration; kernels are the reference's.

    Raises:
        WeightsError: if these are not weights of such a network.
    """
    try:
        hidden, time_width = state["t_embed.mlp.0.weight"].shape
        head = state["fused_blocks.0.attn.q_norm.weight"].shape[0]
        inner = state["fused_blocks.0.ffn.w1.weight"].shape[0]
        tokens, text_dim = state["empty_string_feat"].shape
        version = "v2" if "clip_input_proj.2.w1.weight" in state else "v1"
        values = {
            "latent_dim": state["latent_mean"].shape[-1],
            "semantic_dim": state["empty_clip_feat"].shape[-1],
            "sync_dim": state["empty_sync_feat"].shape[-1],
            "text_dim": text_dim,
            "hidden": hidden,
            "heads": hidden // head,
            "joint_blocks": _count(state, "joint_blocks"),
            "fused_blocks": _count(state, "fused_blocks"),
            "text_tokens": tokens,
            "segment_tokens": state["sync_pos_emb"].shape[2],
            "version": version,
            "second_time": "none",
            "mirrored": True,
        }
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else "shapes of another kind"
        raise WeightsError(f"these are not weights of an MMAudio network ({what})") from None
    config = NetworkConfig.build(values)
    if config.time_width != time_width:
        config = config.change({"time_features": time_width})
    if config.mlp_hidden != inner:
        config = config.change({"mlp_multiple": inner})
    return config


def _count(state: Mapping[str, Tensor], group: str) -> int:
    numbers = {int(found[1]) for name in state if (found := re.match(rf"{group}\.(\d+)\.", name))}
    return len(numbers)
