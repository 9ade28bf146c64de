"""Which weights an objective's targets come from: the live ones, an average, or a snapshot of it.

Knows the state and the objective's protocol; no batches, no loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from soundvcm.objectives import LearnsFromSnapshot, Objective
from soundvcm.training.settings import LoopConfig
from soundvcm.training.state import TrainingState


def compiled(network: nn.Module, config: LoopConfig) -> Any:
    """The network as `config.compile` has its passes made."""
    return network if config.compile == "none" else torch.compile(network, backend=config.compile)


class Targets:
    """What the loop gives an objective as `frozen`.

    Args:
        config: of the loop.
        state: whose weights, averages and snapshot are meant.
        objective: of the run; one that learns from a snapshot gets it once its time has come.
        live: the network as it is trained, compiled where that is asked for.
        device: of the network.

    Attributes:
        frozen: what targets come from now.
    """

    def __init__(
        self, config: LoopConfig, state: TrainingState, objective: Objective, live: Any, device: torch.device
    ) -> None:
        self.config, self.state, self.device = config, state, device
        self.frozen: Any = live
        self.learner = objective if isinstance(objective, LearnsFromSnapshot) else None
        if config.targets == "average":
            self.frozen = compiled(state.ema.follower(state.network), config)
        self.take_up()

    @property
    def need_averages(self) -> bool:
        """Every process must keep the averages, not only the one that saves them."""
        return self.config.targets == "average" or self.learner is not None

    def at(self, progress: float) -> Any:
        """What targets come from at this share of the training; the snapshot is taken when it is due."""
        due = self.learner is not None and progress >= self.learner.snapshot_from
        if due and self.state.snapshot is None:
            self.frozen = compiled(self.state.keep_snapshot(), self.config)
        return self.frozen

    def keep(self) -> None:
        """Put what the objective keeps into the state, to be saved."""
        if self.learner is not None:
            self.state.kept = self.learner.state()

    def take_up(self) -> None:
        """Give the objective and its targets what a resumed state holds for them."""
        if self.learner is not None:
            self.learner.load(self.state.kept, self.device)
        if self.state.snapshot is not None:
            self.frozen = compiled(self.state.snapshot, self.config)
