"""A stand-in for a Mac's GPU: tensors that say they are on "mps", and refuse what MPS lacks.

Each holds an ordinary tensor, on which the operation runs; results are those of the CPU. Refused are 64-bit
floating point numbers, operators without a kernel for MPS (PyTorch 2.6, the oldest that is allowed), and
tensors of the two devices in one operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

MPS, CPU = torch.device("mps"), torch.device("cpu")
WIDE = (torch.float64, torch.complex128)
#: operators that MPS has not, or not with these arguments (grid_sampler with a repeated border: mode 1)
MISSING = {
    "_linalg_solve_ex",
    "_linalg_eigh",
    "_linalg_svd",
    "linalg_eig",
    "grid_sampler_2d",
    "_upsample_bicubic2d_aa",
    "_upsample_bilinear2d_aa",
    "upsample_trilinear3d",
    "avg_pool3d",
    "median",
    "histc",
    "cummax",
}
#: reads of single numbers, which copy to the CPU by themselves
SCALARS = (Tensor.__float__, Tensor.__int__, Tensor.__bool__, Tensor.__index__, Tensor.item, Tensor.tolist)

#: calls that only speak of devices
NAMING = (torch.device, torch._C._nn._parse_to)
#: calls that PyTorch begins before it asks the tensor
UNSEEN = (Tensor.__getitem__, Tensor.__setitem__, Tensor.nonzero, Tensor.__invert__)


class OnMPS(Tensor):
    """A tensor that says it is on MPS."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnMPS:
        if held.dtype in WIDE:
            raise TypeError(f"MPS has no {held.dtype}")
        made: OnMPS = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=MPS,
            requires_grad=False,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatched(func, args, kwargs or {})

    def __repr__(self) -> str:  # type: ignore[override]
        return f"OnMPS({self.held!r})"


def dispatched(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operator on what the tensors hold, and refuse what MPS would."""
    leaves, form = tree_flatten((args, kwargs))
    here = any(isinstance(leaf, OnMPS) for leaf in leaves)
    target = kwargs.get("device")
    name = func._schema.name.removeprefix("aten::")
    moves = name in ("_to_copy", "copy_", "_local_scalar_dense", "equal")
    if here and not moves:
        if name in MISSING:
            raise NotImplementedError(f"The operator {name} is not implemented for the MPS device")
        if any(type(leaf) is Tensor and leaf.dim() > 0 for leaf in leaves):
            raise RuntimeError(f"{name}: tensors on the CPU and on MPS")
    plain = [leaf.held if isinstance(leaf, OnMPS) else leaf for leaf in leaves]
    given, named = tree_unflatten(plain, form)
    result = func(*given, **named)
    if name == "copy_" or name.endswith("_") and not name.endswith("__"):
        return args[0]
    stays = here and target is None
    return tree_map(lambda one: OnMPS(one) if stays and isinstance(one, Tensor) else one, result)


def _is_mps(leaf: object) -> bool:
    return leaf == MPS if isinstance(leaf, torch.device) else isinstance(leaf, str) and leaf == "mps"


class _Mode(TorchFunctionMode):
    """Takes the name "mps" out of calls before PyTorch, which has no such device here, sees it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves, form = tree_flatten((args, kwargs or {}))
        if func in SCALARS and isinstance(args[0], OnMPS):
            return func(args[0].held)
        if func in UNSEEN and isinstance(args[0], OnMPS):  # indexing gives a view of what is held
            found = func(*tree_map(lambda one: one.held if isinstance(one, OnMPS) else one, args))
            return tree_map(lambda one: OnMPS(one) if isinstance(one, Tensor) else one, found)
        if func is Tensor.to and len(args) > 1 and isinstance(args[1], OnMPS):
            same = args[0].to(args[1].dtype)
            return same if isinstance(same, OnMPS) else OnMPS(same)
        if func in NAMING or not any(map(_is_mps, leaves)):
            return func(*args, **(kwargs or {}))
        plain = [CPU if _is_mps(leaf) else leaf for leaf in leaves]
        given, named = tree_unflatten(plain, form)
        if func is Tensor.to and isinstance(given[0], OnMPS):
            given = (given[0], *(one for one in given[1:] if one != CPU))
            named = {key: value for key, value in named.items() if key != "device"}
            return func(*given, **named) if len(given) > 1 or named else given[0]
        result = func(*given, **named)
        return tree_map(
            lambda one: OnMPS(one) if isinstance(one, Tensor) and not isinstance(one, OnMPS) else one, result
        )


@contextmanager
def pretended_mps() -> Iterator[None]:
    """Within, "mps" is a device."""
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with torch.no_grad(), _Mode():
            yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)
