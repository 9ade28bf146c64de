"""What training changes, in one place: weights, moments, averages and counters; how it is saved and read.

And which of these weights an objective's targets come from: the live ones, an average, or a snapshot of it.
Knows tensors, counters and the objective's protocol; no data and no loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from soundvcm.errors import WeightsError
from soundvcm.network import merged
from soundvcm.objectives import LearnsFromSnapshot, Objective
from soundvcm.training.checkpoint import (
    Saved,
    load_optimizer,
    optimizer_tensors,
    random_state,
    read_checkpoint,
    set_random_state,
    write_checkpoint,
)
from soundvcm.training.distributed import part_of, whole
from soundvcm.training.ema import EmaProfiles, prune_snapshots, write_snapshots
from soundvcm.training.runaway import RowMonitor
from soundvcm.training.settings import LoopConfig, OptimizerConfig


def _optimizer_of(parameters: Sequence[nn.Parameter], settings: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer of these settings."""
    if settings.kind == "adafactor":
        # An eps of 1 makes steps absolute, as AdamW's are: most weights are smaller, many begin at 0.
        return torch.optim.Adafactor(
            parameters, lr=settings.rate, eps=(None, 1.0), weight_decay=settings.weight_decay
        )
    return torch.optim.AdamW(
        parameters,
        lr=settings.rate,
        betas=settings.betas,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        fused=parameters[0].device.type in ("cuda", "cpu"),
    )


#: beside the averages in a checkpoint: what the objective keeps, and the snapshot that it learns from
OBJECTIVE, SNAPSHOT = "objective/", "snapshot/"


class TrainingState:
    """Network, optimizer, averages and counters of a run.

    Args:
        network: already on its device, float32, and shared out if it will be (`Team.place`).
        config: of the loop.

    Attributes:
        step: steps done, bad ones included.
        seconds: time spent training.
        rate: learning rate of the last step.
        bad_total: bad steps so far.
        bad_row: bad steps since the last good one.
        monitor: what rows of each kind are usually like, and which left.
        snapshot: the network as the objective's targets have it, once `keep_snapshot` took it.
        kept: what the objective keeps from step to step, by name.
    """

    def __init__(self, network: nn.Module, config: LoopConfig) -> None:
        self.network = network
        trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
        self.names, self.parameters = list(trained), list(trained.values())
        self.optimizer = _optimizer_of(self.parameters, config.optimizer)
        self.monitor = RowMonitor(config.runaway_factor)
        self.ema = EmaProfiles(trained, config.sigma_rels)
        self.step, self.seconds, self.rate = 0, 0.0, 0.0
        self.bad_total, self.bad_row = 0, 0
        self.snapshot: nn.Module | None = None
        self.kept: dict[str, Tensor] = {}

    def keep_snapshot(self) -> nn.Module:
        """The snapshot, taken of the first average if there is none yet.

        Raises:
            OptionError: if no average is tracked.
        """
        if self.snapshot is None:
            self.snapshot = self.ema.taken(self.network)
        return self.snapshot

    def save(
        self, run_dir: Path, record: Mapping[str, Any], progress: float, keep: int, *, write: bool = True
    ) -> Path | None:
        """Write a checkpoint of everything; `record` holds the configurations that made it.

        A checkpoint holds whole tensors, whatever the number of processes. `write=False` only takes part in
        gathering them.

        Raises:
            NonFiniteError: if something in it is not finite.
        """
        facts = {
            "progress": progress,
            "rate": self.rate,
            "seconds": self.seconds,
            "updates": self.ema.updates,
            "bad_total": self.bad_total,
            "bad_row": self.bad_row,
            "rows": self.monitor.state(),
        }
        saved = Saved(
            weights=whole(self.network.state_dict(), keep=write),
            optimizer=whole(optimizer_tensors(self.optimizer, self.names), keep=write),
            ema=whole(self.ema.state() | self._kept(), keep=write),
            random=random_state(),
            facts=facts | dict(record),
        )
        return write_checkpoint(run_dir, self.step, saved, keep=keep) if write else None

    def resume(self, path: Path) -> None:
        """Take up a checkpoint: weights, moments, averages, counters and global random states.

        Raises:
            WeightsError: if it is damaged or of another network or other averages.
        """
        saved = read_checkpoint(path)
        own = self.network.state_dict()
        parts = {name: part_of(value, own.get(name, value)) for name, value in saved.weights.items()}
        try:
            self.network.load_state_dict(parts)
        except RuntimeError as error:
            lines = str(error).splitlines()
            raise WeightsError(
                f"{path} is of another network: {' '.join(lines[1:2]).strip() or lines[0]}"
            ) from None
        load_optimizer(self.optimizer, self.names, saved.optimizer)
        self.ema.load(saved.ema, int(saved.facts["updates"]))
        set_random_state(saved.random)
        self._take_kept(saved.ema)
        self.step, self.seconds = int(saved.facts["step"]), float(saved.facts["seconds"])
        self.rate = float(saved.facts["rate"])
        self.bad_total, self.bad_row = int(saved.facts["bad_total"]), int(saved.facts["bad_row"])
        if "rows" in saved.facts:
            self.monitor.load(saved.facts["rows"])

    def _kept(self) -> dict[str, Tensor]:
        found = {f"{OBJECTIVE}{name}": value for name, value in self.kept.items()}
        if self.snapshot is not None:
            found |= {f"{SNAPSHOT}{name}": value for name, value in self.snapshot.named_parameters()}
        return found

    def _take_kept(self, saved: Mapping[str, Tensor]) -> None:
        self.kept = {
            name.removeprefix(OBJECTIVE): saved[name] for name in saved if name.startswith(OBJECTIVE)
        }
        self.snapshot = None
        weights = {name.removeprefix(SNAPSHOT): saved[name] for name in saved if name.startswith(SNAPSHOT)}
        if weights:
            for name, parameter in self.keep_snapshot().named_parameters():
                parameter.data.copy_(weights[name])

    @contextmanager
    def averaged(self, sigma_rel: float | None = None) -> Iterator[nn.Module]:
        """The network holds the average of a tracked width (default: the first) inside the block.

        Raises:
            OptionError: if that width is not tracked.
        """
        # A network that is shared out may still hold what the last pass had gathered (root of FSDP2).
        forget = getattr(self.network, "reshard", lambda: None)
        try:
            with self.ema.swapped(sigma_rel):
                forget()
                yield self.network
        finally:
            forget()

    def averages(self, sigma_rel: float | None = None, *, keep: bool = True) -> dict[str, Tensor]:
        """Whole averaged weights of a tracked width (default: the first) with the buffers, on the CPU.

        Frozen weights are as they are; adapters are merged.

        Where the network is shared out, every process must ask; `keep=False` takes part and returns nothing.

        Raises:
            OptionError: if that width is not tracked.
        """
        values = {**self.network.state_dict(), **self.ema.average(sigma_rel)}
        gathered = whole(values, keep=keep)
        return merged({name: value.detach().cpu().clone() for name, value in gathered.items()})

    def write_snapshots(self, run_dir: Path, dtype: torch.dtype, keep: int, *, write: bool = True) -> None:
        """Write the averages as they are, for `synthesise`, and keep those of `keep` moments.

        `write=False` only helps to gather them.
        """
        if self.ema.updates:
            buffers = {name: self.network.state_dict()[name] for name, _ in self.network.named_buffers()}
            write_snapshots(run_dir, self.ema, dtype, buffers, write=write)
            if write:
                prune_snapshots(run_dir, keep)


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
