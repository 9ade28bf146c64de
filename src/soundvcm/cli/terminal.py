"""What a person at a terminal sees while a command works: a rewritten phase line, times in words.

Where standard error is no terminal, a plain line at most every ten seconds. Knows no command.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from soundvcm.generate.progress import TimeLeft

SECONDS_BETWEEN_LINES = 10.0


class _Voice:
    """How much is said: `main` sets it once, from -q and -v."""

    quiet = False
    verbose = False


voice = _Voice()


class Phases:
    """Shows the running phase: what, how much is done, how much time is left.

    On a terminal one line is rewritten; elsewhere (logs, CI) there is a line at most every ten seconds.
    """

    def __init__(self, show: bool | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.show = (not voice.quiet) if show is None else show
        self.rewrite = sys.stderr.isatty() or show is True
        self._clock, self._said = clock, clock()
        self.began = time.perf_counter()
        self._estimate = TimeLeft(self._line, clock)

    def __call__(self, phase: str, share: float) -> None:
        """Called by the pipeline: name of the phase and share done, 0 .. 1."""
        if self.show:
            self._estimate(phase, share)

    def _line(self, phase: str, share: float, left: float | None) -> None:
        done = "" if share in (0.0, 1.0) else f" {share:4.0%}"
        soon = f", {in_words(left)} left" if done and left is not None else ""
        if self.rewrite:
            print(f"\r\x1b[K{phase}{done}{soon} ...", end="", file=sys.stderr, flush=True)
        elif self._clock() - self._said >= SECONDS_BETWEEN_LINES:
            self._said = self._clock()
            print(f"{phase}{done}{soon}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the line."""
        if self.show and self.rewrite:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def say(text: str) -> None:
    """A line for the person, on standard output."""
    print(text)


def note(text: str) -> None:
    """A remark or warning, on standard error; with -q nothing."""
    if not voice.quiet:
        print("note: " + " ".join(text.split()), file=sys.stderr)


def summary(text: str) -> None:
    """What came of a command, on standard output; with -q nothing."""
    if not voice.quiet:
        print(text)


def detail(text: str) -> None:
    """What helps to understand a fault, on standard error; with -v only."""
    if voice.verbose:
        print(text, file=sys.stderr)


def emit_json(values: dict[str, Any]) -> None:
    """One JSON object on one line of standard output, for machines."""
    print(json.dumps(values, ensure_ascii=False, default=str))


def in_words(seconds: float) -> str:
    """A time as a person says it: 0.34 s, 12 s, 3 min 05 s."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
