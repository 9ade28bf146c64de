"""Everything a training run is told, as checked configurations that travel in its checkpoints.

Knows names and ranges only; what they do is in `loop` and `schedule`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import pydantic

from soundvcm.config import Config
from soundvcm.data.mixture import MixtureConfig
from soundvcm.network import NetworkConfig
from soundvcm.objectives import ObjectiveConfig, VelocityConsistencyConfig, config_of

Positive = Annotated[float, pydantic.Field(gt=0)]
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Count = Annotated[int, pydantic.Field(ge=1)]


class OptimizerConfig(Config):
    """AdamW; the defaults are the paper's (section 4.3) with the reference's eps under bf16 (A11).

    Attributes:
        kind: "adamw" keeps two numbers for each weight; "adafactor" (PyTorch's) a row and a column for each
            matrix, and no first moment: next to no memory, for large networks on small GPUs. Its steps are
            at most `rate` in the mean square of a tensor; `betas` and `eps` are not its own.
        rate: peak learning rate.
        betas: decay of the two moments.
        eps: added to the root of the second moment; 1e-6 is what the reference uses with bf16.
        weight_decay: of all parameters (the reference exempts none).
    """

    kind: Literal["adamw", "adafactor"] = "adamw"
    rate: Positive = 1e-4
    betas: tuple[Share, Share] = (0.9, 0.95)
    eps: Positive = 1e-6
    weight_decay: float = pydantic.Field(default=1e-6, ge=0)


class ScheduleConfig(Config):
    """Learning rate over the run, as a factor of the peak.

    Attributes:
        kind: "step" multiplies by 0.1 at 0.8 and 0.9 of the run (240k and 270k of 300k steps); "cosine" falls
            to `floor`; "constant" stays.
        warmup_steps: linear rise over this many steps; step k (from 0) gets (k + 1) / (warmup_steps + 1).
        floor: last factor of the cosine.
        restart: share of the run at which the cosine begins anew from the peak, the first one having reached
            the floor there; 0: never. An objective that learns from its own snapshot takes it at this moment.
    """

    kind: Literal["step", "cosine", "constant"] = "step"
    warmup_steps: int = pydantic.Field(default=1000, ge=0)
    floor: Share = 0.0
    restart: float = pydantic.Field(default=0.0, ge=0, lt=1)

    retired: ClassVar[dict[str, Any]] = {"milestones": (0.8, 0.9), "factor": 0.1}


class LoopConfig(Config):
    """The loop; defaults are section 4.3 of the paper.

    Attributes:
        steps: optimizer steps in all; None leaves the end to `max_minutes`.
        max_minutes: wall-clock budget of training, over all resumes; schedules then follow the time spent.
        rows: rows of the whole batch, over all processes and accumulated passes.
        accumulate: passes of each process per step. P processes with `accumulate` 1 give the numbers of one
            process with `accumulate` P.
        processes: how several processes hold the network: "ddp" each a copy, "fsdp" each a part of weights,
            gradients, moments and averages (FSDP2). Checkpoints are the same.
        seed: of weights, order, noise and every other draw.
        precision: "bf16" is autocast without a gradient scaler; weights, moments and averages stay float32.
            "auto" is bf16 where the device multiplies it faster, else fp32; the log says which.
        tf32: with precision fp32, products of float32 in TF32 on GPUs that have it. Under bf16 the only such
            products measure residuals that rounding would drown, so they stay exact.
        recompute: keep the inputs of the blocks only and compute the rest again in the backward pass: a
            fraction of the memory, four passes for three. Changes no number.
        compile: backend of torch.compile, or "none". "eager" only traces.
        clip: largest norm of the gradient; longer ones are scaled down.
        bad_norm: a longer gradient than this (before clipping) makes the step a bad one.
        bad_steps: bad steps in a row after which training stops; a bad step changes nothing but its count.
        runaway: what is done when rows leave, which single conditions can do unseen in the means: "log" names
            clip and condition, "leave_out" also takes such a row out of its step, "stop" ends the run once
            `runaway_rows` left within 50 steps, "restore" then goes back to the last checkpoint that was
            written before, and leaves such rows out from there on.
        runaway_factor: a row has left when its mean square is so many times what the greatest of its kind
            (half of the objective, fifth of t) used to be.
        runaway_rows: rows that leave within 50 steps before the run is stopped or restored.
        sigma_rels: widths of the tracked averages.
        targets: weights that the objective's targets come from: as trained ("live", the paper) or averaged
            with the first of `sigma_rels`, which does not feed an error of the last step back to itself.
            The objective own_flow takes its snapshot of the same average.
        snapshot_steps: steps between snapshots of the averages; 0: only at the end.
        keep_snapshots: moments whose snapshots are kept; of more, those go that lie closest together.
        checkpoint_steps: steps between checkpoints.
        checkpoint_minutes: minutes between checkpoints, whichever comes first.
        keep: checkpoints kept.
        log_steps: steps between lines of the log.
        norm_steps: steps between measurements of the gradients of the objective's two halves; 0: never.
        validation_steps: steps between calls of the validation hooks; 0: only at the end.
        validation_batches: batches of the split "val" per measurement.
        samples: clips of the split "val" that are written as sound and spectrogram at each validation.
        sample_steps: network calls for each of them.
        workers: threads that prepare coming batches; 0 prepares each when needed. Changes no number.
        tensorboard: also write TensorBoard files.
    """

    steps: Count | None = 300_000
    max_minutes: Positive | None = None
    rows: Count = 512
    accumulate: Count = 1
    processes: Literal["ddp", "fsdp"] = "ddp"
    seed: int = pydantic.Field(default=14159265, ge=0)
    precision: Literal["fp32", "bf16", "auto"] = "bf16"
    tf32: bool = True
    recompute: bool = False
    compile: Literal["none", "inductor", "eager"] = "none"
    clip: Positive = 1.0
    bad_norm: Positive = 1e8
    bad_steps: Count = 10
    runaway: Literal["log", "leave_out", "stop", "restore"] = "log"
    runaway_factor: float = pydantic.Field(default=10.0, gt=1)
    runaway_rows: Count = 3
    sigma_rels: tuple[Positive, ...] = (0.05, 0.1)
    targets: Literal["live", "average"] = "live"
    snapshot_steps: int = pydantic.Field(default=5000, ge=0)
    keep_snapshots: int = pydantic.Field(default=24, ge=3)
    checkpoint_steps: Count = 10_000
    checkpoint_minutes: Positive = 30.0
    keep: Count = 2
    log_steps: Count = 100
    norm_steps: int = pydantic.Field(default=0, ge=0)
    validation_steps: int = pydantic.Field(default=5000, ge=0)
    validation_batches: Count = 8
    samples: int = pydantic.Field(default=0, ge=0)
    sample_steps: Count = 1
    workers: int = pydantic.Field(default=2, ge=0)
    tensorboard: bool = False
    optimizer: OptimizerConfig = pydantic.Field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = pydantic.Field(default_factory=ScheduleConfig)

    retired: ClassVar[dict[str, Any]] = {"snapshot_dtype": "float32"}

    @pydantic.model_validator(mode="after")
    def _ends(self) -> LoopConfig:
        if self.steps is None and self.max_minutes is None:
            raise ValueError("set steps or max_minutes: training must end")
        if len(set(self.sigma_rels)) < len(self.sigma_rels):
            raise ValueError("sigma_rels holds a width twice")
        if self.targets == "average" and (not self.sigma_rels or self.processes == "fsdp"):
            raise ValueError("targets=average needs a width in sigma_rels, and processes=ddp")
        if self.optimizer.kind == "adafactor" and self.processes == "fsdp":
            raise ValueError("optimizer.kind=adafactor needs whole matrices: set processes=ddp")
        return self


class TrainingConfig(Config):
    """Everything that makes a run: the network, the objective, how data are drawn, the loop.

    Attributes:
        network: sizes; its input widths must be those of the stores.
        objective: by its `kind`.
        data: shares and crops.
        loop: optimizer, schedule, precision, what is saved when.
        adapter_rank: train low-rank adapters (LoRA) of this rank in the blocks, nothing else; 0 trains all.
    """

    network: NetworkConfig = pydantic.Field(default_factory=lambda: NetworkConfig.build({}))
    objective: ObjectiveConfig = pydantic.Field(default_factory=VelocityConsistencyConfig)
    data: MixtureConfig = pydantic.Field(default_factory=MixtureConfig)
    loop: LoopConfig = pydantic.Field(default_factory=LoopConfig)
    adapter_rank: int = pydantic.Field(default=0, ge=0)

    def change(self, overrides: Mapping[str, Any]) -> Self:
        """A copy with dotted overrides; a new `objective.kind` brings its own defaults along.

        Settings of the old objective that differ from its defaults are kept where the new one has them.

        Raises:
            ConfigError: for an unknown name (the nearest is suggested) or a value that does not fit.
        """
        rest = dict(overrides)
        kind = rest.pop("objective.kind", self.objective.kind)
        if kind == self.objective.kind:
            return super().change(rest)
        old, plain = self.objective.model_dump(), type(self.objective)().model_dump()
        fresh = config_of({"kind": kind}).model_dump()
        own = {name: value for name, value in old.items() if name in fresh and value != plain[name]}
        values = self.model_dump() | {"objective": fresh | own | {"kind": kind}}
        return type(self).build(values).change(rest)
