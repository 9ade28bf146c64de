"""Case 30, no network: what is here works without one connection; what is not is named at once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from weights_table import know

from soundvcm import weights
from soundvcm.codec import paper_codec
from soundvcm.codec.mel import MEL_16K
from soundvcm.codec.paper import PAPER_CODECS, PaperParts
from soundvcm.codec.vae import MelVae, VaeConfig
from soundvcm.codec.vocoder import BIGVGAN_16K, Vocoder
from soundvcm.errors import WeightsError
from soundvcm.weights import table

# Runs a command in a process where every attempt to connect or to look up a name raises.
GUARD = """
import socket, sys
def refuse(*given, **named):
    print("CONNECTED", given, file=sys.stderr)
    raise AssertionError("a connection was tried")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
from soundvcm.cli.main import main
main(sys.argv[1:])
"""


def guarded(words: list[str], home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", GUARD, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "SOUNDVCM_HOME": str(home), **environment},
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "environment",
    [{"HF_HUB_OFFLINE": "1"}, {"HTTPS_PROXY": "http://127.0.0.1:9"}],
    ids=["offline", "dead proxy"],
)
def test_help_lists_and_licences_try_no_connection(tmp_path: Path, environment: dict[str, str]) -> None:
    for words in (["--help"], ["--version"], ["weights", "list"], ["licenses"], ["weights", "where"]):
        done = guarded(words, tmp_path, **environment)
        assert done.returncode == 0, done.stderr
        assert "CONNECTED" not in done.stderr


def test_absent_weights_are_named_in_one_line_with_code_2(tmp_path: Path) -> None:
    done = guarded(["weights", "fetch", "mmaudio_small_16k"], tmp_path, HF_HUB_OFFLINE="1")
    assert done.returncode == 2 and "CONNECTED" not in done.stderr
    line = done.stderr.splitlines()[-1]
    for fact in ("mmaudio_small_16k.pth", "629,395,261 bytes", "61987bcb", str(tmp_path / "weights")):
        assert fact in line
    assert not (tmp_path / "weights").exists()


def test_a_dead_proxy_fails_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY", "HF_HUB_OFFLINE", "HF_ENDPOINT", "SOUNDVCM_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    began = time.monotonic()
    with pytest.raises(WeightsError, match=r"v1-16\.pth"):
        weights.fetch("vae_16k")
    assert time.monotonic() - began < 10


def test_weights_in_the_folder_work_without_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading by name from a local folder opens no socket, offline or not."""
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", lambda *given: pytest.fail("a connection was tried"))
    vae = VaeConfig(bins=80, dim=20, width=8)
    vocoder = BIGVGAN_16K.change({"width": 64})
    (tmp_path / "weights").mkdir()
    rows = []
    for name, module in (("small_vae", MelVae(vae)), ("small_vocoder", Vocoder(vocoder))):
        path = tmp_path / "weights" / f"{name}.pth"
        torch.save(module.state_dict(), path)
        content = path.read_bytes()
        facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        rows.append(replace(table.part("vae_16k"), name=name, file=path.name, **facts))
    know(monkeypatch, *rows)
    monkeypatch.setitem(PAPER_CODECS, "16k", PaperParts(MEL_16K, vae, vocoder, "small_vae", "small_vocoder"))
    assert paper_codec("16k").decode(torch.zeros(1, 2, 20)).shape == (1, 1024)
