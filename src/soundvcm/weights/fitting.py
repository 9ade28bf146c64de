"""Strict loading: tensors into a module, with one line naming what is missing, unexpected or misshapen.

A module built on the meta device takes the tensors themselves, so no weight exists twice. Knows no module in
particular.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from soundvcm.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

Network = TypeVar("Network", bound="nn.Module")


def fit(module: nn.Module, tensors: Mapping[str, Tensor], what: str, *, drop: Iterable[str] = ()) -> None:
    """Load tensors into a module, every name and every shape.

    Args:
        module: on any device, also "meta".
        tensors: name => tensor.
        what: what the weights are called, for the message.
        drop: names that may be there and are ignored.

    Raises:
        WeightsError: one line with the first names that are missing, unexpected or of another shape.
    """
    dropped = set(drop)
    given = {name: value for name, value in tensors.items() if name not in dropped}
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in given]
    unexpected = [name for name in given if name not in wanted]
    other = [
        f"{name} {list(given[name].shape)} instead of {list(wanted[name].shape)}"
        for name in wanted
        if name in given and given[name].shape != wanted[name].shape
    ]
    wrong = [
        _some(label, names)
        for label, names in (("missing", missing), ("unexpected", unexpected), ("shape", other))
        if names
    ]
    if wrong:
        raise WeightsError(f"{what} does not fit {type(module).__name__}: {'; '.join(wrong)}")
    module.load_state_dict(given, strict=True, assign=any(value.is_meta for value in wanted.values()))


def built(
    make: Callable[[], Network], tensors: Mapping[str, Tensor], what: str, *, drop: Iterable[str] = ()
) -> Network:
    """A network for use, frozen, in evaluation mode: made without memory of its own, it takes the tensors
    themselves.

    Args:
        make: builds the network.
        tensors: as for `fit`.
        what: as for `fit`.
        drop: as for `fit`.

    Raises:
        WeightsError: as `fit`.
    """
    import torch

    with torch.device("meta"):  # a gigabyte of weights exists once
        network = make()
    fit(network, tensors, what, drop=drop)
    return network.eval().requires_grad_(False)


def _some(label: str, names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{label}: {', '.join(names[:3])}{more}"
