"""Every command once, as a process, on a clip made here: what `scripts/check --lowest` runs at the oldest
versions that pyproject.toml allows. Slow; asks only that each command does its work and warns of nothing odd.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from soundvcm.cli.commands import COMMANDS

pytestmark = pytest.mark.slow
LOOP = ("loop.rows=2", "loop.snapshot_steps=2", "loop.log_steps=1", "loop.schedule.warmup_steps=1")
#: `adopt` needs weights of MMAudio, `export` the packages of ONNX; their pages of help stand for them.
WALK = """generate serve timecode probe models extract train finetune sample average export evaluate weights
licenses doctor completion adopt"""


def run(*words: object, place: Path) -> str:
    command = [sys.executable, "-m", "soundvcm.cli.main", *map(str, words)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
    assert "Traceback" not in done.stderr and "DeprecationWarning" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip of 4 s with sound and timecode, and two more as training clips with captions."""
    import av

    folder = tmp_path_factory.mktemp("smoke")
    (folder / "clips").mkdir()
    for number, name in enumerate(("a", "b", "c")):
        with av.open(str(folder / "clips" / f"{name}.mov"), "w") as out:
            picture = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
            picture.width, picture.height, picture.pix_fmt = 320, 180, "yuv420p"
            picture.metadata["timecode"] = "10:00:00:00"
            sound = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
            for index in range(100):
                array = np.full((180, 320, 3), 30, np.uint8)
                array[:, (index * (7 + number)) % 300 :][:, :20] = 230
                frame = av.VideoFrame.from_ndarray(array, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                out.mux(picture.encode(frame))
            tone = 0.3 * np.sin(np.arange(64_000) * (0.1 + 0.05 * number)) * (np.arange(64_000) % 8000 < 2000)
            block = av.AudioFrame.from_ndarray((tone * 32767).astype(np.int16)[None], "s16", "mono")
            block.sample_rate, block.pts, block.time_base = 16_000, 0, Fraction(1, 16_000)
            out.mux(sound.encode(block))
            out.mux(picture.encode(None))
            out.mux(sound.encode(None))
        (folder / "clips" / f"{name}.txt").write_text("a bell rings\n", encoding="utf-8")
    return folder


def test_the_walk_knows_every_command() -> None:
    assert set(WALK.split()) == set(COMMANDS)


def test_generate(place: Path) -> None:
    run("generate", "clips/a.mov", "--prompt", "a bell", "--seed", 1, "--output", "a.mp4", place=place)
    run("generate", "--prompt", "rain", "--duration", 2, "--seed", 1, "--output", "rain.wav", place=place)
    found = json.loads(run("generate", "clips/a.mov", "--audio_only", "-o", "a.wav", "--json", place=place))
    assert found["seconds"] == 4 and (place / "a.mp4").stat().st_size > 10_000
    run("generate", "clips", "--output", "batch", "--seed", 1, place=place)
    assert len(list((place / "batch").glob("*.mov"))) == 3


def test_what_looks_only(place: Path) -> None:
    assert "samples            64000" in run("probe", "clips/a.mov", place=place)
    for words in (
        ("models",),
        ("weights", "list"),
        ("licenses",),
        ("doctor",),
        ("adopt", "--help"),
        ("export", "--help"),
        ("finetune", "--help"),
        ("sample", "--help"),
        ("completion", "bash"),
    ):
        assert run(*words, place=place)


def test_timecode(place: Path) -> None:
    run("generate", "clips/b.mov", "--audio_only", "-o", "b.wav", place=place)
    said = run("timecode", "b.wav", "--clip", "clips/b.mov", place=place)
    assert "10:00:00:00" in said and (place / "b_TC10-00-00-00.wav").exists()


def test_serve(place: Path) -> None:
    pytest.importorskip("fastapi")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    words = [sys.executable, "-m", "soundvcm.cli.main", "serve", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment, cwd=place) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found
            open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
            assert b"<html" in open_url(found[0]).read().lower()
            form = urllib.parse.urlencode({"prompt": "rain", "duration": "1"}).encode()
            job = json.loads(open_url(f"{found[0]}/api/jobs", form).read())
            with open_url(f"{found[0]}/api/jobs/{job['id']}/events", timeout=120) as events:
                assert b"done" in events.read()
        finally:
            process.terminate()


def test_extract_train_average(place: Path) -> None:
    run("extract", "--folder", "clips", "--seconds", 2, "--output", "store", "--workers", 1, place=place)
    words = ("train", "finetune", *LOOP, "data.crop_seconds=[2.0]", "loop.steps=2", "loop.tensorboard=true")
    words += ("--store", "store", "--run", "run", "--device", "cpu", "--export", "mine.safetensors")
    words += ("--warm-start", tiny_network())
    run(*words[:2], "loop.checkpoint_steps=2", *words[2:], place=place)
    run("average", "run", "--output", "wide.safetensors", "--sigma_rel", 0.1, place=place)
    words = ("generate", "clips/a.mov", "--model", "wide.safetensors", "--output", "tuned.mp4", "--seed", 1)
    run(*words, place=place)


def tiny_network() -> Path:
    from soundvcm import weights

    return Path(weights.locate("tiny_network"))


def test_evaluate(place: Path) -> None:
    from sound_folders import folders

    truth, made = folders(place)
    said = run("evaluate", truth, made, "--seconds", 2, "--report", "page.html", place=place)
    assert "FD_YAMNet" in said and (place / "page.html").exists()
