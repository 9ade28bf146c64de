"""Whether a request is let in at all, decided before its body is read: queue, quota and disk.

    POST => a place (counted until its job waits or it is refused) or a refusal; nothing is kept of those

Knows limits and counts; nothing of HTTP, clips or jobs.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from soundvcm.web.limits import Limits, RefusedError
from soundvcm.web.metrics import Metrics
from soundvcm.web.store import JobStore

KEYS_REMEMBERED = 1000
GROWN_BYTES = 4 << 20  # that a body may grow between two looks at the disk


class Place:
    """Room that is held for one request: a place in the queue and bytes on the disk."""

    def __init__(self, queued: bool, count: int, left: Callable[[Place], None]) -> None:
        self.queued, self.bytes = queued, count
        self._left = left

    def leave(self) -> None:
        """Give it back: the job waits by itself now, or the request was refused. Harmless twice."""
        self._left(self)


class Admission:
    """Counts who is inside; safe to use from several threads.

    Args:
        limits: of the studio.
        store: knows what is on the disk.
        waiting: how many jobs wait in the queue.
        make_room: removes what is deleted already but could still be brought back.
        metrics: counts the jobs that are refused.
    """

    def __init__(
        self,
        limits: Limits,
        store: JobStore,
        waiting: Callable[[], int],
        make_room: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        self.limits, self.store, self.metrics = limits, store, metrics
        self.waiting, self.make_room = waiting, make_room
        self._places: set[Place] = set()
        self._lock = threading.Lock()

    def enter(self, queued: bool, count: int) -> Place:
        """Let a request in.

        Args:
            queued: whether it will be a job.
            count: bytes of its body, as far as its header says.

        Raises:
            RefusedError: 413 for too large a body, 429 for a full queue or quota, 507 for a full disk.
        """
        self.limits.check_upload(count)
        with self._lock:
            same = sum(place.queued == queued for place in self._places)
            self.check_queue(
                same + (self.waiting() if queued else 0), "jobs are waiting" if queued else "clips"
            )
            held = sum(place.bytes for place in self._places)
            try:
                self._check_room(held + count)
            except RefusedError:
                self.make_room()
                self._check_room(held + count)
            place = Place(queued, count, self._leave)
            self._places.add(place)
            return place

    def grow(self, place: Place, count: int) -> None:
        """A body turned out to be larger than its header said, or said nothing; asked after every few MiB.

        Raises:
            RefusedError: 429 for a full quota, 507 for a full disk.
        """
        if count < place.bytes + GROWN_BYTES:
            return
        with self._lock:
            place.bytes = count
            self._check_room(sum(one.bytes for one in self._places))

    def others(self, place: Place | None) -> int:
        """Places in the queue that are held by others than `place`."""
        with self._lock:
            return sum(one.queued and one is not place for one in self._places)

    def check_queue(self, count: int, what: str = "jobs are waiting") -> None:
        """Refuse one more than may wait.

        Raises:
            RefusedError: 429.
        """
        if count >= self.limits.waiting:
            self.metrics.count("refused_jobs")
            words = (
                f"{count} {what} already"
                if what.startswith("jobs")
                else f"{count} clips are coming in already"
            )
            raise RefusedError(429, f"{words}: try again later")

    def _check_room(self, count: int) -> None:
        self.limits.check_stored(self.store.stored_bytes() + count)
        self.store.check_room(count)

    def _leave(self, place: Place) -> None:
        with self._lock:
            self._places.discard(place)


class Repeats:
    """Requests that carry an Idempotency-Key: sent again, they get the job of the first time."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, str | None]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, key: str, content: str) -> str | None:
        """The id of the job that this key made earlier; None if it is new, and then `end` must follow.

        Raises:
            RefusedError: 409 while the first is still being taken in, 422 if it asked for something else.
        """
        with self._lock:
            found = self._known.get(key)
            if found is None:
                self._known[key] = (content, None)
                while len(self._known) > KEYS_REMEMBERED:
                    self._known.popitem(last=False)
                return None
            if found[0] != content:
                raise RefusedError(422, "this Idempotency-Key was used for another request")
            if found[1] is None:
                raise RefusedError(409, "the first request with this Idempotency-Key is still being taken in")
            return found[1]

    def end(self, key: str, job: str | None) -> None:
        """What became of the request: its job, or None if it was refused (it may then be tried again)."""
        with self._lock:
            content, _ = self._known.pop(key, ("", None))
            if job is not None:
                self._known[key] = (content, job)
