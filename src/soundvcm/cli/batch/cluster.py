"""A batch on a Ray cluster: each process loads the model once and does whole clips; the report is made here.

Results are written beside their place and renamed, so that a process that dies leaves nothing half done
and its clip begins anew elsewhere. Knows the work on one clip and `clusters`; nothing of Ray.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from soundvcm import clusters
from soundvcm.cli.batch.items import Item
from soundvcm.cli.batch.report import Record, Report
from soundvcm.cli.batch.work import BatchSettings
from soundvcm.errors import ClusterError, SoundVCMError
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.progress import silent_progress

if TYPE_CHECKING:
    from soundvcm.generate.pipeline import Pipeline

Task = tuple[Item, Record | None]


def records(
    orders: BatchSettings, items: list[Item], report: Report, address: str, workers: int
) -> Iterator[tuple[Item, Record]]:
    """The items with their lines of the report, in the order in which they end; each once.

    Raises:
        MissingExtraError: without Ray.
        ClusterError: if the cluster cannot be used, or the model not be loaded there.
    """
    tasks = [(item, None if item.fault else report.latest(orders.target(item.output))) for item in items]
    start = partial(begin, orders)
    for answer in clusters.spread(
        start, tasks, address=address, workers=workers, device=orders.options["device"]
    ):
        item = items[answer.number]
        yield item, orders.lost(item, answer.error) if answer.result is None else answer.result


def begin(orders: BatchSettings) -> Callable[[Task], Record]:
    """In a process of the cluster: the work on one clip; the model is loaded when the first clip needs it."""
    loaded: list[Pipeline] = []

    def work(task: Task) -> Record:
        item, earlier = task
        ready = orders.begin(item, earlier)
        if ready.open:
            if not loaded:
                loaded.append(_load(orders, ready.request))
            ready.look(loaded[0], silent_progress)
        return orders.make(loaded[0] if loaded else None, ready, silent_progress)

    return work


def _load(orders: BatchSettings, request: GenerateOptions) -> Pipeline:
    try:
        return orders.load(request)
    except SoundVCMError as error:
        raise ClusterError(str(error)) from None
