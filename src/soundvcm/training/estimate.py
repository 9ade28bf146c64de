"""What a run will cost, before it is started: parameters, passes, FLOPs, memory, disk, hours.

Counted, not guessed: the network is run without memory (torch's "meta" device) and the objective on a
stand-in. Bytes of a kept number are measured (`tests/training/test_estimate.py` holds them within a quarter);
the share of a GPU's peak that is reached is an assumption, and an argument. Knows front doors only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, UntypedStorage, nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from soundvcm.network import NetworkConfig, VelocityNetwork, add_adapters
from soundvcm.objectives import LearnsFromSnapshot, build
from soundvcm.records import Conditions
from soundvcm.systems.catalog import stack_of
from soundvcm.timeline import Timeline
from soundvcm.training.settings import TrainingConfig

#: dense bf16 peak of an H100 SXM, FLOP a second (NVIDIA's data sheet)
H100_PEAK = 989e12
#: what the paper's "4 H100, about 30 hours" amounts to with 4.4 forward passes a row
PAPER_SHARE = 0.11
#: bytes of a number that is kept for the backward pass, its share of passing buffers included; under bfloat16
#: autocast norms and the loss stay float32
BYTES_KEPT = {"fp32": 4.3, "auto": 4.3, "bf16": 2.6}


def estimate(
    config: TrainingConfig,
    *,
    seconds: float = 8.0,
    gpus: int = 4,
    peak: float = H100_PEAK,
    share: float = PAPER_SHARE,
) -> dict[str, Any]:
    """Cost of a run.

    Args:
        config: of the run.
        seconds: length of a clip, where the configuration does not crop.
        gpus: how many.
        peak: FLOP a second of one of them.
        share: of the peak that is reached.

    Returns:
        "parameters"; "passes_per_row" (in forward passes, a backward being two; look-ahead and guidance
        included);
        "gflop_per_row"; "state_gib" (weights, gradients, moments, averages, a snapshot, on the
        leading process), "activations_gib" of one pass; on the disk "checkpoint_mb", "export_mb" and
        "snapshots_gb" of the whole run; "rows_per_second", "hours" on such GPUs; and the assumptions.
    """
    lengths = config.data.crop_seconds or (seconds,)
    flops, saved, count = 0.0, 0, 0
    loop = config.loop
    for length in lengths:
        one_pass, kept, count = _network_cost(config.network, length, recompute=loop.recompute)
        flops += one_pass / len(lengths)
        saved = max(saved, kept)
    passes = passes_per_row(config)
    per_pass = -(-loop.rows // (gpus * loop.accumulate))
    trained, moments = _trained_numbers(config)
    # Autocast keeps a copy of the weights in bfloat16 for the time of a pass.
    copies = 2 * count if loop.precision == "bf16" else 0
    widths = len(loop.sigma_rels)
    # The snapshot that targets come from is a whole network beside the one that learns.
    snapshot = count if isinstance(build(config.objective), LearnsFromSnapshot) else 0
    holders = gpus if loop.processes == "fsdp" else 1
    row = passes * flops
    speed = gpus * peak * share / row
    hours = loop.steps * loop.rows / speed / 3600 if loop.steps else None
    if loop.max_minutes is not None:
        hours = min(hours, loop.max_minutes / 60) if hours is not None else loop.max_minutes / 60
    return {
        "parameters": count,
        "passes_per_row": round(passes, 2),
        "gflop_per_row": round(row / 1e9, 1),
        "state_gib": round(4 * (count + moments + trained * (1 + widths) + snapshot) / holders / 2**30, 2),
        "activations_gib": round((saved * BYTES_KEPT[loop.precision] * per_pass + copies) / 2**30, 3),
        "checkpoint_mb": round(4 * (count + moments + trained * widths + snapshot) / 1e6),
        "export_mb": round(4 * count / 1e6),
        "snapshots_gb": round(_snapshots(config) * widths * trained * 4 / 1e9, 1),
        "rows_per_second": round(speed, 1),
        "hours": None if hours is None else round(hours, 1),
        "assumed": {"gpus": gpus, "peak_tflops": peak / 1e12, "share_of_peak": share},
    }


def passes_per_row(config: TrainingConfig, *, rows: int = 256) -> float:
    """Forward passes a row costs under the objective, counted on a stand-in network; the backward pass
    counts 2, and 3 where it computes the blocks again.

    Averaged over the whole run (a warm start needs fewer). A forward-mode derivative counts as one call.
    """
    stand_in = _Counter()
    objective = build(config.objective)
    dims = config.network
    conditions = _conditions(dims, rows, 1, 1, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    moments = (0.05, 0.25, 0.5, 0.75, 0.95)
    times = getattr(config.objective, "uses", 1)
    for progress in [moment for moment in moments for _ in range(times)]:
        terms = objective(
            stand_in.with_gradient,
            stand_in.without,
            torch.randn(rows, 2, dims.latent_dim, generator=generator),
            conditions,
            noise=torch.randn(rows, 2, dims.latent_dim, generator=generator),
            progress=progress,
            generator=generator,
        )
        del terms
    backward = 3 if config.loop.recompute else 2
    return ((1 + backward) * stand_in.rows_with_gradient + stand_in.rows_without) / (
        len(moments) * times * rows
    )


class _Counter:
    """A network that only counts the rows it is asked for."""

    def __init__(self) -> None:
        self.rows_with_gradient = self.rows_without = 0
        self.scale = nn.Parameter(torch.ones(()))

    def with_gradient(
        self, noisy: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        self.rows_with_gradient += len(noisy)
        return noisy * self.scale

    def without(
        self, noisy: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        self.rows_without += len(noisy)
        return noisy * self.scale


def _network_cost(
    config: NetworkConfig, seconds: float, *, recompute: bool = False
) -> tuple[float, int, int]:
    """FLOPs of a forward pass of one row, numbers kept for its backward pass, parameters."""
    line = _timeline(config, seconds)
    device = torch.device("meta")
    with device:
        network = VelocityNetwork(config)
    sync = line.sync_tokens if config.segment_tokens else line.sync_frames
    conditions = _conditions(config, 1, line.semantic_frames, sync, device)
    noisy = torch.zeros(1, line.latents, config.latent_dim, device=device)
    time = torch.zeros(1, device=device)
    guidance = torch.ones(1, device=device) if config.guidance_input != "none" else None
    # By storage: what is kept of a weight is a view of it, and several views of a tensor are kept once.
    kept: dict[int, tuple[UntypedStorage, int]] = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        kept[storage._cdata] = (storage, storage.nbytes() // value.element_size())
        return value

    weights = {value.untyped_storage()._cdata for value in network.parameters()}
    given: dict[int, tuple[UntypedStorage, int]] = {}  # to blocks
    inside: list[int] = []

    def numbers(found: Mapping[int, tuple[UntypedStorage, int]]) -> int:
        return sum(size for key, (_, size) in found.items() if key not in weights)

    def enter(block: nn.Module, values: tuple[Any, ...]) -> None:
        for value in tree_leaves(values):
            if isinstance(value, Tensor):
                given[value.untyped_storage()._cdata] = (value.untyped_storage(), value.numel())
        inside.append(-numbers(kept))

    def leave(block: nn.Module, values: tuple[Any, ...], found: Any) -> None:
        inside[-1] += numbers(kept)

    for block in (*network.joint, *network.fused):
        block.register_forward_pre_hook(enter)
        block.register_forward_hook(leave)
    counter = FlopCounterMode(display=False)
    with counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        network(noisy, time, time, conditions, guidance)
    total = numbers(kept)
    if recompute:  # all that blocks are given, and the inside of one at a time
        total += numbers(given) + max(inside) - sum(inside)
    return float(counter.get_total_flops()), total, sum(value.numel() for value in network.parameters())


def _snapshots(config: TrainingConfig) -> int:
    """How many moments of the run have snapshots at its end."""
    loop = config.loop
    if not loop.snapshot_steps:
        return 1
    written = -(-loop.steps // loop.snapshot_steps) if loop.steps else loop.keep_snapshots
    return min(written, loop.keep_snapshots)


def _trained_numbers(config: TrainingConfig) -> tuple[int, int]:
    """Numbers that are trained, and those that the optimizer keeps of them."""
    with torch.device("meta"):
        network = VelocityNetwork(config.network)
        if config.adapter_rank:
            add_adapters(network, config.adapter_rank)
    trained = [value for value in network.parameters() if value.requires_grad]
    count = sum(value.numel() for value in trained)
    if config.loop.optimizer.kind == "adamw":
        return count, 2 * count
    # Adafactor: a row and a column of the last two axes.
    sides = ((value.numel() // value.shape[-1], value.numel() // value.shape[-2]) for value in trained
             if value.dim() > 1)  # fmt: skip
    return count, sum(map(sum, sides)) + sum(value.numel() for value in trained if value.dim() < 2)


def _timeline(config: NetworkConfig, seconds: float) -> Timeline:
    """Lengths at the rates of the stack that belongs to a network."""
    if stack_of(config) == "44k":
        return Timeline(seconds, sample_rate=44_100, latent_hop=1024)  # type: ignore[arg-type]
    return Timeline(seconds)  # type: ignore[arg-type]


def _conditions(
    config: NetworkConfig, rows: int, semantic: int, sync: int, device: torch.device
) -> Conditions:
    return Conditions.of(
        semantic=torch.zeros(rows, semantic, config.semantic_dim, device=device),
        sync=torch.zeros(rows, sync, config.sync_dim, device=device),
        text=torch.zeros(rows, config.text_tokens, config.text_dim, device=device),
    )
