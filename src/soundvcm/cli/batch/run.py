"""A batch: many clips, one load of the model, a report written as it goes, and an exit code that tells.

While the network works on one clip, one thread encodes the next and one reads the one after it; or each
process of a Ray cluster loads the model once and does whole clips, and the report is made here. Results are
written beside their place and renamed, so that a process that dies leaves nothing half done and its clip
begins anew elsewhere.
Knows the items, the report and the order of the work; what is done with a clip is not its affair.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from soundvcm import clusters
from soundvcm.cli.batch.items import Item, Plan
from soundvcm.cli.batch.report import Record, Report
from soundvcm.cli.batch.work import BatchSettings, LoadedItem
from soundvcm.cli.terminal import Phases, emit_json, in_words, summary
from soundvcm.errors import ClusterError, SoundVCMError
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.progress import silent_progress

if TYPE_CHECKING:
    from soundvcm.generate.pipeline import Pipeline

Task = tuple[Item, Record | None]


def _on_cluster(
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


@dataclass
class _Tally:
    """What became of the clips so far."""

    done: int = 0
    skipped: int = 0
    failed: int = 0
    ignored: int = 0
    seconds: float = 0.0  # of sound made
    took: float = 0.0  # the whole run, s

    @property
    def exit_code(self) -> int:
        """0 all, 3 some failed, 2 none succeeded."""
        if not self.failed:
            return 0
        return 3 if self.done or self.skipped else 2


def run_batch(
    work: Plan,
    request: GenerateOptions,
    options: dict[str, str],
    *,
    skip_existing: bool = True,
    overwrite: bool = False,
    as_json: bool = False,
    cluster: tuple[str, int] | None = None,
) -> int:
    """Make the sound of every clip of a plan; clips that fail do not stop the others.

    Args:
        work: the clips and where their results go.
        request: what is asked of each; rows of tables may say prompt and seed. `output` is a folder.
        options: name, device and dtype of the model.
        skip_existing: leave out what is there with the same content and settings.
        overwrite: make everything again, in place of whatever lies there.
        as_json: print one object instead of the summary, and no progress.
        cluster: address of a Ray cluster and processes on it (0: as many as fit); None works here.

    Returns:
        The exit code: 0 all well (or already done), 3 some failed, 2 none succeeded.

    Raises:
        WeightsError, DeviceError: if the model cannot be loaded.
        MissingExtraError, ClusterError: if the cluster cannot be used.
    """
    batch = Batch(
        BatchSettings(request, options, work.folder, overwrite, skip_existing),
        cluster=cluster,
        show=False if as_json else None,
    )
    with Report(work.folder) as report:
        tally = batch.run(work, report)
    if as_json:
        emit_json({"clips": len(work.items), **asdict(tally), "report": str(report.path)})
    else:
        summary(f"{_in_short(len(work.items), tally)}; report: {report.path}")
    return tally.exit_code


def _in_short(clips: int, tally: _Tally) -> str:
    """One line about a whole run."""
    counts = [f"{getattr(tally, name)} {name}" for name in ("done", "skipped", "failed", "ignored")]
    kept = ", ".join(text for text in counts if not text.startswith("0 ")) or "nothing to do"
    speed = f" ({tally.seconds / tally.took:.1f} x real time)" if tally.seconds else ""
    return f"{clips} clips: {kept}; {in_words(tally.seconds)} of sound in {in_words(tally.took)}{speed}"


class _Cancelled(Exception):  # noqa: N818 - it ends a thread, nobody reports it
    """The run ended while the next clip was being read."""


class Batch:
    """The work itself.

    Args:
        orders: what holds for every clip.
        cluster: address and processes of a Ray cluster; None works here.
        show: progress; None shows it where standard error is a terminal.
    """

    def __init__(
        self, orders: BatchSettings, *, cluster: tuple[str, int] | None = None, show: bool | None = None
    ) -> None:
        self.orders, self.cluster = orders, cluster
        self.phases, self.tally = Phases(show), _Tally()
        self._pipeline: Pipeline | None = None
        self._leaving = threading.Event()
        self._label = ""
        self._begun: LoadedItem | None = None  # the clip after the one that is being encoded

    def run(self, work: Plan, report: Report) -> _Tally:
        """Do all items; a line of the report and, for a failure, one on standard error each."""
        self.tally.ignored, began = work.ignored, time.perf_counter()
        try:
            (self._here if self.cluster is None else self._there)(work.items, report, began)
        finally:
            self.phases.clear()
            self.tally.took = time.perf_counter() - began
        return self.tally

    def _here(self, items: list[Item], report: Report, began: float) -> None:
        """One after the other, in order."""
        for number, ready in enumerate(self._ahead(items, report)):
            self._label = self._place(number, len(items), ready.item, time.perf_counter() - began)
            self._note(self.orders.make(self._pipeline, ready, self._show), report)

    def _there(self, items: list[Item], report: Report, began: float) -> None:
        """On a cluster, in the order in which they end."""
        assert self.cluster is not None
        self.phases("cluster", 0.0)
        with contextlib.redirect_stdout(sys.stderr):  # Ray tells of dead processes on standard output
            for number, (item, record) in enumerate(
                _on_cluster(self.orders, items, report, *self.cluster), 1
            ):
                self._note(record, report)
                if number < len(items):
                    place = self._place(number, len(items), item, time.perf_counter() - began)
                    self.phases(place, number / len(items))

    def _ahead(self, items: list[Item], report: Report) -> Iterator[LoadedItem]:
        """Items in order, the next one being prepared while the caller works on the one before."""
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
            try:
                after = [*items[1:], None]
                coming = thread.submit(self._prepare, items[0], after[0], report)
                for item, following in zip(after, [*after[1:], None], strict=True):
                    ready = coming.result()
                    if item is not None:
                        coming = thread.submit(self._prepare, item, following, report)
                    yield ready
            finally:
                self._leaving.set()
                thread.shutdown(wait=True, cancel_futures=True)
                if self._begun is not None and self._begun.ahead is not None:
                    self._begun.ahead.close()

    def _prepare(self, item: Item, following: Item | None, report: Report) -> LoadedItem:
        """In the thread: is it done already? If not, encode it, while another thread reads the one after."""
        ready, self._begun = self._begun or self._begin(item, report), None
        if ready.open:
            pipeline = self.pipeline(ready.request)  # outside of any try: without a model the whole run ends
            if following is not None:
                self._begun = self._begin(following, report)
                self._begun.read(pipeline)
            ready.look(pipeline, self._ended)
        return ready

    def _begin(self, item: Item, report: Report) -> LoadedItem:
        return self.orders.begin(item, report.latest(self.orders.target(item.output)))

    def _ended(self, phase: str, share: float) -> None:
        if self._leaving.is_set():
            raise _Cancelled("the run ended")

    def pipeline(self, request: GenerateOptions) -> Pipeline:
        """The model, loaded when the first clip needs it.

        Raises:
            OptionError: for what the model cannot do.
        """
        if self._pipeline is None:
            self.phases("load", 0.0)
            self._pipeline = self.orders.load(request)
        return self._pipeline

    def _note(self, record: Record, report: Report) -> None:
        """A line of the report, counted; a failure is said."""
        report.add(record)
        status = record["status"]
        setattr(self.tally, status, getattr(self.tally, status) + 1)
        if status == "done":
            self.tally.seconds += record["seconds"]
        elif status == "failed":
            self.phases.clear()
            print(f"soundvcm: failed: {named(record)}", file=sys.stderr)

    def _place(self, number: int, count: int, item: Item, seconds: float) -> str:
        """Where the run stands: 3/12, 1 failed, 40 a minute, 20 s left, name."""
        parts = [f"{number + 1}/{count}"]
        if self.tally.failed:
            parts.append(f"{self.tally.failed} failed")
        worked = number - self.tally.skipped
        if worked > 0:
            left = in_words(seconds / worked * (count - number))
            parts.append(f"{60 * worked / seconds:.0f} a minute, {left} left")
        room = max(10, shutil.get_terminal_size().columns - len(", ".join(parts)) - 24)
        name = "".join(letter if letter.isprintable() else "?" for letter in item.source.name)
        return ", ".join([*parts, name if len(name) <= room else name[: room - 3] + "..."])

    def _show(self, phase: str, share: float) -> None:
        self.phases(f"{self._label}: {phase}", share)


def named(record: Record) -> str:
    """Why a clip failed, after its path; a row of a table that names no usable clip says its own place."""
    path, why = record["file"], record["reason"]
    if record["target"] is None:
        return str(why)
    return f"{path}: {why.removeprefix(f'{path}: ').removeprefix(f'{Path(path).name}: ')}"
