"""The same function over many tasks on a Ray cluster: each task is answered once, whichever processes die.

    start() => work, in each process;  work(task) => answer, in the order in which they end

A process that dies takes its task with it; the task goes to a new process, a few times. Only this file knows
Ray (extra [ray]), imported when it is used; torch is not. Knows nothing of clips, networks or commands.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Generic, TypeVar

from soundvcm.errors import ClusterError, MissingExtraError, OptionError, SoundVCMError

Task = TypeVar("Task")
Result = TypeVar("Result")
#: address of a cluster that lives as long as the run, on this machine
LOCAL = "local"
TRIES = 3


def core_count() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """What became of one task.

    Attributes:
        number: its place in the list of tasks.
        result: what the work returned; None if it failed.
        error: why it failed, one line; "" if it did not.
        tries: processes that began it; above 1 if some died.
    """

    number: int
    result: Result | None
    error: str
    tries: int


def spread(
    start: Callable[[], Callable[[Task], Result]],
    tasks: Sequence[Task],
    *,
    address: str,
    workers: int = 0,
    device: str = "auto",
    tries: int = TRIES,
) -> Iterator[Answer[Result]]:
    """Do all tasks on a cluster; an answer each, as they end.

    What a task writes must be whole or absent (written beside its place, then renamed): a process that dies
    in the middle is followed by another that begins the task anew. `start`, tasks and results travel by
    pickle; soundvcm must be installed on every machine and the files lie under the same paths.

    Args:
        start: called once in each process: loads what all tasks need, returns the work.
        tasks: one argument of the work each.
        address: "local" (a cluster of this machine for this run), "auto" (the one that runs here),
            "HOST:PORT" or "ray://HOST:PORT".
        workers: processes; 0 for as many as the cluster has room for.
        device: of a process: "cpu"; "cuda" takes one GPU each; "auto" does where the cluster has one.
        tries: processes that may die over one task before it counts as failed.

    Yields:
        Answers. An exception of the work is the answer's `error`; it is not tried again. A ClusterError of
        the work says that no task can be done: it ends the run, as one of `start` does.

    Raises:
        MissingExtraError: without Ray.
        ClusterError: no cluster at the address, no room for one process, or `start` failed.
        OptionError: for a number of processes below 0.
    """
    if workers < 0:
        raise OptionError(f"the number of Ray workers is 0 (as many as fit) or more, not {workers}")
    if not tasks:
        return
    ray = _connect(address, workers)
    try:
        cpus, gpus, room = _shares(ray.cluster_resources(), device)
        if room < 1:
            raise ClusterError(f"the Ray cluster at {address} has no room for a process with device {device}")
        pool: _Pool[Task] = _Pool(ray, start, {"num_cpus": cpus, "num_gpus": gpus}, tries)
        yield from pool.run(tasks, min(workers or room, len(tasks)))
    finally:
        ray.shutdown()


def _connect(address: str, workers: int) -> Any:
    """Ray, connected.

    Raises:
        MissingExtraError: if it is not installed.
        ClusterError: if nobody answers.
    """
    if find_spec("ray") is None:
        raise MissingExtraError("ray", "ray")
    # Nothing is told to anybody; processes without a GPU of their own see what the machine shows, which
    # Ray announces as its next default.
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        raise ClusterError("this process is connected to a Ray cluster already: call ray.shutdown() first")
    more: dict[str, Any] = {}
    if address == LOCAL:
        # Asked for two processes, a machine of one core lets them take turns.
        more = {"include_dashboard": False, "num_cpus": max(workers, core_count())}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **more)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        first = str(error).strip().split("\n")[0]
        raise ClusterError(
            f"no Ray cluster answers at {address} ({first}): start one with ray start --head, or use {LOCAL}"
        ) from None
    return ray


def _shares(have: dict[str, float], device: str) -> tuple[float, float, int]:
    """CPUs and GPUs of one process, and how many processes the cluster has room for."""
    kind = device.split(":")[0]
    if kind == "cuda" or (kind == "auto" and have.get("GPU", 0) >= 1):
        return 1.0, 1.0, int(min(have.get("GPU", 0), have.get("CPU", 0)))
    return 1.0, 0.0, int(have.get("CPU", 0))


class _Worker:
    """One process of the cluster; it answers with (kind, value), never with an exception."""

    def __init__(self, start: Callable[[], Callable[[Any], Any]]) -> None:
        self._start = start
        self._work: Callable[[Any], Any] | None = None

    def do(self, task: Any) -> tuple[str, Any]:
        """Work on a task, after the start if it is the first."""
        try:
            if self._work is None:
                self._work = self._start()
        except Exception as error:
            return "unfit", _in_a_line(error)
        try:
            return "done", self._work(task)
        except ClusterError as error:
            return "unfit", str(error)
        except Exception as error:
            return "failed", _in_a_line(error)


class _Pool(Generic[Task]):
    """Processes and the tasks they have."""

    def __init__(self, ray: Any, start: Any, share: dict[str, float], tries: int) -> None:
        self.ray, self.tries = ray, tries
        self._new = ray.remote(_Worker).options(max_restarts=0, max_task_retries=0, **share)
        self._start = ray.put(start)
        self._busy: dict[Any, tuple[Any, int]] = {}  # reference of the answer => process, number of the task

    def run(self, tasks: Sequence[Task], processes: int) -> Iterator[Answer[Any]]:
        """Answers as they come; a process without a task is ended, so that its share is free."""
        waiting = deque(range(len(tasks)))
        begun = [0] * len(tasks)
        died: tuple[type[Exception], ...] = (
            self.ray.exceptions.RayActorError,
            self.ray.exceptions.WorkerCrashedError,
            self.ray.exceptions.ObjectLostError,
        )

        def give(process: Any) -> None:
            number = waiting.popleft()
            begun[number] += 1
            self._busy[process.do.remote(tasks[number])] = (process, number)

        try:
            for _ in range(processes):
                give(self._new.remote(self._start))
            while self._busy:
                (ended,), _ = self.ray.wait(list(self._busy), num_returns=1)
                process, number = self._busy.pop(ended)
                answer: Answer[Any] | None = None
                try:
                    answer = _answer(self.ray.get(ended), number, begun[number])
                except died:
                    self._end(process)
                    process = None
                    if begun[number] >= self.tries:
                        why = f"the process died each of the {begun[number]} times it was tried"
                        answer = Answer(number, None, why, begun[number])
                    else:
                        waiting.appendleft(number)
                if waiting:
                    give(process or self._new.remote(self._start))
                elif process is not None:
                    self._end(process)
                if answer is not None:
                    yield answer
        finally:
            for process, _ in self._busy.values():
                self._end(process)

    def _end(self, process: Any) -> None:
        with suppress(Exception):  # it may be dead already
            self.ray.kill(process, no_restart=True)


def _answer(told: tuple[str, Any], number: int, tries: int) -> Answer[Any]:
    kind, value = told
    if kind == "unfit":
        raise ClusterError(f"a process of the Ray cluster cannot begin: {value}")
    return Answer(number, value, "", tries) if kind == "done" else Answer(number, None, value, tries)


def _in_a_line(error: Exception) -> str:
    text = str(error) if isinstance(error, SoundVCMError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
