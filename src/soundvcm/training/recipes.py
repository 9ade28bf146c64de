"""Every named training recipe: what `soundvcm train NAME` does, three lines a variant.

    paper: section 4.3 to the letter; tiny: the embedded network from drawn scenes; finetune: on own clips

Why the tiny recipe departs from the paper is in docs/decisions.md. Knows no command line.
"""

from __future__ import annotations

from collections.abc import Callable

from soundvcm.config import nearest
from soundvcm.data.mixture import MixtureConfig
from soundvcm.errors import OptionError
from soundvcm.network import NetworkConfig
from soundvcm.objectives import VelocityConsistencyConfig
from soundvcm.systems.loading import tiny_network
from soundvcm.training.settings import LoopConfig, OptimizerConfig, ScheduleConfig, TrainingConfig


def paper() -> TrainingConfig:
    """Section 4.3: 300,000 steps of 512 rows, AdamW 1e-4, r = .75, w = 4, lambda from 1/10 to 1/500."""
    return TrainingConfig(network=NetworkConfig(), objective=VelocityConsistencyConfig(), loop=LoopConfig())


def tiny() -> TrainingConfig:
    """The embedded network: float32, flow matching first, then consistency with pinned ends, guidance 2."""
    return TrainingConfig(
        network=tiny_network(),
        objective=VelocityConsistencyConfig(
            ratio=0.5,
            endpoint_share=0.25,
            guidance=2.0,
            mix=0.25,
            warm_start=0.35,
            time_mean=1.0,
            time_std=1.4,
            guidance_until=1.0,
            modality_dropout=0.3,
            power=0.5,
            lambda_start=1.0,
            lambda_end=0.02,
        ),
        data=MixtureConfig(crop_seconds=(2.0, 4.0, 2.0, 4.0, 2.0, 8.0), emphasis=0.5),
        loop=LoopConfig(
            steps=6000,
            rows=32,
            precision="fp32",
            optimizer=OptimizerConfig(rate=1e-3, betas=(0.9, 0.98), eps=1e-8, weight_decay=1e-4),
            schedule=ScheduleConfig(kind="cosine", warmup_steps=200, floor=0.02),
            sigma_rels=(0.05, 0.1),
            snapshot_steps=500,
            checkpoint_steps=500,
            checkpoint_minutes=10,
            log_steps=50,
            validation_steps=500,
            validation_batches=4,
        ),
    )


def finetune() -> TrainingConfig:
    """On one's own clips from trained weights: a fifth of the rate, few steps, no warm start."""
    base = tiny()
    changes = {
        "objective.warm_start": 0.0,
        "loop.steps": 1000,
        "loop.optimizer.rate": 2e-4,
        "loop.schedule.warmup_steps": 50,
    }
    return base.change(changes)


RECIPES: dict[str, Callable[[], TrainingConfig]] = {"paper": paper, "tiny": tiny, "finetune": finetune}


def recipe(name: str) -> TrainingConfig:
    """A recipe by name.

    Raises:
        OptionError: for an unknown name, with the nearest one.
    """
    if name not in RECIPES:
        raise OptionError(f"no recipe {name!r}{nearest(name, RECIPES)}")
    return RECIPES[name]()
