"""Guidance trained into the velocity: v => v_mix. Section 3.3 of the paper, lines 4 and 5 of Algorithm 1.

Stands outside every objective and is shared by them. Knows nothing of targets for s < t.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from soundvcm.objectives.base import FrozenQuery, Velocity, evaluate_frozen
from soundvcm.objectives.path import column, wide
from soundvcm.objectives.rows import PairsConfig, Rows
from soundvcm.runtime import sent


@dataclass(frozen=True)
class Guided:
    """Velocities of a batch after guidance.

    Attributes:
        mixed: [b, n, c] v_mix.
        own: [b, n, c] the network's own guided velocity sg u(x_t, t, t, c) where it was asked for, else
            v_mix.
    """

    mixed: Tensor
    own: Tensor


def gate(t: Tensor, config: PairsConfig) -> Tensor:
    """How much of the guidance acts at time t, [b]: 1 inside the interval, 0 outside."""
    return ((t >= config.guidance_from) & (t <= config.guidance_until)).to(t.dtype)


def mix_velocity(
    config: PairsConfig, frozen: Velocity, rows: Rows, prediction: Tensor, *, want_own: bool = False
) -> Guided:
    """Step 3: v_mix = m (w v + (1 - w) v_uncond) + (1 - m) v_guided (Equation 16), per row.

    Null rows and rows outside the guidance interval keep v_mix = v, except that with `want_own` consistency
    rows there are mixed too (w = 1): the same mean, less variance. v_uncond is asked where w is not 1;
    v_guided only on consistency rows, because on velocity rows it is the prediction itself. Both in one call
    of `frozen`.

    Args:
        config: guidance settings.
        frozen: the network without gradient.
        rows: the batch.
        prediction: [b, n, c] u(x_t, t, s, c) of the pass with gradient.
        want_own: ask v_guided on every consistency row, for a look-ahead with the network's own velocity.
    """
    acting = torch.where(rows.null, 0.0, gate(rows.times.t, config))
    scale = 1 + (rows.scale - 1) * acting
    guided = acting > 0
    asks_own = rows.times.consistency & ((guided & (config.mix < 1)) | want_own)
    empty, own = (mask.nonzero().flatten() for mask in (guided & (scale != 1), asks_own))
    queries = []
    for index, is_empty in ((empty, True), (own, False)):
        there = sent(index, rows.device)
        time = rows.t[there]
        queries.append(FrozenQuery(index, rows.noisy[there], time, time, empty=is_empty))
    answers = evaluate_frozen(frozen, rows.conditions, rows.guidance, queries, always=config.equal_calls)

    velocity = wide(rows.velocity)
    v_uncond = velocity.index_copy(0, sent(empty, rows.device), answers[0])
    v_guided = wide(prediction.detach()).index_copy(0, sent(own, rows.device), answers[1])
    w, m = column(scale, velocity), torch.tensor(config.mix, dtype=velocity.dtype)
    mixed = m * (w * velocity + (1 - w) * v_uncond) + (1 - m) * v_guided
    is_mixed = guided | (rows.times.consistency & want_own)
    mixed = torch.where(column(is_mixed, velocity) > 0, mixed, velocity)
    known = asks_own | ~rows.times.consistency
    return Guided(mixed, torch.where(column(known, velocity) > 0, v_guided, mixed))
