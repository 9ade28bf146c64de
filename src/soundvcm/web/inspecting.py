"""Looking at uploaded clips in processes of their own, so that a bad file can cost neither memory nor time.

    file => a child process with a limit on memory => ClipPreview, or a refusal

A child that takes too long, takes too much, or whose client left is ended; the next file gets a fresh one.
Knows previews and processes; nothing of jobs or HTTP.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from soundvcm.web.clip import (
    ClipPreview,
    preview_as_json,
    preview_clip,
    preview_from,
    preview_sound,
)
from soundvcm.web.limits import Limits, RefusedError

CHILD_DATA_BYTES = 1 << 30  # memory a look may take beyond what the child needs to run
LEFT = "the client left before its file was looked at"
TOO_HEAVY = "this file takes too much to look at: make it smaller or shorter"


class Look:
    """One look at a file that is under way; `end` stops it from another thread."""

    def __init__(self) -> None:
        self.ended: str | None = None
        self._child: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def begin(self, child: subprocess.Popen[str]) -> None:
        """The child that looks; ended at once if nobody wants the answer any more."""
        with self._lock:
            self._child = child
            if self.ended is not None:
                child.kill()

    def end(self, why: str) -> None:
        """Stop: the client left, or the time is up."""
        with self._lock:
            self.ended = self.ended or why
            if self._child is not None:
                self._child.kill()

    def done(self) -> None:
        """The child has answered and is not this look's any more."""
        with self._lock:
            self._child = None


class Inspector:
    """A bounded number of child processes that look at files; safe to use from several threads.

    Args:
        children: how many may look at once; each starts when it is first needed.
        folder: of a studio that keeps nothing: a child whose studio was killed removes it.
    """

    def __init__(self, children: int = 2, folder: Path | None = None) -> None:
        self._words = [sys.executable, "-m", "soundvcm.web.inspecting", *([str(folder)] if folder else [])]
        self._idle: queue.LifoQueue[subprocess.Popen[str] | None] = queue.LifoQueue()
        self._all: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self.children = children
        for _ in range(children):
            self._idle.put(None)

    def warm(self) -> None:
        """Start one child now, so that the first upload need not wait for it."""
        child = self._idle.get()
        self._idle.put(child or self._start())

    def inspect(
        self, path: Path, limits: Limits, look: Look | None = None, sound: bool = False
    ) -> ClipPreview:
        """Look at a file, waiting for a free child.

        Args:
            path: of the file.
            limits: of the studio: length, pixels, seconds the look may take.
            look: lets another thread end it.
            sound: it should be a sound to go by, not a clip.

        Raises:
            RefusedError: 413 or 415 for what cannot be used, 408 if the client left.
        """
        look, field = look or Look(), "like" if sound else "video"
        if look.ended == "client":  # it left while others were looked at
            raise RefusedError(408, LEFT, field)
        with self._child() as child:
            look.begin(child)
            timer = threading.Timer(limits.inspect_seconds, look.end, ["time"])
            timer.start()
            try:
                reply = _ask(child, {"path": str(path), "limits": asdict(limits), "sound": sound})
            finally:
                timer.cancel()
                look.done()
        if reply is None:
            if look.ended == "client":
                raise RefusedError(408, LEFT, field)
            raise RefusedError(413, TOO_HEAVY, field)
        if "refused" in reply:
            status, words, told = reply["refused"]
            raise RefusedError(status, words, told or field)
        if "preview" not in reply:
            logging.getLogger(__name__).error("a look at a clip failed: %s", reply.get("fault"))
            raise RefusedError(415, "this file cannot be used", field)
        return preview_from(reply["preview"])

    def close(self) -> None:
        """End all children."""
        with self._lock:
            children, self._all = self._all, set()
        for child in children:
            child.kill()
            _bury(child)

    @contextmanager
    def _child(self) -> Iterator[subprocess.Popen[str]]:
        child = self._idle.get()
        try:
            if child is None or child.poll() is not None:
                child = self._start()
            yield child
        finally:
            if child is not None and child.poll() is not None:
                with self._lock:
                    self._all.discard(child)
                _bury(child)
                child = None
            self._idle.put(child)

    def _start(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        child = subprocess.Popen(
            self._words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        with self._lock:
            self._all.add(child)
        return child


def _ask(child: subprocess.Popen[str], question: dict[str, Any]) -> dict[str, Any] | None:
    """The answer of a child; None, and the child is ended, if it gives none."""
    assert child.stdin is not None and child.stdout is not None
    try:
        child.stdin.write(json.dumps(question) + "\n")
        child.stdin.flush()
        answer = child.stdout.readline()
        found: dict[str, Any] = json.loads(answer)
        return found
    except (OSError, ValueError):
        child.kill()
        child.wait()
        return None


def _bury(child: subprocess.Popen[str]) -> None:
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was not read by the child
                pass


# -- the child


def _bound_memory() -> None:
    """Let allocations fail beyond the budget, where the system can do that."""
    try:
        import resource

        words = Path("/proc/self/status").read_text(encoding="ascii").split()
        used = 1024 * int(words[words.index("VmData:") + 1])
        resource.setrlimit(resource.RLIMIT_DATA, (used + CHILD_DATA_BYTES,) * 2)
    except (ImportError, OSError, ValueError):
        pass


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    see = preview_sound if question["sound"] else preview_clip
    try:
        preview = see(Path(question["path"]), Limits(**question["limits"]))
    except RefusedError as error:
        return {"refused": [error.status, str(error), error.field]}
    except MemoryError:
        return {"refused": [413, TOO_HEAVY, None]}
    except Exception as error:
        heavy = "memory" in str(error).lower()
        return {"refused": [413, TOO_HEAVY, None]} if heavy else {"fault": f"{type(error).__name__}: {error}"}
    return {"preview": preview_as_json(preview)}


def main() -> None:
    """Answer one question a line until there are no more."""
    _bound_memory()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line))) + "\n")
        sys.stdout.flush()
    for folder in sys.argv[1:]:  # the studio is gone, without having ended its children
        from soundvcm.web.temporary import remove_abandoned

        remove_abandoned(Path(folder))


if __name__ == "__main__":
    main()
