"""Extraction on a Ray cluster: each process loads encoders and codec once and makes whole shards.

A shard is whole or not there, so one whose process died begins anew elsewhere. Knows the work on one shard
and `clusters`; nothing of Ray.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from soundvcm import clusters
from soundvcm.cli.terminal import say
from soundvcm.errors import StoreError

if TYPE_CHECKING:
    from soundvcm.data.extract import Extraction, Parts

#: (model, device) => encoders and codec
Load = Callable[[str, str], "Parts"]


def spread_out(
    output: Path,
    plan: Extraction,
    done: set[int],
    load: Load,
    model: str,
    device: str,
    address: str,
    workers: int,
) -> None:
    """Make all missing shards on a cluster.

    Args:
        output: folder of the store; every machine sees it, and the clips, under the same path.
        plan: already saved there.
        done: numbers of the shards that are there.
        load: makes the parts in each process.
        model: whose parts.
        device: of each process.
        address: of the cluster.
        workers: processes; 0 for as many as it has room for.

    Raises:
        MissingExtraError: without Ray.
        ClusterError: if the cluster cannot be used, or the parts not be loaded there.
        StoreError: if a shard could not be made; the others are kept.
    """
    everything = [number for number, _ in plan.shards()]
    missing = [number for number in everything if number not in done]
    start, failed = partial(begin, output.absolute(), load, model, device), []
    with contextlib.redirect_stdout(sys.stderr):  # Ray tells of dead processes on standard output
        answers = clusters.spread(start, missing, address=address, workers=workers, device=device)
        for count, answer in enumerate(answers, len(done) + 1):
            if answer.error:
                failed.append((missing[answer.number], answer.error))
            say(f"extract: shard {count} of {len(everything)}")
    if failed:
        number, error = failed[0]
        raise StoreError(
            f"{len(failed)} of {len(everything)} shards could not be made (shard {number}: {error}): run the"
            f" same command again to go on ({output})"
        )


def begin(output: Path, load: Load, model: str, device: str) -> Callable[[int], None]:
    """In a process of the cluster: the work on one shard; parts and plan are read once."""
    from soundvcm import runtime
    from soundvcm.data.extract import Extraction, write_shard

    plan, parts = Extraction.load(output), load(model, device)

    def work(number: int) -> None:
        with runtime.threads(1):  # the same sums whatever the number of processes
            write_shard(output, plan, parts, number)

    return work
