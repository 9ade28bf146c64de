"""What the loop shows to others: where batches come from, where a run is, what a hook sees, how a call ended.

Records and protocols only; they do nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from soundvcm.data.mixture import Batch
from soundvcm.training.logbook import Logbook
from soundvcm.training.state import TrainingState


class Data(Protocol):
    """Where batches come from; `soundvcm.data.mixture.Mixture` is one."""

    def batch(self, step: int, part: int = 0, parts: int = 1) -> Batch:
        """Part of the batch of a step, a pure function of its arguments."""
        ...

    def ids(self, step: int) -> list[str]:
        """Clip ids of the whole batch of a step."""
        ...

    def caption(self, clip: str) -> str:
        """What a clip is told, in words."""
        ...


@dataclass(frozen=True)
class Progress:
    """Where a run is, for a progress line.

    Attributes:
        step: steps done.
        steps: steps in all, or None where time decides.
        progress: share of the run done.
        loss: mean loss since the last report.
        rate: learning rate.
        rows_per_second: speed since this process began.
        seconds: time spent training, over all resumes.
        left_seconds: estimated time left.
        bad_steps: steps skipped so far.
    """

    step: int
    steps: int | None
    progress: float
    loss: float
    rate: float
    rows_per_second: float
    seconds: float
    left_seconds: float
    bad_steps: int


@dataclass(frozen=True)
class View:
    """What a hook sees: the state between two steps, and the log.

    A hook gets the network in training mode and may change nothing; global random states are put back after
    it. Hooks are called by the leading process; where the network is shared out (FSDP2), by every process,
    since all must take part in its passes: then only the one that `leads` writes files.
    """

    step: int
    progress: float
    state: TrainingState
    logbook: Logbook
    run_dir: Path
    device: torch.device
    leads: bool = True

    @property
    def network(self) -> nn.Module:
        """The network with the weights as trained."""
        return self.state.network

    @contextmanager
    def averaged(self, sigma_rel: float | None = None) -> Iterator[nn.Module]:
        """The network with the averaged weights of a tracked width (default: the first), inside the block."""
        with self.state.averaged(sigma_rel) as network, torch.no_grad():
            yield network

    def weights(self, sigma_rel: float | None = None) -> dict[str, Tensor]:
        """Averaged weights and buffers, whole, on the CPU: for another network; {} where not leading."""
        return self.state.averages(sigma_rel, keep=self.leads)


Hook = Callable[[View], Mapping[str, float] | None]


@dataclass(frozen=True)
class Result:
    """How a call of `train` ended.

    Attributes:
        step: steps done.
        finished: the run is complete; False if it was asked to stop (run the same command again).
        seconds: time spent training, over all resumes.
        bad_steps: steps skipped.
        checkpoint: the last one written.
        loss: mean loss since the last log line.
    """

    step: int
    finished: bool
    seconds: float
    bad_steps: int
    checkpoint: Path | None
    loss: float
