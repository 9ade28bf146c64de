"""The processes of one run under torchrun, or the single one: the only file that touches torch.distributed.

Every process takes its part of each batch; gradients are averaged by DDP; small facts (loss, "stop", "bad")
are summed
once a step, so that all processes decide alike. Knows neither data nor objectives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
    """

    def __init__(self, rank: int = 0, size: int = 1, device: torch.device | None = None) -> None:
        self.rank, self.size = rank, size
        self.device = device or torch.device("cpu")

    @property
    def leads(self) -> bool:
        """This process writes files and reports."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network whose backward averages gradients over the team (DDP); itself for a team of one."""
        if self.size == 1:
            return network
        from torch.nn.parallel import DistributedDataParallel

        ids = [self.device.index] if self.device.type == "cuda" else None
        # Buffers are constants here; newer PyTorch has another name for "do not send them at every pass".
        known = signature(DistributedDataParallel.__init__).parameters
        name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
        options: dict[str, Any] = {name: False, "gradient_as_bucket_view": True}
        return DistributedDataParallel(network, device_ids=ids, **options)

    def without_sync(self, module: nn.Module) -> AbstractContextManager[Any]:
        """Backward passes inside only add up locally (all but the last accumulated pass)."""
        no_sync = getattr(module, "no_sync", None)
        return no_sync() if self.size > 1 and no_sync is not None else nullcontext()

    def total(self, values: Tensor) -> Tensor:
        """Sum of a small tensor over the team."""
        if self.size > 1:
            import torch.distributed as dist

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


@contextmanager
def team(device: torch.device) -> Iterator[Team]:
    """The team this process belongs to: torchrun's, or a team of one.

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
        yield Team(rank, size, device)
    except (RuntimeError, dist.DistError) as error:
        if not is_lost_peer(error):
            raise
        raise TrainingError(
            f"process {rank} of {size} lost another one ({str(error).splitlines()[0][:120]}); the last"
            f" checkpoint is"
            " whole: run the same command again to go on from it"
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
