"""The reference's names and orders of weights, translated both ways; the errors that say what does not fit.

The reference interleaves queries, keys and values row by row and rotates neighbouring channels; we keep each
contiguous, and keep convolutions as [out, kernel, in]. Works on names, shapes and tensors; builds no
network.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from soundvcm.errors import WeightsError
from soundvcm.network.config import NetworkConfig

#: Buffers that older public files hold although they are computed; dropped before the strict comparison.
COMPUTED = ("t_embed.freqs", "latent_rot", "clip_rot")

_TOP = {
    "latent_mean": "latent_mean",
    "latent_std": "latent_std",
    "conditions.empty_semantic": "empty_clip_feat",
    "conditions.empty_sync": "empty_sync_feat",
    "conditions.empty_text": "empty_string_feat",
    "conditions.sync_position": "sync_pos_emb",
}
_PREFIXES = {
    "latent_in.first.": "audio_input_proj.0.",
    "latent_in.mlp.": "audio_input_proj.2.",
    "conditions.semantic_in.first.": "clip_input_proj.0.",
    "conditions.sync_in.first.": "sync_input_proj.0.",
    "conditions.sync_in.mlp.": "sync_input_proj.2.",
    "conditions.text_in.first.": "text_input_proj.0.",
    "conditions.semantic_pool.": "clip_cond_proj.",
    "conditions.text_pool.": "text_cond_proj.",
    "conditions.global_mlp.": "global_cond_mlp.",
    "time.first.inner.": "t_embed.mlp.0.",
    "time.first.outer.": "t_embed.mlp.2.",
    "final.modulation.": "final_layer.adaLN_modulation.1.",
    "final.conv.": "final_layer.conv.",
}
_STREAMS = {"latent": "latent_block", "semantic": "clip_block", "text": "text_block"}
_PARTS = {"attention": "attn", "modulation": "adaLN_modulation.1", "out": "linear1", "ffn": "ffn"}


def reference_name(name: str, config: NetworkConfig) -> str | None:
    """The reference's name of one of our weights; None for weights the reference does not have."""
    if name in _TOP:
        return _TOP[name]
    dense = "1" if config.version == "v1" else "2"
    prefixes = {
        **_PREFIXES,
        "conditions.semantic_in.mlp.": f"clip_input_proj.{dense}.",
        "conditions.text_in.mlp.": f"text_input_proj.{dense}.",
    }
    for ours, theirs in prefixes.items():
        if name.startswith(ours):
            return theirs + name[len(ours) :]
    words = name.split(".")
    if words[0] == "joint":
        head = ["joint_blocks", words[1], _STREAMS[words[2]]]
        rest = words[3:]
    elif words[0] == "fused":
        head, rest = ["fused_blocks", words[1]], words[2:]
    else:
        return None
    return ".".join([*head, _PARTS[rest[0]], *rest[1:]])


def from_reference(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor], config: NetworkConfig
) -> dict[str, Tensor]:
    """Our names and orders for a reference state dict.

    Args:
        state: the reference's weights; its three computed buffers are dropped.
        own: our network's state dict, for the names and shapes that must be met.
        config: of our network.

    Returns:
        One tensor for each of our weights that the reference has, in the formats of `state`. For a two-time
        network whose sinusoids are concatenated, the columns of the second time are zero.

    Raises:
        WeightsError: one line naming what is missing, unexpected or of another shape.
    """
    names = {theirs: ours for ours in own if (theirs := reference_name(ours, config)) is not None}
    given = {name: value for name, value in state.items() if name not in COMPUTED}
    if config.two_time and config.time_embed == "concat" and "t_embed.mlp.0.weight" in given:
        first = given["t_embed.mlp.0.weight"]
        given["t_embed.mlp.0.weight"] = torch.cat([first, torch.zeros_like(first)], dim=1)
    missing = [name for name in names if name not in given]
    unexpected = [name for name in given if name not in names]
    shapes = [
        f"{name} {tuple(given[name].shape)} instead of {shape}"
        for name, ours in names.items()
        if name in given and tuple(given[name].shape) != (shape := _reference_shape(own[ours], ours))
    ]
    _refuse(missing, unexpected, shapes)
    return {ours: _reordered(theirs, given[theirs], config, back=False) for theirs, ours in names.items()}


def to_reference(state: Mapping[str, Tensor], config: NetworkConfig) -> dict[str, Tensor]:
    """The reference's names and orders for our state dict; weights it does not have are left out."""
    found = {}
    for ours, value in state.items():
        theirs = reference_name(ours, config)
        if theirs is not None:
            found[theirs] = _reordered(theirs, value, config, back=True)
    return found


def _refuse(missing: list[str], unexpected: list[str], shapes: list[str]) -> None:
    def some(names: list[str]) -> str:
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

    said = [
        f"{len(names)} {what} ({some(names)})"
        for names, what in ((missing, "missing"), (unexpected, "unexpected"), (shapes, "of another shape"))
        if names
    ]
    if said:
        raise WeightsError("these weights belong to another network: " + "; ".join(said))


def _is_convolution(name: str, value: Tensor) -> bool:
    return value.dim() == 3 and name.endswith(".weight")


def _reference_shape(value: Tensor, name: str) -> tuple[int, ...]:
    shape = tuple(value.shape)
    return (shape[0], shape[2], shape[1]) if _is_convolution(name, value) else shape


def _reordered(name: str, value: Tensor, config: NetworkConfig, *, back: bool) -> Tensor:
    """Taps of convolutions, rows of qkv, channels of head norms: to our order (or back)."""
    if _is_convolution(name, value):
        return value.transpose(1, 2).contiguous()
    width = config.hidden // config.heads
    halves = torch.cat([torch.arange(0, width, 2), torch.arange(1, width, 2)])
    if name.endswith(("q_norm.weight", "k_norm.weight")):
        order = halves
    elif ".attn.qkv." in name:
        rows = torch.arange(3 * config.hidden).view(config.heads, width, 3)
        order = torch.stack([rows[:, halves, 0], rows[:, halves, 1], rows[:, :, 2]]).flatten()
    else:
        return value
    order = (torch.argsort(order) if back else order).to(value.device)
    return value[order]
