"""The processes of one run under torchrun, or the single one: the only file that touches torch.distributed.

Every process takes its part of each batch; gradients are averaged by DDP, or by FSDP2, which also shares out
weights, moments and averages. Small facts (loss, "stop", "bad") are summed once a step, so that all processes
decide alike. Knows neither data nor objectives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from soundvcm.errors import TrainingError

TIMEOUT_SECONDS = 600.0


class Team:
    """The processes of a run.

    Attributes:
        rank: number of this process, from 0.
        size: how many there are.
        device: what this process computes on.
        shards: the network is shared out (FSDP2): every process then takes part in whatever needs it whole,
            such as validating and saving.
    """

    def __init__(
        self, rank: int = 0, size: int = 1, device: torch.device | None = None, *, shards: bool = False
    ) -> None:
        self.rank, self.size, self.shards = rank, size, shards and size > 1
        self.device = device or torch.device("cpu")

    @property
    def leads(self) -> bool:
        """This process writes files and reports."""
        return self.rank == 0

    def place(self, network: nn.Module) -> None:
        """Share a network out (FSDP2), each element of its module lists as a unit; nothing for other teams.

        Every process must hold the same weights. Parameters become DTensors.
        """
        if self.shards:
            from torch.distributed.device_mesh import init_device_mesh
            from torch.distributed.fsdp import fully_shard

            mesh = init_device_mesh(self.device.type, (self.size,))
            lists = [child for child in network.children() if isinstance(child, nn.ModuleList)]
            for unit in (*(block for blocks in lists for block in blocks), network):
                # Gradient-free passes come between forward and backward: nothing may stay gathered.
                fully_shard(unit, mesh=mesh, reshard_after_forward=True)

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network whose backward averages gradients over the team; itself where it needs no wrapper."""
        if self.size == 1 or self.shards:
            return network
        from torch.nn.parallel import DistributedDataParallel

        ids = [self.device.index] if self.device.type == "cuda" else None
        # Buffers are constants here; newer PyTorch has another name for "do not send them at every pass".
        known = signature(DistributedDataParallel.__init__).parameters
        name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
        options: dict[str, Any] = {name: False, "gradient_as_bucket_view": True}
        return DistributedDataParallel(network, device_ids=ids, **options)

    @contextmanager
    def without_sync(self, module: nn.Module) -> Iterator[None]:
        """Backward passes inside only add up locally (all but the last accumulated pass)."""
        held = getattr(module, "set_requires_gradient_sync", None) if self.shards else None
        no_sync = getattr(module, "no_sync", nullcontext) if self.size > 1 else nullcontext
        if held is not None:
            held(False)
        try:
            with nullcontext() if held is not None else no_sync():
                yield
        finally:
            if held is not None:
                held(True)

    def norm(self, gradients: list[Tensor]) -> Tensor:
        """Length of all gradients together; of the whole ones where each process holds a part."""
        own = torch.stack(list(torch._foreach_norm([local(each) for each in gradients]))).norm()
        return self.total(own.double().square()).sqrt() if self.shards else own

    def total(self, values: Tensor) -> Tensor:
        """Sum of a small tensor over the team, on the device of the team."""
        if self.size > 1:
            import torch.distributed as dist

            values = values.to(self.device)
            dist.all_reduce(values)
        return values

    def wait(self) -> None:
        """Return when every process is here."""
        self.total(torch.zeros(1, device=self.device))

    def same(self, words: str) -> bool:
        """True if every process was given the same words (configuration, resume point)."""
        if self.size == 1:
            return True
        import torch.distributed as dist

        gathered: list[Any] = [None] * self.size
        dist.all_gather_object(gathered, words)
        return len(set(gathered)) == 1


def local(value: Tensor) -> Tensor:
    """What this process holds of a tensor, sharing its memory; a tensor that is not shared out, as it is."""
    part: Tensor = value.to_local() if hasattr(value, "to_local") else value
    return part


def whole(tensors: Mapping[str, Tensor], *, keep: bool = True) -> dict[str, Tensor]:
    """Whole tensors from the parts of all processes, which must all ask; on the CPU where any was shared out.

    Args:
        tensors: by name; those that are not shared out stay as they are.
        keep: False takes part and returns nothing, for processes that do not need the result.
    """
    found = {}
    for name, value in tensors.items():
        gathered = value.full_tensor().cpu() if hasattr(value, "full_tensor") else value
        if keep:
            found[name] = gathered
    return found


def part_of(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor shared out as another one is; as it is where that one is not (or has another shape)."""
    if not hasattr(like, "placements") or value.shape != like.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    known: Any = like
    shared: Tensor = distribute_tensor(value.to(like.device), known.device_mesh, known.placements)
    return shared


@contextmanager
def team(device: torch.device, *, shards: bool = False) -> Iterator[Team]:
    """The team this process belongs to: torchrun's, or a team of one.

    Args:
        device: cpu, or the kind of GPU; each process takes its own.
        shards: share the network out (FSDP2) instead of copying it (DDP).

    Raises:
        TrainingError: if another process is lost meanwhile; the last checkpoint is whole, so the run can go
            on.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team(device=device)
        return
    import torch.distributed as dist

    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    if device.type == "cuda":
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=timedelta(seconds=TIMEOUT_SECONDS))
    try:
        together = Team(rank, size, device, shards=shards)
        yield together
        together.wait()  # who closes its connections while others still talk makes them abort
    except (RuntimeError, dist.DistError) as error:
        if not is_lost_peer(error):
            raise
        raise TrainingError(
            f"process {rank} of {size} lost another one ({str(error).splitlines()[0][:120]}); the last"
            " checkpoint is whole: run the same command again to go on from it"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def is_lost_peer(error: BaseException) -> bool:
    """The error says that another process is gone, rather than that this one did something wrong."""
    text = f"{type(error).__name__} {error}".lower()
    signs = (
        "connection closed",
        "connection reset",
        "peer",
        "timed out",
        "timeout",
        "nccl",
        "gloo",
        "disterror",
        "socket",
    )
    return any(sign in text for sign in signs)
