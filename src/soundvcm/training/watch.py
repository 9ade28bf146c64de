"""What is worth watching while training: validation loss by time bin, and which half of the objective pulls.

Everything is measured on a fixed seed, so that two runs, or two moments of one, compare. Knows objectives
and batches
as functions; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from soundvcm.data.mixture import Batch, mixed_seed

if TYPE_CHECKING:
    from soundvcm.objectives import LossTerms, Objective

BINS = 5


@torch.no_grad()
def validation_loss(
    objective: Objective,
    network: nn.Module,
    draw: Callable[[int], Batch],
    *,
    frozen: nn.Module | None = None,
    batches: int,
    progress: float,
    seed: int,
    device: torch.device,
) -> dict[str, float]:
    """Unweighted mean squared error on fixed batches, noise and times, whole and by half and time bin.

    Args:
        objective: the run's objective.
        network: the one to judge.
        draw: step number -> batch of the validation split.
        frozen: what targets come from; the network itself if not given.
        batches: how many batches.
        progress: share of the training done (it sets lambda).
        seed: of times and noise; the same one gives the same draws.
        device: to compute on.

    Returns:
        "mse", "mse_velocity", "mse_consistency" and "mse_t0.0-0.2" ...; only those that have rows.
    """
    was_training = network.training
    network.eval()
    rows: dict[str, list[Tensor]] = {"mse": [], "t": [], "consistency": []}
    try:
        for step in range(batches):
            batch = draw(step).to(device)
            generator = torch.Generator().manual_seed(mixed_seed(seed, "validation", step))
            terms = objective(
                network,
                frozen or network,
                batch.data,
                batch.conditions,
                noise=batch.noise,
                progress=progress,
                generator=generator,
            )
            for name in rows:
                rows[name].append(terms.rows[name].detach().float().cpu())
    finally:
        network.train(was_training)
    mse, t, half = (torch.cat(rows[name]) for name in ("mse", "t", "consistency"))
    half = half.bool()
    found = {"mse": mse.mean().item()}
    parts = {"mse_velocity": ~half, "mse_consistency": half}
    for k in range(BINS):
        low, high = k / BINS, (k + 1) / BINS
        inside = (t >= low) & ((t < high) | (k == BINS - 1))
        parts[f"mse_t{low:.1f}-{high:.1f}"] = inside
    return found | {name: mse[mask].mean().item() for name, mask in parts.items() if bool(mask.any())}


def half_norms(terms: LossTerms, parameters: Sequence[Tensor]) -> dict[str, float]:
    """Gradient norms of the two halves of a loss, before their sum is taken; keeps the graph.

    How strongly velocity rows and consistency rows pull, which the loss value itself hides (p = 1).
    """
    found = {}
    half = terms.rows["consistency"].bool()
    for name, mask in (("velocity", ~half), ("consistency", half)):
        if bool(mask.any()):
            loss = terms.rows["loss"][mask].sum() / len(half)
            grads = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
            norms = torch._foreach_norm([grad for grad in grads if grad is not None])
            found[f"gradient_{name}"] = torch.stack(list(norms)).norm().item()
    return found


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bf16 autocast, or nothing for "fp32"."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()
