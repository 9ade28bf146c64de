"""Low-rank adapters (LoRA): the blocks' weights stay as they are, a product of two thin matrices is learned.

    W + B A, W [out, ...] frozen, A [rank, in], B [out, rank] beginning with zeros

For fine-tuning large sizes: moments and averages are those of A and B only. Merged, the network is an
ordinary one; alone, A and B make a small file. Knows modules and state dicts; nothing of training.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from soundvcm.errors import OptionError, WeightsError
from soundvcm.network.blocks import TimeConv
from soundvcm.network.model import VelocityNetwork

_ORIGINAL, _DOWN, _UP = (f".parametrizations.weight.{name}" for name in ("original", "0.down", "0.up"))


class _LowRank(nn.Module):
    """weight -> weight + up @ down, in the weight's shape.

    Attributes:
        down: [rank, in], drawn like a linear layer's weight.
        up: [out, rank], zeros at first.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.flatten(1).shape
        self.down = nn.Parameter(torch.empty(rank, columns, device=weight.device))
        self.up = nn.Parameter(torch.zeros(rows, rank, device=weight.device))
        nn.init.uniform_(self.down, -(columns**-0.5), columns**-0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """The adapted weight."""
        return weight + (self.up @ self.down).view_as(weight)


def add_adapters(network: VelocityNetwork, rank: int) -> None:
    """Freeze a network and give each matrix of its blocks an adapter; a new second time stays trainable.

    Raises:
        OptionError: for a rank below 1 or above what the smallest matrix has.
    """
    inside = [module for blocks in (network.joint, network.fused) for module in blocks.modules()]
    adapted = [module for module in inside if isinstance(module, nn.Linear | TimeConv)]
    most = min(min(module.weight.flatten(1).shape) for module in adapted)
    if not 1 <= rank <= most:
        raise OptionError(f"the rank of adapters is 1 .. {most} for this network, not {rank}")
    network.requires_grad_(False)
    for module in adapted:
        parametrize.register_parametrization(module, "weight", _LowRank(module.weight, rank))
    if network.time.second is not None:  # of an adopted network it is not trained yet
        network.time.second.requires_grad_(True)


def merged(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with its adapters added to the weights, under the names of a network without them."""
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith(_ORIGINAL):
            stem = name.removesuffix(_ORIGINAL)
            change = state[stem + _UP].float() @ state[stem + _DOWN].float()
            found[f"{stem}.weight"] = value + change.view_as(value).to(value.dtype)
        elif not name.endswith((_DOWN, _UP)):
            found[name] = value
    return found


def adapters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of a state dict, the adapters and what was trained beside them: enough to make the network again."""
    kept = {name: value for name, value in state.items() if name.endswith((_DOWN, _UP))}
    if not kept:
        raise OptionError("these weights hold no adapters: they were not trained with a rank")
    return kept | {name: value for name, value in state.items() if name.startswith("time.second.")}


def with_adapters(base: Mapping[str, Tensor], small: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network without adapters, from its base and what `adapters` kept.

    Raises:
        WeightsError: if the base has no such matrices.
    """
    whole = dict(base)
    for name, up in small.items():
        if name.endswith(_UP):
            stem = name.removesuffix(_UP)
            weight = base.get(f"{stem}.weight")
            if weight is None or len(weight) != len(up):
                raise WeightsError(f"these adapters are of another network: no {stem} of {len(up)} rows")
            change = up.float() @ small[stem + _DOWN].float()
            if change.numel() != weight.numel():
                raise WeightsError(f"these adapters are of another network: {stem} has another shape")
            whole[f"{stem}.weight"] = weight.float() + change.view_as(weight)
        elif not name.endswith(_DOWN):
            whole[name] = up
    return whole
