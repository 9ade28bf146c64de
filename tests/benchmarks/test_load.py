"""The load of many clients, in short: twelve at a stand-in, nothing lost, nothing swapped, memory flat."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from scripts_by_path import load_script

ROOT = Path(__file__).parents[2]
STANDIN = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from soundvcm.systems import loading
from standins import random_pipeline
loading.load = lambda name, **options: random_pipeline()
from soundvcm.cli.main import main
main(["serve", "--max-waiting", "4", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def load() -> ModuleType:
    return load_script("benchmarks/load.py", "load_bench")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_swapped(load: ModuleType) -> None:
    report = load.measure([sys.executable, "-c", STANDIN], clients=12, jobs=3, seconds=240)
    assert report["lost"] == report["swapped"] == 0, report["faults"]
    assert (
        report["done"] == 36 and report["told_to_wait"] > 0
    )  # the queue of four was full, and that was said
    assert report["bytes_left"] == 0
    if report["memory_before_mib"] is not None:
        assert report["memory_after_mib"] < 1.15 * report["memory_before_mib"] + 20


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_batches_are_compared(load: ModuleType) -> None:
    words = [sys.executable, "-c", STANDIN]
    report = load.compare(words, [1, 4], rounds=1, load=(8, 2, 240.0, True))
    assert report["lost"] == report["swapped"] == 0, report["runs"]
    assert report["ratio"][1] == 1.0 and report["ratio"][4] > 0
    assert report["runs"][1][0]["batched_takes"] == 0 < report["runs"][4][0]["batched_takes"]


class Wrong(BaseHTTPRequestHandler):
    """A server that gives everybody the same sound."""

    def log_message(self, *given: object) -> None:
        """Quiet."""

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:  # noqa: N802
        seed = self.rfile.read(int(self.headers["content-length"])).decode().split("seed=")[1]
        self.answer(f'{{"id": "{seed}"}}'.encode())

    def do_GET(self) -> None:  # noqa: N802
        name = self.path.split("/")[3] if self.path.count("/") > 2 else ""
        if self.path.endswith("/events"):
            self.answer(b"")
        elif self.path.endswith("/sound"):
            sound = b"RIFF" + (36 + 32_000).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\1\0\1\0"
            sound += (16_000).to_bytes(4, "little") + (32_000).to_bytes(4, "little") + b"\2\0\x10\0data"
            self.answer(sound + (32_000).to_bytes(4, "little") + b"1000".ljust(32_000, b"\0"))
        else:
            take = f'{{"seed": {name}, "sound": "/api/jobs/{name}/takes/1/sound"}}'
            self.answer(f'{{"state": "done", "error": null, "takes": [{take}]}}'.encode())

    def do_DELETE(self) -> None:  # noqa: N802
        self.answer(b"")


@pytest.fixture
def wrong() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Wrong)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_swapped_result_is_noticed(load: ModuleType, wrong: str) -> None:
    found = load.crowd(wrong, clients=3, jobs=2, seconds=60)
    assert found.counts["done"] == 6 and found.counts["lost"] == 0
    assert found.counts["swapped"] == 4  # the sound is right for the first client only


def test_a_lost_result_is_noticed(load: ModuleType) -> None:
    found = load.crowd("http://127.0.0.1:9", clients=2, jobs=1, seconds=5)
    assert found.counts["lost"] == 2 and "lost: client" in found.faults[0]
