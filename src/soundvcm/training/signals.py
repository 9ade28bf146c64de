"""Stopping between steps: Ctrl-C and SIGTERM become a wish that the loop reads. Knows nothing of training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_signals(ask: Callable[[], bool]) -> Iterator[None]:
    """Inside the block the signals call `ask` (True: it was asked before); a second Ctrl-C stops at once.

    Handlers are put back afterwards. Outside the main thread, where Python allows no handlers, nothing
    changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if ask() and number == signal.SIGINT:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
