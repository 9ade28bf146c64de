"""A batch: many clips, one load of the model, a report written as it goes, and an exit code that tells.

While the network works on one clip, one thread reads and encodes the next. Knows the shared `job`, the items
and the report; how a sound is made is not its affair.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundvcm import job, runtime
from soundvcm.cli.batch_items import Item, Plan, plan
from soundvcm.cli.batch_report import Record, Report, fingerprint, refuse_strangers
from soundvcm.cli.generate import load_pipeline
from soundvcm.cli.terminal import Phases, emit_json, in_words, say
from soundvcm.errors import MediaError, SoundVCMError
from soundvcm.request import Request
from soundvcm.sound import Watched
from soundvcm.timeline import exact_seconds

if TYPE_CHECKING:
    from soundvcm.pipeline import Pipeline


@dataclass
class Ready:
    """A clip that was looked at ahead of its turn.

    Attributes:
        item: what it is.
        request: what is asked of it.
        mark: fingerprint of content and settings; "" if the clip could not be read.
        done: line of the report that says it is done.
        watched: its features; None if it is done or cannot be done.
        reason: why it cannot be done.
    """

    item: Item
    request: Request
    mark: str = ""
    done: Record | None = None
    watched: Watched | None = None
    reason: str = ""


@dataclass
class Tally:
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
    inputs: tuple[Path, ...],
    request: Request,
    options: dict[str, str],
    *,
    overwrite: bool = False,
    as_json: bool = False,
) -> int:
    """Make the sound of every clip in files, folders and tables; clips that fail do not stop the others.

    Args:
        inputs: clips, folders, and tables (CSV, TSV, JSONL).
        request: what is asked of each; rows of tables may say prompt and seed. `output` is a folder.
        options: name, device and dtype of the model.
        overwrite: make again what is there with the same content and settings.
        as_json: print one object instead of the summary, and no progress.

    Returns:
        The exit code: 0 all well (or already done), 3 some failed, 2 none succeeded.

    Raises:
        OptionError: for what is wrong for every clip; nothing was done.
        WeightsError, DeviceError: if the model cannot be loaded.
    """
    check_for_all(request)
    work = plan(inputs, request)
    batch = Batch(request, options, overwrite=overwrite, show=False if as_json else None)
    with Report(work.folder) as report:
        tally = batch.run(work, report)
    if as_json:
        emit_json({"clips": len(work.items), **asdict(tally), "report": str(report.path)})
    else:
        say(f"{in_short(len(work.items), tally)}; report: {report.path}")
    return tally.exit_code


def check_for_all(request: Request) -> None:
    """Refuse at once what would fail for each clip in turn.

    Raises:
        InputError: for a seed, a start or a duration that makes no sense.
    """
    runtime.pick_seed(request.seed)
    exact_seconds(request.start)
    if request.duration is not None:
        exact_seconds(request.duration)


def in_short(clips: int, tally: Tally) -> str:
    """One line about a whole run."""
    counts = [f"{getattr(tally, name)} {name}" for name in ("done", "skipped", "failed", "ignored")]
    kept = ", ".join(text for text in counts if not text.startswith("0 ")) or "nothing to do"
    speed = f" ({tally.seconds / tally.took:.1f} x real time)" if tally.seconds else ""
    return f"{clips} clips: {kept}; {in_words(tally.seconds)} of sound in {in_words(tally.took)}{speed}"


class Cancelled(Exception):  # noqa: N818 - it ends a thread, nobody reports it
    """The run ended while the next clip was being read."""


class Batch:
    """The work itself.

    Args:
        request: what is asked of every clip.
        options: name, device and dtype of the model.
        overwrite: do again what is done.
        show: progress; None shows it where standard error is a terminal.
    """

    def __init__(
        self, request: Request, options: dict[str, str], *, overwrite: bool = False, show: bool | None = None
    ) -> None:
        self.request, self.options, self.overwrite = request, options, overwrite
        self.phases, self.tally = Phases(show), Tally()
        self._pipeline: Pipeline | None = None
        self._leaving = threading.Event()
        self._label = ""

    def run(self, work: Plan, report: Report) -> Tally:
        """Do all items in order; a line of the report and, for a failure, one on standard error each."""
        self.tally.ignored, began = work.ignored, time.perf_counter()
        try:
            for number, ready in enumerate(self._ahead(work.items, report)):
                self._label = self._place(number, len(work.items), ready.item, time.perf_counter() - began)
                record = self._one(ready, report)
                report.add(record)
                self._count(record)
        finally:
            self.phases.clear()
            self.tally.took = time.perf_counter() - began
        return self.tally

    def _ahead(self, items: list[Item], report: Report) -> Iterator[Ready]:
        """Items in order, the next one being prepared while the caller works on the one before."""
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
            try:
                coming = thread.submit(self._prepare, items[0], report)
                for item in [*items[1:], None]:
                    ready = coming.result()
                    if item is not None:
                        coming = thread.submit(self._prepare, item, report)
                    yield ready
            finally:
                self._leaving.set()
                thread.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, item: Item, report: Report) -> Ready:
        """In the thread: is it done already? If not, read and encode it."""
        prompt = self.request.prompt if item.prompt is None else item.prompt
        seed = self.request.seed if item.seed is None else item.seed
        request = replace(self.request, video=item.source, output=item.output, prompt=prompt, seed=seed)
        ready = Ready(item, request, reason=item.fault)
        if item.fault:
            return ready
        try:
            if not item.source.exists():
                raise MediaError(f"{item.source}: no such file")
            ready.mark = fingerprint(item.source, request, self.options)
            target = report.target(item.output)
            ready.done = None if self.overwrite else report.finished(target, ready.mark)
            if ready.done is not None:
                return ready
            if not self.overwrite:
                refuse_strangers(request)
        except (SoundVCMError, OSError) as error:
            ready.reason = reason(error)
            return ready
        pipeline = self.pipeline(request)  # outside of any try: without a model the whole run ends
        try:
            ready.watched = pipeline.watch(
                item.source, start=request.start, seconds=request.duration, progress=self._ended
            )
        except Cancelled:
            ready.reason = "the run ended"
        except Exception as error:  # a clip that breaks us must not take the others with it
            ready.reason = reason(error)
        return ready

    def _ended(self, phase: str, share: float) -> None:
        if self._leaving.is_set():
            raise Cancelled

    def pipeline(self, request: Request) -> Pipeline:
        """The model, loaded when the first clip needs it.

        Raises:
            OptionError: for what the model cannot do.
        """
        if self._pipeline is None:
            self.phases("load", 0.0)
            self._pipeline = load_pipeline(self.options)
            job.check_request(self._pipeline, replace(request, seed=self.request.seed))
        return self._pipeline

    def _one(self, ready: Ready, report: Report) -> Record:
        """The line of one item, after its work."""
        target = None if ready.item.fault else report.target(ready.item.output)
        record: Record = {"file": str(ready.item.source), "target": target}
        if ready.done is not None:
            return {**ready.done, **record, "status": "skipped", "took": 0.0}
        began = time.perf_counter()
        outcome, why = None, ready.reason
        if ready.watched is not None and self._pipeline is not None:
            try:
                outcome = job.run(self._pipeline, ready.request, self._show, ready.watched)
            except Exception as error:
                why = reason(error)
        result: dict[str, Any] = {"status": "failed", "seconds": None, "seed": None, "output": None}
        if outcome is not None:
            names = [report.target(path) for path in outcome.outputs]
            result = {
                "status": "done",
                "seconds": outcome.seconds,
                "seed": outcome.seeds[0],
                "output": names[0],
                "outputs": names,
                "bytes": [path.stat().st_size for path in outcome.outputs],
                "warnings": outcome.warnings,
            }
        facts = {"reason": why, "prompt": ready.request.prompt, "fingerprint": ready.mark}
        return {**record, **result, **facts, "took": round(time.perf_counter() - began, 3)}

    def _count(self, record: Record) -> None:
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


def reason(error: BaseException) -> str:
    """Why a clip failed, in one line; faults of ours carry the name of the exception."""
    if isinstance(error, OSError) and not isinstance(error, SoundVCMError):
        name = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        text = f"{name}{error.strerror or error}"
    else:
        text = str(error) if isinstance(error, SoundVCMError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
