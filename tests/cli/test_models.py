"""`soundvcm models`: every system with its licence in plain words, and what to do where it is not here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from soundvcm.cli import main as cli
from soundvcm.network import SIZES
from soundvcm.systems.catalog import PRESETS


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["models", *words])
    return int(caught.value.code or 0)


def test_all_are_listed_with_licence_and_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    assert set(PRESETS) == {"tiny", *SIZES, *(f"mmaudio_{size}" for size in SIZES)}
    assert run() == 0
    out = capsys.readouterr().out
    assert all(name in out for name in PRESETS)
    assert "CC-BY-NC-4.0: use, change and share it with credit, but not for commercial purposes" in out
    assert "soundvcm weights fetch --system mmaudio_large_44k_v2" in out
    assert "soundvcm adopt mmaudio_small_16k" in out
    assert run("--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    assert rows["tiny"]["ready"] and not rows["mmaudio_small_16k"]["ready"]
    assert rows["mmaudio_medium_44k"]["sample_rate"] == 44_100 and rows["mmaudio_medium_44k"]["steps"] == 25
    assert rows["small_16k"]["steps"] == 1 and rows["small_16k"]["stack"] == "trained"
