"""How far a piece of work is: what the pipeline calls while it works, and an estimate of what is left.

A film is told in two long phases, "watch" (its pictures are read) and "film" (its sound is made), each with
the share done; the short phases inside a window go on being told. Knows a clock, nothing of what is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]
Show = Callable[[str, float, float | None], None]
LONG_PHASES = ("watch", "film")


def silent_progress(phase: str, share: float) -> None:
    """Progress that nobody watches."""


class TimeLeft:
    """A progress callback that adds how long the phase will still take.

        pipeline.generate("film.mp4", progress=TimeLeft(print))      # film 0.43 12.1

    The rate is that of the phase so far. While a film is told as a whole, what happens inside its windows is
    not passed on.

    Args:
        show: called with (phase, share done 0 .. 1, seconds left in this phase or None while nobody can say).
        clock: seconds that only grow.
    """

    def __init__(self, show: Show, clock: Callable[[], float] = time.perf_counter) -> None:
        self.show, self.clock = show, clock
        self._phase: str | None = None
        self._began = self._from = 0.0
        self._long = False

    def __call__(self, phase: str, share: float) -> None:
        """What the pipeline calls."""
        if self._long and phase not in LONG_PHASES:
            return
        if phase != self._phase or share < self._from:
            self._phase, self._began, self._from = phase, self.clock(), share
        self._long = phase in LONG_PHASES and share < 1
        self.show(phase, share, self._left(share))

    def _left(self, share: float) -> float | None:
        if share >= 1:
            return 0.0
        done, spent = share - self._from, self.clock() - self._began
        return spent * (1 - share) / done if done > 0 and spent > 0 else None


@contextmanager
def timed(timings: dict[str, float], phase: str, progress: Progress) -> Iterator[None]:
    """Report a phase and add its seconds to `timings`."""
    progress(phase, 0.0)
    began = time.perf_counter()
    yield
    timings[phase] = timings.get(phase, 0.0) + time.perf_counter() - began
    progress(phase, 1.0)
