"""Batches prepared ahead by threads; what they hold does not depend on how many threads there are.

Possible because a batch is a pure function of its step and part. Knows batches only as values with `.to`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from soundvcm.data.mixture import Batch


class Feed:
    """Draws the batches of one process in order, some of them ahead.

    Args:
        draw: (step, part) -> batch; may be called from several threads at once.
        parts: the parts of each step this process takes, in order.
        workers: threads, and batches kept ready; 0 draws each batch when it is taken.
        pin: put them into page-locked memory, which a GPU fetches while it computes.
    """

    def __init__(
        self, draw: Callable[[int, int], Batch], parts: list[int], workers: int, pin: bool = False
    ) -> None:
        self._draw = (lambda step, part: draw(step, part).pinned()) if pin else draw
        self._parts, self._workers = parts, workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="soundvcm-feed") if workers else None
        self._ready: dict[int, Future[Batch]] = {}

    def take(self, step: int, place: int) -> Batch:
        """The batch of this process' `place`-th part of a step; whatever drawing it raised is raised here."""
        turn = step * len(self._parts) + place
        if self._pool is None:
            return self._draw(step, self._parts[place])
        for ahead in range(turn, turn + 1 + self._workers):
            if ahead not in self._ready:
                next_step, next_place = divmod(ahead, len(self._parts))
                self._ready[ahead] = self._pool.submit(self._draw, next_step, self._parts[next_place])
        for old in [key for key in self._ready if key < turn]:
            del self._ready[old]
        return self._ready.pop(turn).result()

    def close(self) -> None:
        """Stop the threads; batches drawn ahead are forgotten."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
