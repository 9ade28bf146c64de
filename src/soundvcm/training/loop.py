"""The training loop: batches => objective => AdamW => averages, with a log, checkpoints and a way to stop.

    to resume, run the same command again

Whatever happens in a step depends on (state, step) only, so a resumed run equals a straight one to the bit
(case 37). Knows the network as a module with the Velocity call, the objective and the data as functions;
builds none of them.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from soundvcm.data.mixture import mixed_seed
from soundvcm.errors import TrainingError
from soundvcm.runtime import fast_bfloat16
from soundvcm.training.checkpoint import latest_checkpoint, random_state, set_random_state
from soundvcm.training.distributed import Team, local
from soundvcm.training.feed import Feed
from soundvcm.training.logbook import Logbook, SilentLogbook
from soundvcm.training.runaway import MEMORY, without
from soundvcm.training.schedule import Recent, progress_at, progress_of, rate_factor
from soundvcm.training.settings import LoopConfig
from soundvcm.training.signals import stop_signals
from soundvcm.training.state import Targets, TrainingState, compiled
from soundvcm.training.view import Data, Hook, Progress, Result, View
from soundvcm.training.watch import autocast, half_norms

if TYPE_CHECKING:
    from soundvcm.objectives import LossTerms, Objective


class Loop:
    """One call of training, from the state it is given to the end or to a stop.

    Args:
        config: what to do.
        state: network, optimizer, averages and counters; resumed or fresh.
        objective: the loss.
        data: the batches.
        run_dir: where log and checkpoints go.
        team: the processes of this run.
        record: configurations saved with every checkpoint.
        hooks: called every `validation_steps` and at the end, by the leading process (by all where the
            network is shared out); numbers they return are logged.
        on_progress: called at every log line, by the leading process.
    """

    def __init__(
        self,
        config: LoopConfig,
        state: TrainingState,
        objective: Objective,
        data: Data,
        run_dir: Path,
        *,
        team: Team,
        record: Mapping[str, Any],
        hooks: Sequence[Hook] = (),
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.config, self.state, self.objective, self.data = config, state, objective, data
        self.run_dir, self.team, self.record = Path(run_dir), team, dict(record)
        self.precision = config.precision
        if self.precision == "auto":
            self.precision = "bf16" if fast_bfloat16(team.device) else "fp32"
        self.hooks, self.on_progress = hooks, on_progress
        passes = compiled(state.network, config)
        self.targets = Targets(config, state, objective, passes, team.device)
        self.u: Any = team.wrap(passes)
        self.parts = team.size * config.accumulate
        mine = [team.rank * config.accumulate + place for place in range(config.accumulate)]
        pin = team.device.type == "cuda"
        self.feed = Feed(lambda step, part: data.batch(step, part, self.parts), mine, config.workers, pin)
        self.mine = mine
        self.stop_asked = self.agreed_stop = False
        self.recent = Recent()
        self.left: deque[int] = deque(maxlen=MEMORY)  # rows that left in each of the last steps, of the team
        self.left_now, self.restored = 0, False
        self.began, self.first_step, self.first_seconds = time.monotonic(), state.step, state.seconds
        self.saved_at, self.saved_step = self.began, -1
        self.checkpoint: Path | None = None
        self.logbook: Logbook = SilentLogbook(run_dir)
        if team.leads:
            self.logbook = Logbook(run_dir, step=state.step, tensorboard=config.tensorboard)

    @property
    def progress(self) -> float:
        """Share of the run done."""
        return progress_at(self.config, self.state.step, self.state.seconds)

    @property
    def stopping(self) -> bool:
        """The whole team has agreed to stop; one process alone needs nobody's agreement."""
        return self.agreed_stop if self.team.size > 1 else self.stop_asked

    def ask_stop(self) -> bool:
        """Stop after the present step; says whether that had been asked before."""
        before, self.stop_asked = self.stop_asked, True
        return before

    def run(self) -> Result:
        """Train to the end or to a stop; the state is saved in both cases.

        Raises:
            TrainingError: after `bad_steps` bad steps in a row, or if a process of the team is lost.
        """
        self._log(
            "start",
            {
                "resumed": self.state.step > 0,
                "processes": self.team.size,
                "parts": self.parts,
                "precision": self.precision,
            },
        )
        loss = math.nan
        try:
            with stop_signals(self.ask_stop):
                while self.progress < 1.0 and not self.stopping:
                    self._step()
                    loss = self._after_step(loss)
                finished = self.progress >= 1.0
                if finished:
                    self._snapshots()
                    self._validate()
                if self.saved_step != self.state.step:
                    self._save()
                self._log("end" if finished else "stopped", {"seconds": self.state.seconds})
        finally:
            self.feed.close()
            self.logbook.close()
        state = self.state
        return Result(state.step, finished, state.seconds, state.bad_total, self.checkpoint, loss)

    def _step(self) -> None:
        config, state = self.config, self.state
        step, progress = state.step, self.progress
        rate = config.optimizer.rate * rate_factor(config.schedule, step, progress)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        frozen = self.targets.at(progress)
        loss, rows = torch.zeros((), device=self.team.device), max(1, config.rows)
        last, passed = config.accumulate - 1, []
        for place in range(config.accumulate):
            batch = self.feed.take(step, place).to(self.team.device)
            seed = mixed_seed(config.seed, "objective", step, self.mine[place])
            generator = torch.Generator().manual_seed(seed)
            share = len(batch.ids) / rows
            with autocast(self.team.device, self.precision):
                terms = self.objective(
                    self.u,
                    frozen,
                    batch.data,
                    batch.conditions,
                    noise=batch.noise,
                    progress=progress,
                    generator=generator,
                )
            # Which rows left is asked after the last pass, so that the device computes on meanwhile.
            batch_loss = terms.loss
            if self.leaves_out:
                batch_loss = self._look_at_rows(terms, batch.ids)
            else:
                passed.append((terms.detached(), batch.ids))
            if place == 0 and config.norm_steps and step % config.norm_steps == 0:
                self._watch_halves(terms)
            with self.team.without_sync(self.u) if place < last else nullcontext():
                torch.autograd.backward(batch_loss * (share * self.team.size))
            loss += batch_loss.detach() * share
            self.recent.measure = terms.measure
        for looked_at, ids in passed:
            self._look_at_rows(looked_at, ids)
        self._finish_step(loss, rate)

    def _finish_step(self, loss: Tensor, rate: float) -> None:
        """Decide, with the whole team, whether the step was good; apply it if so (case 38)."""
        config, state = self.config, self.state
        grads = [p.grad for p in state.parameters if p.grad is not None]
        norm = self.team.norm(grads) if grads else torch.zeros(())
        seconds = self.first_seconds + time.monotonic() - self.began if self.team.leads else 0.0
        told = [float(self.stop_asked), seconds, float(self.left_now)]
        self.left_now = 0
        # The one place in a step that waits for the device.
        facts = torch.stack([loss.cpu().double(), norm.cpu().double() / self.team.size])
        shared = self.team.total(torch.cat([facts, torch.tensor(told, dtype=torch.float64)]))
        total_loss, total_norm, stop, state.seconds, left = shared.tolist()
        self.agreed_stop = stop > 0
        good = math.isfinite(total_loss) and math.isfinite(total_norm) and total_norm <= config.bad_norm
        if good:
            if total_norm > config.clip:
                torch._foreach_mul_([local(grad) for grad in grads], config.clip / (total_norm + 1e-6))
            state.optimizer.step()
            if self.team.leads or self.team.shards or self.targets.need_averages:
                state.ema.update()
            state.bad_row = 0
            self.recent.add(total_loss, total_norm)
        state.optimizer.zero_grad(set_to_none=True)
        state.step += 1
        state.rate = rate
        if not good:
            self._bad_step(total_loss, total_norm)
        self.left.append(int(left))
        if config.runaway in ("stop", "restore") and sum(self.left) >= config.runaway_rows:
            self._run_away()

    def _bad_step(self, loss: float, norm: float) -> None:
        state = self.state
        state.bad_row += 1
        state.bad_total += 1
        ids = self.data.ids(state.step - 1) if self.team.leads else []
        self._log("bad_step", {"loss": loss, "gradient_norm": norm, "in_a_row": state.bad_row, "ids": ids})
        if state.bad_row >= self.config.bad_steps:
            raise TrainingError(
                f"{state.bad_row} bad steps in a row (loss {loss:g}, gradient norm {norm:g}), the last at"
                f" step"
                f" {state.step}; the clips are listed in log.jsonl, the last good checkpoint is"
                f" {self.checkpoint or 'the one before this start'}: lower the learning rate or mend the data"
            )

    def _look_at_rows(self, terms: LossTerms, clips: Sequence[str]) -> Tensor:
        """Name the rows that left; the loss of the batch, without them where the settings say so."""
        monitor = self.state.monitor
        if not terms.of_batch:
            clips = ["(a path of an earlier batch)"] * len(clips)
        gone = monitor.look(self.state.step, terms.rows, clips, self.data.caption)
        for row in list(monitor.left)[len(monitor.left) - len(gone) :]:
            self._log("row_left", asdict(row))
        self.left_now += len(gone)
        return without(terms.rows, gone) if gone and self.leaves_out else terms.loss

    @property
    def leaves_out(self) -> bool:
        """Rows that leave take no part in their step, so each pass waits to hear which they are."""
        runaway = self.config.runaway
        return runaway == "leave_out" or (runaway == "restore" and self.restored)

    def _run_away(self) -> None:
        """Go back to the last checkpoint, once; then, or if that is not wanted, stop."""
        rows = self.state.monitor.lately(self.state.step)
        last = latest_checkpoint(self.run_dir)
        if self.config.runaway == "restore" and not self.restored and last is not None:
            self._log("restored", {"from": self.state.step, "checkpoint": last.name})
            self.state.resume(last)
            self.targets.take_up()
            self.restored = True
            self.left.clear()
            return
        kept = f"the last checkpoint before it is {last}" if last else "there is no checkpoint yet"
        raise TrainingError(
            f"{sum(self.left)} rows ran away within {MEMORY} steps, the last: {rows[-1] if rows else '?'};"
            f" all are in log.jsonl, {kept}: set objective.bound=1 or loop.targets=average, or"
            " loop.runaway=leave_out"
        )

    def _watch_halves(self, terms: LossTerms) -> None:
        if self.team.size == 1:
            self._log("halves", half_norms(terms, self.state.parameters))

    def _after_step(self, loss: float) -> float:
        config, step = self.config, self.state.step
        if step % config.log_steps == 0 or self.progress >= 1.0:
            loss = self._report()
        if config.snapshot_steps and step % config.snapshot_steps == 0 and self.progress < 1.0:
            self._snapshots()
        if config.validation_steps and step % config.validation_steps == 0 and self.progress < 1.0:
            self._validate()
        # Saved last, so that a checkpoint stands for everything its step has written.
        waited = self.state.seconds - self.first_seconds - (self.saved_at - self.began)
        due = step % config.checkpoint_steps == 0 or waited > 60 * config.checkpoint_minutes
        # What is gone back to must be from before.
        if due and not (config.runaway in ("stop", "restore") and any(self.left)):
            self._save()
        return loss

    def _report(self) -> float:
        state, recent = self.state, self.recent
        where = progress_of(
            self.config,
            now=(state.step, state.seconds),
            first=(self.first_step, self.first_seconds),
            loss=recent.loss,
            rate=state.rate,
            bad_steps=state.bad_total,
        )
        self._log("train", recent.line(where) | {"rows_left": sum(self.left)} | state.monitor.report())
        if self.on_progress is not None and self.team.leads:
            self.on_progress(where)
        self.recent = Recent()
        return where.loss

    def _validate(self) -> None:
        if not (self.team.leads or self.team.shards):
            return
        view = View(
            self.state.step,
            self.progress,
            self.state,
            self.logbook,
            self.run_dir,
            self.team.device,
            self.team.leads,
        )
        for hook in self.hooks:
            before = random_state()
            found = hook(view)
            set_random_state(before)
            if found:
                self._log("validation", found)

    def _snapshots(self) -> None:
        if self.team.leads or self.team.shards:
            keep = self.config.keep_snapshots
            self.state.write_snapshots(self.run_dir, torch.float32, keep, write=self.team.leads)

    def _save(self) -> None:
        if self.team.leads or self.team.shards:
            config, leads = self.config, self.team.leads
            self.targets.keep()
            saved = self.state.save(self.run_dir, self.record, self.progress, config.keep, write=leads)
            self.checkpoint = saved or self.checkpoint
        self.saved_step = self.state.step
        self.saved_at = self.began + self.state.seconds - self.first_seconds

    def _log(self, event: str, values: Mapping[str, Any]) -> None:
        self.logbook.write(event, self.state.step, values)
