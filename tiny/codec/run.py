"""A training run that can be stopped: network, optimizer, moving average, step; whole files in one folder.

`carry_on` resumes where it stopped when called again with the same folder, to the same numbers as without a
stop: batches must be functions of the step. Knows no network and no sounds in particular.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from soundvcm.ground import files

Report = Callable[[int, dict[str, float]], None]


class Run(ABC):
    """State of one training run.

    Args:
        network: what learns.
        rate: AdamW learning rate; `advance` may change it.
        average: decay of the moving average of the weights, which is what is exported.
    """

    def __init__(self, network: nn.Module, rate: float, average: float) -> None:
        self.network, self.rate, self.decay, self.step = network, rate, average, 0
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.optimizer = self._optimizer()

    def _optimizer(self) -> torch.optim.AdamW:
        learning = [value for value in self.network.parameters() if value.requires_grad]
        return torch.optim.AdamW(learning, self.rate, (0.9, 0.98), weight_decay=1e-3)

    @abstractmethod
    def advance(self) -> dict[str, float]:
        """One step; returns the loss terms."""

    def facts(self) -> dict[str, str]:
        """More for the header of the averaged weights, as they are now."""
        return {}

    def learn(self, loss: Tensor, rate: float) -> float:
        """Follow the gradient of a loss by one step; a gradient that is not finite changes nothing.

        Returns:
            The norm of the gradient.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
            self._follow()
        self.step += 1
        return float(norm)

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """Everything a resumed run needs, as flat tensors."""
        flat = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        flat |= {f"average.{k}": v for k, v in self.average.items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            flat |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
        return {name: value.contiguous() for name, value in flat.items()}

    def restore(self, flat: dict[str, Tensor], step: int) -> None:
        """Put back what `tensors` gave."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {k[len(prefix) + 1 :]: v for k, v in flat.items() if k.startswith(prefix + ".")}

        self.network.load_state_dict(part("network"))
        self.average = part("average")
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in part("optimizer").items():
            index, field = name.split(".", 1)
            state.setdefault(int(index), {})[field] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.step = step


def carry_on(
    run: Run,
    steps: int,
    folder: Path,
    name: str,
    facts: dict[str, str],
    *,
    save_every: int,
    log_every: int,
    report: Report,
) -> None:
    """Train to step `steps`, from the state in `folder` if there is one.

    Args:
        run: just made, with the recipe that the folder was begun with.
        steps: optimizer steps in all.
        folder: of the run, made if missing: log.jsonl, state.safetensors and the averaged weights.
        name: file of the averaged weights.
        facts: its header.
        save_every: steps between two files.
        log_every: steps between two lines of the log.
        report: called with the mean terms of each line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state.safetensors"
    if state.exists():
        with safe_open(state, "pt") as file:
            run.restore({key: file.get_tensor(key) for key in file.keys()}, int(file.metadata()["step"]))
    sums: dict[str, list[float]] = {}
    began = time.monotonic()
    while run.step < steps:
        for term, value in run.advance().items():
            sums.setdefault(term, []).append(value)
        if run.step % log_every == 0:
            terms = {term: sum(values) / len(values) for term, values in sums.items()}
            terms["seconds"] = time.monotonic() - began
            report(run.step, terms)
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": run.step, **terms}) + "\n")
            sums = {}
        if run.step % save_every == 0 or run.step == steps:
            _put(folder / name, run.average, facts | run.facts())
            _put(state, run.tensors(), {"step": str(run.step)})


def _put(path: Path, tensors: dict[str, Tensor], facts: dict[str, str]) -> None:
    with files.beside(path) as part:
        save_file(tensors, part, facts)
