"""How far a run is, and the learning rate there: pure functions of step and time spent.

Knows numbers only.
"""

from __future__ import annotations

import math

from soundvcm.training.settings import LoopConfig, ScheduleConfig

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
