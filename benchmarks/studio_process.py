"""A studio as a process of its own, for the benchmarks that ask it. Knows its command and its first line."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SERVE = (sys.executable, "-m", "soundvcm.cli.main", "serve")


@contextmanager
def studio(words: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Start one by the command `words` on a free port: its address and process id; ended afterwards."""
    with subprocess.Popen([*words, "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            address = re.search(r"http://[\w.:]+", line)
            if address is None:
                raise SystemExit(f"the studio did not start: {line}")
            yield address[0], process.pid
        finally:
            process.terminate()
