"""SIGTERM cleans up as Ctrl-C does; a process forked after loading is told what to do instead of hanging."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from soundvcm import runtime
from soundvcm.errors import DeviceError

CODE = """
import os, signal, sys
from pathlib import Path
from soundvcm.cli import main as entry
from soundvcm.media import whole_file

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background are born deaf to it

def command() -> int:
    with whole_file(Path(sys.argv[1])) as part:
        part.write_text("half")
        print("WRITING", flush=True)
        signal.pause()
    return 0

raise SystemExit(entry.run(lambda: command, [], "soundvcm test"))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_nothing_half_written_stays(tmp_path: Path, number: signal.Signals, code: int) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    words = [sys.executable, "-c", CODE, str(target)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "WRITING\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == code and len(told.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"] and target.read_bytes() == b"old"


def test_after_a_fork() -> None:
    runtime.refuse_after_fork(os.getpid())
    with pytest.raises(DeviceError, match="spawn"):
        runtime.refuse_after_fork(os.getpid() + 1)
