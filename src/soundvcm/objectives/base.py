"""What an objective is: a function of a network (itself seen only as a function) and a batch, giving a loss.

Holds the protocols, the record of a loss, and the one place where gradient-free passes are made: on gathered
rows only, several queries in one call. Knows neither time laws nor any objective in particular.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from soundvcm.errors import OptionError
from soundvcm.objectives.path import wide
from soundvcm.records import Conditions
from soundvcm.runtime import sent


class Velocity(Protocol):
    """(noisy [b n c], t [b], s [b], conditions, guidance [b]) => mean velocity [b n c] from t down to s.

    `s == t` asks for the instantaneous velocity. `guidance` is passed only to networks that take the guidance
    scale as an input.
    """

    def __call__(
        self, noisy: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        """Mean velocity [b, n, c]."""
        ...


@dataclass(frozen=True)
class LossTerms:
    """What one batch gave.

    Attributes:
        loss: scalar with gradient; the mean of `rows["loss"]`.
        rows: per row [b]: "loss" (weight * mse, with gradient), "mse" (unweighted), "t", "s",
            "consistency" (bool; False marks a velocity row, s = t) and "null" (bool: asked without any
            condition). A loop that wants the gradient norm of
            one half takes the gradient of `rows["loss"][rows["consistency"]].sum()`.
        measure: gives `watch`; until it is called, nothing waits for the device.
        of_batch: the rows are the clips of the batch, in its order.
    """

    loss: Tensor
    rows: dict[str, Tensor]
    measure: Callable[[], dict[str, float]] = dict
    of_batch: bool = True

    @property
    def watch(self) -> dict[str, float]:
        """Numbers worth logging: unweighted mse by half and by time bin, and what the objective adds."""
        return self.measure()

    def detached(self) -> LossTerms:
        """The same without the graph of the pass."""
        rows = {name: value.detach() for name, value in self.rows.items()}
        return LossTerms(self.loss.detach(), rows, self.measure, self.of_batch)


class Objective(Protocol):
    """(u, frozen, data, conditions) => LossTerms."""

    def __call__(
        self,
        u: Velocity,
        frozen: Velocity,
        data: Tensor,
        conditions: Conditions,
        *,
        noise: Tensor | None = None,
        progress: float,
        generator: torch.Generator,
    ) -> LossTerms:
        """The loss of one batch.

        Args:
            u: the network with gradient (maybe a DDP wrapper); called exactly once with gradient, on the
                whole batch.
            frozen: what targets come from, without wrapper: the same weights, or an average of them; called
                under no_grad, on gathered rows.
            data: [b, n, c] standardised latents (t = 0).
            conditions: of the same b rows.
            noise: [b, n, c] recorded noise (t = 1) of each row; None draws fresh noise.
            progress: share of the training done, 0 to 1.
            generator: the source of every draw, so that the same state gives the same loss.

        Raises:
            OptionError: if `progress` is outside [0, 1], or the objective needs recorded noise and has none.
            ShapeError: if the shapes do not fit each other.
        """
        ...


@runtime_checkable
class LearnsFromSnapshot(Protocol):
    """An objective whose `frozen` must be weights that stay as they were, and that keeps tensors itself.

    Attributes:
        snapshot_from: share of the training after which `frozen` is the snapshot.
    """

    snapshot_from: float

    def state(self) -> dict[str, Tensor]:
        """What it keeps from call to call, for a checkpoint."""
        ...

    def load(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Take up a saved state."""
        ...


@dataclass(frozen=True)
class FrozenQuery:
    """A gradient-free pass wanted on some rows of a batch.

    Attributes:
        index: [k] long on the CPU: which rows; their conditions and guidance are taken.
        noisy: [k, n, c] where to ask.
        t: [k] from this time.
        s: [k] down to this one.
        empty: ask without any condition (and with guidance 1).
    """

    index: Tensor
    noisy: Tensor
    t: Tensor
    s: Tensor
    empty: bool = False


def call(
    u: Velocity, noisy: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None
) -> Tensor:
    """One call of a network, the guidance given only where there is one."""
    if guidance is None:
        return u(noisy, t, s, conditions)
    return u(noisy, t, s, conditions, guidance=guidance)


@torch.no_grad()
def evaluate_frozen(
    frozen: Velocity,
    conditions: Conditions,
    guidance: Tensor | None,
    queries: Sequence[FrozenQuery],
    *,
    exact: bool = False,
    always: bool = False,
) -> list[Tensor]:
    """All queries in one gradient-free call on their rows together; [k, n, c] each, float32 or wider.

    Args:
        frozen: the network without gradient.
        conditions: of the whole batch.
        guidance: [b] of the whole batch, or None.
        queries: at least one; those with no rows cost nothing.
        exact: leave autocast, so that a float32 network computes in float32.
        always: call the network even if no row asks (sharded networks need the same calls on every process).
    """
    total = sum(len(question.index) for question in queries)
    if total == 0:
        if not always:
            return [wide(question.noisy) for question in queries]
        first, zero = queries[0], torch.zeros(1, dtype=torch.long)
        blank = first.noisy.new_zeros(1, *first.noisy.shape[1:])
        time = first.t.new_full((1,), 0.5)
        evaluate_frozen(frozen, conditions, guidance, [FrozenQuery(zero, blank, time, time)], exact=exact)
        return [wide(question.noisy) for question in queries]
    device = queries[0].noisy.device
    asked, scales = [], []
    for question in queries:
        index = sent(question.index, device)
        rows = conditions.rows(index)
        asked.append(rows.empty() if question.empty else rows)
        if guidance is not None:
            scales.append(torch.ones_like(guidance[index]) if question.empty else guidance[index])
    noisy = torch.cat([question.noisy for question in queries])
    t = torch.cat([question.t for question in queries])
    s = torch.cat([question.s for question in queries])
    scale = torch.cat(scales) if guidance is not None else None
    with torch.autocast(device.type, enabled=torch.is_autocast_enabled(device.type) and not exact):
        given = wide(call(frozen, noisy, t, s, Conditions.cat(asked), scale))
    return list(torch.split(given, [len(question.index) for question in queries]))


def check_progress(progress: float) -> None:
    """Refuse a share of the training outside [0, 1].

    Raises:
        OptionError: if it is outside, or not a number.
    """
    if not 0.0 <= progress <= 1.0:
        raise OptionError(f"progress is the share of the training done, 0 to 1, not {progress}")
