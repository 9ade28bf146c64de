"""examples/browser in Chromium: offline after loading, it makes what onnxruntime makes in Python.

Needs npm (for onnxruntime-web), Chromium, playwright, onnxscript, onnxruntime; skipped without one of them.
"""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from browsers import CHROMIUM, CHROMIUM_ONLY, MARKS

import soundvcm
from soundvcm.generate import onnx as door

pytestmark = [*MARKS, CHROMIUM_ONLY, pytest.mark.timeout(1200), pytest.mark.filterwarnings("ignore")]
PAGE = Path(__file__).resolve().parents[2] / "examples" / "browser"
PROMPT, SEED, SECONDS = "Rain, on a tin roof!", 5, 2
MAKE = """async ([prompt, seed]) => {
  const { load, gaussians } = await import("./sound.js");
  const system = window.loaded ??= await load("model/");
  if (prompt === null) return null;
  const shape = system.about.shapes.noisy;
  const made = await system.make(prompt, seed, 2);
  return { wave: [...made.wave], rate: made.sampleRate, noise: [...gaussians(seed, shape[1] * shape[2])] };
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; modules with the type that browsers ask for."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

    def log_message(self, *given: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxscript")
    place = tmp_path_factory.mktemp("browser") / "page"
    shutil.copytree(PAGE, place, ignore=shutil.ignore_patterns("node_modules", "model"))
    if (PAGE / "node_modules").is_dir():
        (place / "node_modules").symlink_to(PAGE / "node_modules")
    elif shutil.which("npm"):
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"onnxruntime-web cannot be installed here: {done.stderr[-200:]}")
    else:
        pytest.skip("no npm here")
    door.export(soundvcm.load("tiny", device="cpu"), place / "model", SECONDS)
    return place


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_page_makes_what_python_makes(folder: Path, address: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    sync = pytest.importorskip("playwright.sync_api")
    foreign: list[str] = []
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context()
        page = context.new_page()
        page.on("request", lambda one: one.url.startswith((address, "blob:")) or foreign.append(one.url))
        page.goto(address)
        page.wait_for_function(
            "document.getElementById('status').textContent.startsWith('ready')", timeout=300_000
        )
        page.evaluate(MAKE, [None, 0])
        context.set_offline(True)
        page.fill("#prompt", PROMPT)
        page.fill("#seed", str(SEED))
        page.click("#run")
        page.wait_for_function(
            "document.getElementById('status').textContent.startsWith('made')", timeout=300_000
        )
        assert page.evaluate("document.getElementById('player').src").startswith("blob:")
        made = page.evaluate(MAKE, [PROMPT, SEED])
        browser.close()
    assert not foreign and made["rate"] == 16_000 and len(made["wave"]) == SECONDS * 16_000
    noise = np.array(made["noise"], np.float32)
    assert abs(noise.mean()) < 0.05 and abs(noise.std() - 1) < 0.05
    pipeline = soundvcm.load("tiny", device="cpu")
    inputs = door.without_video(pipeline, pipeline.clip_encoder.timeline.at(SECONDS))
    inputs["text"], inputs["has_text"] = pipeline.text.encode([PROMPT]), torch.tensor([True])
    network, codec = (
        runtime.InferenceSession(folder / "model" / f"{name}.onnx") for name in ("network", "codec")
    )
    noisy = (noise * np.float32(pipeline.sampling.temperature)).reshape(inputs["noisy"].shape)
    for t, s in ((1.0, 0.5), (0.5, 0.0)):
        times = {"t": np.float32([t]), "s": np.float32([s])}
        given = {name: inputs[name].numpy() for name in door.INPUTS[3:]}
        (noisy,) = network.run(None, {"noisy": noisy, **times, **given})
    buffer = np.fromfile(folder / "model" / "noise.bin", "<f4")[None]
    (wave,) = codec.run(None, {"latents": noisy, "noise": buffer})
    wave = wave[0, : SECONDS * 16_000]
    assert np.abs(wave).max() > 0.01 and np.abs(np.array(made["wave"]) - wave).max() < 1e-3
