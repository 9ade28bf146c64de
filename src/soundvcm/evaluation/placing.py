"""Networks of scores on a GPU: waves and spectra stay on the CPU, each pass goes there and back.

Knows modules and tensors; no network by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from soundvcm.runtime import sent

CPU = torch.device("cpu")
Module = TypeVar("Module", bound=nn.Module)


def placed(module: Module, device: torch.device) -> Module:
    """The module on a device, which takes tensors of the CPU and gives such back; on the CPU as it is."""
    if device.type == "cpu" or getattr(module, "placed_on", CPU) == device:
        return module

    def there(_: nn.Module, given: Any, named: Any) -> Any:
        move = _each(lambda value: sent(value, device))
        return move(given), move(named)

    module.to(device)
    module.register_forward_pre_hook(there, with_kwargs=True)
    module.register_forward_hook(lambda _, given, out: _each(Tensor.cpu)(out))
    module.placed_on = device  # type: ignore[assignment]
    return module


def _each(change: Callable[[Tensor], Tensor]) -> Callable[[Any], Any]:
    return lambda values: tree_map(lambda v: change(v) if isinstance(v, Tensor) else v, values)


class Batched:
    """An extractor that takes several waves in one pass.

    Args:
        inputs: wave [s] => what the network takes, [k, ...].
        network: [b, ...] => outputs, each [b, ...].
        outputs: outputs of one wave, each [k, ...] => its features.
    """

    def __init__(
        self,
        inputs: Callable[[Tensor], Tensor],
        network: Callable[[Tensor], Any],
        outputs: Callable[..., dict[str, Tensor]],
    ) -> None:
        self.inputs, self.network, self.outputs = inputs, network, outputs

    def __call__(self, wave: Tensor) -> dict[str, Tensor]:
        """Features of one wave."""
        return self.many([wave])[0]

    @torch.inference_mode()
    def many(self, waves: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        """Features of each wave."""
        parts = [self.inputs(wave) for wave in waves]
        found = self.network(torch.cat(parts))
        columns = found if isinstance(found, tuple) else (found,)
        split = [torch.split(column, [len(part) for part in parts]) for column in columns]
        return [self.outputs(*row) for row in zip(*split, strict=True)]
