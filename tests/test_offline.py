"""Case 30 for the whole package: nothing connects, and what is missing is named within seconds.

A guard refuses every connection and every look-up of a name but those of this machine itself.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from socket_guard import ConnectedError, refuse_all_but_loopback
from standins import random_pipeline, write_clip

from soundvcm import weights
from soundvcm.cli import main as cli
from soundvcm.cli.commands import generate as command
from soundvcm.errors import WeightsError
from soundvcm.systems import loading
from soundvcm.weights import folder

ENVIRONMENTS = {
    "offline": {"HF_HUB_OFFLINE": "1"},
    "dead proxy": {name: "http://127.0.0.1:9" for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")},
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refuse_all_but_loopback(monkeypatch.setattr)
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path / "home"))


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    values = ENVIRONMENTS[request.param]
    for name, value in values.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)
    return values


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(word) for word in words])
    return int(caught.value.code or 0)


def test_the_guard_guards() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loose, socket.socket() as bound:
        for attempt in (
            lambda: socket.create_connection(("192.0.2.1", 80), timeout=0.1),
            lambda: socket.getaddrinfo("example.org", 443),
            lambda: bound.connect_ex(("192.0.2.1", 80)),
            lambda: loose.sendto(b"x", ("192.0.2.1", 53)),
        ):
            with pytest.raises(ConnectedError):
                attempt()
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())


LOOKING = [
    ["--help"],
    ["--version"],
    ["models"],
    ["models", "--json"],
    ["licenses"],
    ["weights", "list"],
    ["weights", "where"],
    ["generate", "--help"],
    ["train", "--help"],
]

# A fresh process: the guard stands before anything of ours is imported.
SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from socket_guard import refuse_all_but_loopback
refuse_all_but_loopback(setattr)
import soundvcm
from soundvcm.cli import main as cli
for words in json.loads(sys.argv[2]):
    try:
        cli.main(words)
    except SystemExit as leaving:
        print("CODE", leaving.code, file=sys.stderr)
"""


def test_import_and_looking_commands(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), json.dumps(LOOKING)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes = [line for line in done.stderr.splitlines() if line.startswith("CODE")]
    assert codes == ["CODE 0"] * len(LOOKING), done.stderr


@pytest.mark.usefixtures("environment")
def test_doctor_looks_without_asking_anybody(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--json") in (0, 2)
    assert json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("environment")
def test_generate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One clip, words alone, and a folder."""
    pipeline = random_pipeline()
    monkeypatch.setattr(loading, "load", lambda name="tiny", **options: pipeline)
    monkeypatch.setattr(command, "classified_as", lambda outcome: ["Rain"])
    clip = write_clip(tmp_path / "in.mp4", 12)
    assert run("generate", clip, "--seed", 1) == 0
    assert run("generate", "--prompt", "rain", "--duration", 0.5, "-o", tmp_path / "x.wav") == 0
    assert run("generate", tmp_path, "-o", tmp_path / "out") == 0
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*") if path.is_file()}
    assert made == {"in.mp4", "in.sound.mp4", "x.wav", "out/in.mp4", "out/report.jsonl"}


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("row", [row for row in weights.parts() if not row.bundled], ids=lambda row: row.name)
def test_every_missing_file_is_named(row: weights.Part) -> None:
    with pytest.raises(WeightsError) as caught:
        weights.load(row.name)
    text = str(caught.value)
    assert caught.value.exit_code == 2 and "\n" not in text
    for fact in (row.file, row.size_text, row.hash_text, str(weights.weights_folder()), "weights fetch"):
        assert fact in text


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", [one.name for one in loading.PRESETS.values() if one.stack == "paper"])
def test_a_system_without_its_weights(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    assert run("generate", write_clip(tmp_path / "x.mp4", 5), "--model", name, "--device", "cpu") == 2
    assert time.monotonic() - began < 10
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "SHA-256" in err and str(weights.weights_folder()) in err


@pytest.mark.usefixtures("environment")
def test_tiny_without_its_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(folder, "asset_path", lambda file: tmp_path / "assets" / file)
    clip = write_clip(tmp_path / "x.mp4", 5)
    began = time.monotonic()
    assert run("generate", clip) == 2 and time.monotonic() - began < 10
    err = capsys.readouterr().err
    assert (
        "tiny_network.safetensors" in err and "reinstall soundvcm" in err and str(tmp_path / "assets") in err
    )
    assert err.count("\n") == 1 and not clip.with_name("x.sound.mp4").exists()
    row = weights.part("words")
    with pytest.raises(WeightsError, match=f"{row.bytes:,} bytes, SHA-256 {row.sha256}"):
        weights.load("words")
