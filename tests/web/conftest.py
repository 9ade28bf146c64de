from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from browsers import Opened, launch
from standins import random_pipeline, write_clip

from soundvcm.web import Inspector, Limits, Studio, create_app


class Served:
    """A studio on a free port of the loopback, and a client of it."""

    def __init__(self, studio: Studio, client: httpx.Client) -> None:
        self.studio, self.client = studio, client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def submit(self, video: Path | None = None, **fields: Any) -> dict[str, Any]:
        """Send a job; it must be taken."""
        files = {"video": (video.name, video.read_bytes())} if video else None
        answer = self.client.post("/api/jobs", data=fields, files=files)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def events(self, job: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """All events of a job, until it ends."""
        found = []
        with self.client.stream("GET", f"/api/jobs/{job['id']}/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            name = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    found.append((name, json.loads(line.removeprefix("data: "))))
        return found

    def finish(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait for the end of a job."""
        self.events(job)
        return self.client.get(f"/api/jobs/{job['id']}").json()

    def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something to become true."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.01)


@pytest.fixture(scope="session")
def inspector() -> Iterator[Inspector]:
    """One for all studios: its processes take a second to start."""
    found = Inspector()
    yield found
    found.close()


@pytest.fixture
def serve(tmp_path: Path, inspector: Inspector) -> Iterator[Callable[..., Served]]:
    """serve(limits fields ..., token=, local_paths=, pipeline=, folder=, keep=) => Served."""
    with ExitStack() as stack:

        def start(
            token: str | None = None,
            local_paths: bool = False,
            pipeline: Any = None,
            folder: Path | None = None,
            keep: bool = False,
            hosts: tuple[str, ...] = (),
            **limits: Any,
        ) -> Served:
            folder = folder or tmp_path / f"studio{len(list(tmp_path.glob('studio*')))}"
            studio = Studio(
                pipeline or random_pipeline(), folder, Limits(**limits), local_paths, keep, inspector
            )
            stack.callback(studio.close)
            config = uvicorn.Config(
                create_app(studio, token, hosts), "127.0.0.1", 0, log_config=None, timeout_graceful_shutdown=1
            )
            server, socket = uvicorn.Server(config), config.bind_socket()
            thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
            thread.start()
            end = time.monotonic() + 60
            while not server.started:
                assert thread.is_alive() and time.monotonic() < end, "the server did not start"
                time.sleep(0.01)

            def stop() -> None:
                server.should_exit = True
                thread.join(timeout=10)
                socket.close()

            stack.callback(stop)
            address = f"http://127.0.0.1:{socket.getsockname()[1]}"
            client = stack.enter_context(httpx.Client(base_url=address, timeout=90, trust_env=False))
            return Served(studio, client)

        yield start


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of rising grey, with a tone."""
    return write_clip(tmp_path_factory.mktemp("clip") / "My film.mp4", frames=100, sound=True)


class Gate:
    """Makes a pipeline wait in its network phase, so that a test can look at a running job."""

    def __init__(self, pipeline: Any) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        self.calls = 0
        inner = pipeline.latents

        def waiting(*given: Any) -> Any:
            self.calls += 1
            self.reached.set()
            assert self.open.wait(60)
            return inner(*given)

        pipeline.latents = waiting


@pytest.fixture
def gated() -> Iterator[tuple[Any, Gate]]:
    pipeline = random_pipeline()
    gate = Gate(pipeline)
    yield pipeline, gate
    gate.open.set()


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each test of the page runs in both."""
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra [dev])")
    with driver.sync_playwright() as playwright:
        found = launch(playwright, request.param)
        yield found
        found.close()


@pytest.fixture
def visit(browser: Any, serve: Any) -> Iterator[Callable[..., Opened]]:
    contexts: list[Any] = []
    pages: list[Opened] = []

    def open_page(served: Any = None, **options: Any) -> Opened:
        limits, script = options.pop("limits", {}), options.pop("script", "")
        contexts.append(browser.new_context(accept_downloads=True, **options))
        contexts[-1].add_init_script(script)
        pages.append(Opened(contexts[-1].new_page(), served or serve(**limits)))
        return pages[-1]

    yield open_page
    for context in contexts:
        context.close()
    assert [fault for page in pages for fault in page.faults] == []
