"""Whole or not at all: broken writes leave the old file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from clips import Clips

from soundvcm.errors import MediaError
from soundvcm.media import is_leftover, mux, same_file, save_sound, whole_file


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"
    with whole_file(path) as part:
        part.write_bytes(b"new")
        assert not path.exists() and is_leftover(part)
    assert path.read_bytes() == b"new" and list(path.parent.iterdir()) == [path] and not is_leftover(path)


def test_an_error_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), whole_file(path) as part:
        part.write_bytes(b"half")
        raise KeyError
    with pytest.raises(MediaError, match="nothing was written"), whole_file(path) as part:
        part.touch()
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="is a folder"), whole_file(tmp_path):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="cannot be written"), whole_file(tmp_path / "file" / "a.wav"):
        pass
    with (
        pytest.raises(MediaError, match="is the input itself"),
        whole_file(tmp_path / "file", never=tmp_path / "file"),
    ):
        pass
    assert not same_file(tmp_path / "x", tmp_path / "y") and same_file(tmp_path / "x", tmp_path / "." / "x")


FULL = """
import resource, signal, sys
import numpy as np
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from soundvcm.errors import MediaError
from soundvcm.media import mux, save_sound
wave = np.random.default_rng(0).uniform(-1, 1, 64000).astype(np.float32)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
try:
    if sys.argv[2].endswith(".wav"):
        save_sound(sys.argv[2], wave, 16000)
    else:
        mux(sys.argv[1], wave, 16000, sys.argv[2])
except MediaError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no file size limits here")
@pytest.mark.parametrize("name", ["out.wav", "out.mp4", "out.mkv"])
def test_a_full_disk_leaves_the_old_file(clips: Clips, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"old")
    command = [sys.executable, "-c", FULL, str(clips("fast.mp4")), str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "cannot be written" in done.stdout, done.stderr
    assert (tmp_path / name).read_bytes() == b"old" and [one.name for one in tmp_path.iterdir()] == [name]


KILLED = """
import sys, time
import numpy as np
from soundvcm.media import MuxWriter
with MuxWriter(sys.argv[1], sys.argv[2], 16000) as writer:
    writer.append(np.zeros(32000, np.float32))
    print("half", flush=True)
    time.sleep(60)
"""


def test_a_killed_run_leaves_the_old_file(clips: Clips, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    out.write_bytes(b"old")
    command = [sys.executable, "-c", KILLED, str(clips("fast.mp4")), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stdout.readline() == b"half\n"
        running.kill()
    assert out.read_bytes() == b"old"
    assert all(is_leftover(one) for one in tmp_path.iterdir() if one != out)
    mux(clips("fast.mp4"), np.zeros(64_000, np.float32), 16_000, out)
    assert out.stat().st_size > 1000


def test_long_and_odd_names(tmp_path: Path) -> None:
    for stem in ("x" * 240, "é" * 120, "雨" * 80):
        path = tmp_path / f"{stem}.wav"
        save_sound(path, np.zeros(10, np.float32), 16_000)
        assert path.exists()
    assert time.time() - os.stat(path).st_mtime < 60
