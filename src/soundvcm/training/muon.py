"""Muon: matrices move by their orthogonalised momentum, everything else by AdamW.

    momentum M => nearest matrix with equal singular values (Newton-Schulz) => step of AdamW's usual size

Adam's step follows the few strong directions of a gradient matrix; with equal singular values the weak ones are
learned as fast (Jordan et al. 2024; the scale that fits AdamW's rates: Liu et al. 2025, "Muon is scalable for
LLM training", section 2.2). Knows tensors only; each must be whole, so not for shared-out networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

#: of the quintic a x + b x^3 + c x^5, applied to all singular values at once; five rounds bring [0.01, 1] near 1
QUINTIC = (3.4445, -4.7750, 2.0315)
ROUNDS = 5
UPDATE_RMS = 0.2  # of an AdamW update, as measured by Liu et al.; so both kinds share one learning rate


def orthogonalised(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """[k, rows, columns] -> the same directions with all singular values about 1 (within .7 to 1.2).

    Args:
        matrices: any scale; a zero matrix stays zero.
        dtype: number format of the products; bfloat16 is enough and several times faster where the machine
            has it.
    """
    a, b, c = QUINTIC
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = (x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-12)).to(dtype)
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """One step for all parameters of a network, with one learning rate.

    Args:
        parameters: everything that is trained, in one group.
        matrices: those of them that are moved by Muon, with two or more dimensions; dimensions after the first
            count as one.
        lr: learning rate.
        momentum: decay of the matrices' momentum (Nesterov).
        betas: decay of AdamW's two moments, for the others.
        eps: added to the root of AdamW's second moment.
        weight_decay: decoupled, of all.
        dtype: number format of the orthogonalisation.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        matrices: Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "betas": betas, "eps": eps, "weight_decay": weight_decay
        }  # fmt: skip
        super().__init__(list(parameters), defaults)
        self.dtype = dtype
        self.matrices = {id(value) for value in matrices}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; `closure` is not supported and must be None."""
        assert closure is None
        for group in self.param_groups:
            moved = [value for value in group["params"] if value.grad is not None]
            torch._foreach_mul_(moved, 1 - group["lr"] * group["weight_decay"])
            self._step_matrices([value for value in moved if id(value) in self.matrices], group)
            self._step_others([value for value in moved if id(value) not in self.matrices], group)

    def _step_matrices(self, moved: list[nn.Parameter], group: dict[str, Any]) -> None:
        by_shape: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = {}
        for value in moved:
            state = self.state[value]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(value)
            state["momentum"].lerp_(value.grad, 1 - group["momentum"])
            ahead = torch.lerp(value.grad, state["momentum"], group["momentum"]).flatten(1)  # type: ignore[arg-type]
            by_shape.setdefault((ahead.shape[0], ahead.shape[1]), []).append((value, ahead))
        for shape, pairs in by_shape.items():
            rate = group["lr"] * UPDATE_RMS * max(shape) ** 0.5
            updates = orthogonalised(torch.stack([ahead for _, ahead in pairs]), self.dtype)
            for (value, _), update in zip(pairs, updates, strict=True):
                value.sub_(update.view_as(value), alpha=rate)

    def _step_others(self, moved: list[nn.Parameter], group: dict[str, Any]) -> None:
        first, second = group["betas"]
        for value in moved:
            state = self.state[value]
            if "step" not in state:
                state["step"] = torch.zeros(())
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(value), torch.zeros_like(value)
            grad = value.grad
            assert grad is not None
            state["step"] += 1
            count = float(state["step"])
            state["exp_avg"].lerp_(grad, 1 - first)
            state["exp_avg_sq"].mul_(second).addcmul_(grad, grad, value=1 - second)
            root = (state["exp_avg_sq"] / (1 - second**count)).sqrt_().add_(group["eps"])
            value.addcdiv_(state["exp_avg"], root, value=-group["lr"] / (1 - first**count))
