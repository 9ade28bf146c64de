"""Sources that can be read only once: a whole run from a pipe, and refusals instead of waiting for ever."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from clips import Clips, packet_md5
from standins import random_pipeline

from soundvcm.errors import MediaError, OptionError
from soundvcm.generate import render
from soundvcm.generate.options import GenerateOptions
from soundvcm.media import as_file, is_pipe, mux, pipe_name, probe

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


class Pipe(io.RawIOBase):
    """Bytes that can be read, not sought."""

    def __init__(self, data: bytes) -> None:
        self.inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self.inner.readinto(buffer)


def fed(path: Path, data: bytes) -> threading.Thread:
    """A named pipe into which somebody writes."""
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(data), daemon=True)
    writer.start()
    return writer


def test_what_is_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    assert not is_pipe(tmp_path / "file") and not is_pipe(tmp_path) and not is_pipe(tmp_path / "none")
    assert is_pipe(tmp_path / "pipe") and is_pipe(Path("-")) and is_pipe(Path("/dev/stdin"))
    assert pipe_name(Path("-")) == Path("stdin") and pipe_name(tmp_path / "pipe") == tmp_path / "pipe"


def test_a_file_stays_itself_and_a_pipe_is_copied_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"abc")
    with as_file(path) as same:
        assert same == path
    fed(tmp_path / "b.mp4", b"from a pipe")
    with as_file(tmp_path / "b.mp4") as copy:
        assert copy.name == "b.mp4" and copy.read_bytes() == b"from a pipe"
    assert not copy.exists() and not copy.parent.exists()


def test_a_whole_run_from_a_pipe(clips: Clips, tmp_path: Path) -> None:
    source = clips("fast.mp4")
    fed(tmp_path / "in.mp4", source.read_bytes())
    request = GenerateOptions(video=tmp_path / "in.mp4", output=tmp_path / "out.mp4", seed=1)
    outcome = render.render(random_pipeline(), request)
    assert outcome.outputs == [tmp_path / "out.mp4"] and outcome.length == "4"
    assert packet_md5(tmp_path / "out.mp4") == packet_md5(source)
    assert probe(tmp_path / "out.mp4")["seconds"] == "4"


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input(clips: Clips, tmp_path: Path, name: str) -> None:
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from standins import random_pipeline
from soundvcm.systems import loading
from soundvcm.cli.commands import generate
loading.load = lambda name="tiny", **options: random_pipeline()
generate.classified_as = lambda outcome: ["Rain"]
from soundvcm.cli.main import main
main(["generate", *sys.argv[2:]])
"""
    words = [sys.executable, "-c", code, str(Path(__file__).parents[2]), name]
    out = tmp_path / "out.mp4"
    with clips("short25.mp4").open("rb") as file:
        done = subprocess.run([*words, "-o", str(out)], stdin=file, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert packet_md5(out) == packet_md5(clips("short25.mp4")) and [out] == list(tmp_path.iterdir())


def test_where_to_write_must_be_said() -> None:
    with pytest.raises(OptionError, match="--output"):
        render.render(random_pipeline(), GenerateOptions(video=Path("-")))


def test_muxing_something_that_is_read_once_is_refused_at_once(clips: Clips, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    wave = np.zeros(16_000, np.float32)
    for source in (tmp_path / "pipe.mp4", Pipe(clips("short25.mp4").read_bytes())):
        with pytest.raises(MediaError, match="only once"):
            mux(source, wave, 16_000, tmp_path / "out.mp4")
    data = clips("short25.mp4").read_bytes()
    for source in (data, io.BytesIO(data)):
        assert mux(source, wave, 16_000, tmp_path / "out.mp4").copied
    assert packet_md5(tmp_path / "out.mp4") == packet_md5(clips("short25.mp4"))
