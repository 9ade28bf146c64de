"""How far a run is, the learning rate there, and what happened since the last log line.

Pure functions of step and time spent, and sums of numbers; knows nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from soundvcm.training.settings import LoopConfig, ScheduleConfig
from soundvcm.training.view import Progress

#: the paper's step schedule (section 4.3): 240k and 270k of 300k steps
MILESTONES, STEP_FACTOR = (0.8, 0.9), 0.1


def progress_at(config: LoopConfig, step: int, seconds: float) -> float:
    """Share of the run done, 0 to 1: steps, or minutes spent, whichever is further."""
    by_steps = step / config.steps if config.steps else 0.0
    by_time = seconds / (60 * config.max_minutes) if config.max_minutes else 0.0
    return min(1.0, max(by_steps, by_time))


def rate_factor(schedule: ScheduleConfig, step: int, progress: float) -> float:
    """Learning rate at a step (from 0), as a factor of the peak (section 4.3)."""
    warm = min(1.0, (step + 1) / (schedule.warmup_steps + 1))
    if schedule.kind == "step":
        return warm * STEP_FACTOR ** sum(progress >= milestone for milestone in MILESTONES)
    if schedule.kind == "cosine":
        if schedule.restart:
            later = progress >= schedule.restart
            begin, share = (schedule.restart, 1 - schedule.restart) if later else (0.0, schedule.restart)
            progress = (progress - begin) / share
        return warm * (schedule.floor + (1 - schedule.floor) * 0.5 * (1 + math.cos(math.pi * progress)))
    return warm


@dataclass
class Recent:
    """Sums over the good steps since the last log line."""

    loss_sum: float = 0.0
    norm_sum: float = 0.0
    good: int = 0
    measure: Callable[[], dict[str, float]] = dict

    def add(self, loss: float, norm: float) -> None:
        """One good step."""
        self.loss_sum += loss
        self.norm_sum += norm
        self.good += 1

    @property
    def loss(self) -> float:
        """Mean loss; NaN if there was no good step."""
        return self.loss_sum / self.good if self.good else math.nan

    @property
    def norm(self) -> float:
        """Mean gradient norm before clipping; NaN if there was no good step."""
        return self.norm_sum / self.good if self.good else math.nan

    def line(self, progress: Progress) -> dict[str, Any]:
        """The values of a `train` line."""
        told = {
            "loss": self.loss,
            "gradient_norm": self.norm,
            "rate": progress.rate,
            "progress": progress.progress,
            "seconds": progress.seconds,
            "rows_per_second": progress.rows_per_second,
            "bad_steps": progress.bad_steps,
        }
        return told | self.measure()


def progress_of(
    config: LoopConfig,
    *,
    now: tuple[int, float],
    first: tuple[int, float],
    loss: float,
    rate: float,
    bad_steps: int,
) -> Progress:
    """Where a run is; speed and time left from what this process has seen of it.

    Args:
        config: of the loop.
        now: step and seconds spent training, over all resumes.
        first: the same when this process began.
        loss: mean loss since the last report.
        rate: learning rate.
        bad_steps: steps skipped so far.
    """
    (step, seconds), done = now, progress_at(config, *now)
    spent, gained = max(1e-9, seconds - first[1]), done - progress_at(config, *first)
    return Progress(
        step=step,
        steps=config.steps if config.max_minutes is None else None,
        progress=done,
        loss=loss,
        rate=rate,
        rows_per_second=(step - first[0]) * config.rows / spent,
        seconds=seconds,
        left_seconds=(1 - done) * spent / gained if gained > 0 else math.inf,
        bad_steps=bad_steps,
    )
