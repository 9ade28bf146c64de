"""`soundvcm serve` as a process: it says where it is, reaches nobody, cleans up; refusals are one line."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from soundvcm.cli.main import main

# The command with a stand-in system, in a process where every attempt to connect raises (case 30).
GUARDED = """
import socket, sys
def refuse(*given, **named):
    print("CONNECTED", given, file=sys.stderr)
    raise AssertionError("a connection was tried")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = refuse
from soundvcm.systems import loading
from standins import random_pipeline
loading.load = lambda name, **options: random_pipeline()
from soundvcm.cli.main import main
main(["serve", *sys.argv[1:]])
"""


def test_where_the_token_comes_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--token before --token-file before SOUNDVCM_TOKEN; what a file cannot give is one line."""
    from standins import random_pipeline

    from soundvcm import web
    from soundvcm.systems import loading

    heard: list[str | None] = []
    monkeypatch.setattr(loading, "load", lambda **options: random_pipeline())
    monkeypatch.setattr(web, "create_app", lambda studio, token, hosts: heard.append(token), raising=False)
    monkeypatch.setattr(web, "listen", lambda app, host, port, ready: ready("http://here"), raising=False)
    file, empty = tmp_path / "token", tmp_path / "empty"
    file.write_text("from the file & more\nsecond line\n")
    empty.write_text("\n")

    def started(*words: str) -> str:
        with pytest.raises(SystemExit) as leaving:
            main(["serve", "--folder", str(tmp_path / "kept"), *words])
        assert leaving.value.code in (0, None)
        return capsys.readouterr().out

    started()
    monkeypatch.setenv("SOUNDVCM_TOKEN", "from the environment")
    started()
    assert "/?token=from%20the%20file%20%26%20more " in started("--token-file", str(file))
    started("--token-file", str(file), "--token", "from the option")
    assert heard == [None, "from the environment", "from the file & more", "from the option"]
    assert started("--host", "0.0.0.0") and heard[-1] == "from the environment"
    for bad in (empty, tmp_path / "none", tmp_path):
        assert str(bad) in refused(capsys, "--token-file", str(bad))
    monkeypatch.setenv("SOUNDVCM_TOKEN", "short")
    assert "8 or more" in refused(capsys)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_whole_visit_without_one_connection_outwards(tmp_path: Path, ending: signal.Signals) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
        ),
        "TMPDIR": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    words = [sys.executable, "-c", GUARDED, "--port", "0", "--token", "open-sesame"]
    kept = ending == signal.SIGTERM
    words += ["--folder", str(tmp_path / "kept")] if kept else []
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            line = process.stdout.readline()
            found = re.fullmatch(
                r"studio with standin: (http://127\.0\.0\.1:\d+)/\?token=open-sesame .*\n", line
            )
            assert found, line or process.stderr.read()
            with httpx.Client(base_url=found[1], trust_env=False, timeout=90) as client:
                assert (
                    client.get("/", params={"token": "open-sesame"}, follow_redirects=True).status_code == 200
                )
                job = client.post("/api/jobs", data={"prompt": "rain", "duration": "1"}).json()
                assert "state" in client.get(f"/api/jobs/{job['id']}/events").text
                sound = client.get(f"/api/jobs/{job['id']}/takes/1/sound")
                assert sound.status_code == 200 and sound.content[:4] == b"RIFF"
            assert bool(list(tmp_path.glob("soundvcm-studio-*"))) is not kept
            process.send_signal(ending)
            assert process.wait(90) == 0
        finally:
            process.kill()
        errors = process.stderr.read()
    assert "CONNECTED" not in errors and "Traceback" not in errors, errors
    assert not list(tmp_path.glob("soundvcm-studio-*"))
    # With --folder the take is left for the next start.
    assert len(list(tmp_path.glob("kept/files/jobs/*/take1.wav"))) == int(kept)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as leaving:
        main(["serve", *words])
    assert leaving.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    return shown.err


def test_refusals_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--token" in refused(capsys, "--host", "0.0.0.0")
    assert "8 or more" in refused(capsys, "--token", "short")
    assert "tiny" in refused(capsys, "--model", "tinny")
    assert "waiting" in refused(capsys, "--max-waiting", "0")
    assert "batch" in refused(capsys, "--max-batch", "0")


def test_the_model_is_loaded_as_by_generate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every option of `loading.load`, with the defaults and the words of generate, reaches the model."""
    import inspect

    from standins import random_pipeline

    from soundvcm import web
    from soundvcm.cli.commands.generate import generate
    from soundvcm.cli.commands.serve import serve
    from soundvcm.systems import loading

    table = set(inspect.signature(loading.load).parameters) - {"name", "renamed"}
    mine = inspect.signature(serve, eval_str=True).parameters
    other = inspect.signature(generate).parameters
    assert table <= set(mine)
    for name in (*table, "model"):
        assert (mine[name].default, mine[name].annotation) == (other[name].default, other[name].annotation)
    for name in ("compile", "frame_reuse_threshold", "feature_stride", "codec_dtype", "vocoder", "dtype"):
        told = [
            re.findall(rf"^    {name}: .*(?:\n {{8}}.*)*", str(inspect.getdoc(f)), re.M)
            for f in (serve, generate)
        ]
        assert told[0] == told[1] != []

    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(loading, "load", lambda **options: asked.append(options) or random_pipeline())
    monkeypatch.setattr(web, "listen", lambda *given: None, raising=False)
    words = ("--compile", "--frame_reuse_threshold", "2", "--device", "cpu", "--folder", str(tmp_path))
    with pytest.raises(SystemExit) as leaving:
        main(["serve", *words])
    assert leaving.value.code in (0, None)
    plain = {"name": "tiny", "device": "cpu", "dtype": "float32"}
    told = {
        "compile": True,
        "frame_reuse_threshold": 2.0,
        "feature_stride": 1,
        "codec_dtype": "float32",
        "vocoder": "bigvgan",
    }
    assert asked == [plain | told]


def test_a_taken_port_is_said_so() -> None:
    import socket

    from starlette.applications import Starlette

    from soundvcm.errors import OptionError
    from soundvcm.web import listen

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OptionError, match=f"port {port}.*--port"):
            listen(Starlette(), "127.0.0.1", port)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    real = importlib.util.find_spec

    def find(name: str, *given: Any) -> Any:
        return None if name == "fastapi" else real(name, *given)

    monkeypatch.setattr("soundvcm.cli.commands.serve.find_spec", find)
    assert 'fastapi is not installed; run: pip install "soundvcm[serve]"' in refused(capsys)
