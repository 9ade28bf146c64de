"""The examples of docs/serving.md run as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from soundvcm import media
from soundvcm.web import MIB, Limits

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "serving.md"


def example(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    return str(found)


def run(words: list[str], served: Any, folder: Path, clip: Path) -> str:
    shutil.copy(clip, folder / "clip.mp4")
    environment = {**os.environ, "STUDIO": str(served.client.base_url).rstrip("/"), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs curl")
def test_curl(serve: Any, clip: Path, tmp_path: Path) -> None:
    told = run(["bash", "-euc", example("bash")], serve(), tmp_path, clip)
    assert '"state": "done"' in told and "event: phase" in told
    wave, rate = media.read_sound(tmp_path / "rain.wav")
    assert wave.shape[-1] == 4 * rate
    assert media.read_tags(tmp_path / "rain.mp4")["seed"] == "7"


def test_python(serve: Any, clip: Path, tmp_path: Path) -> None:
    served = serve()
    told = run([sys.executable, "-c", example("python")], served, tmp_path, clip)
    assert told.count("'phase': 'decode'") == 4  # begun and done, window by window
    assert len(list(tmp_path.glob("take-*.wav"))) == 4
    assert served.studio.pipeline.semantic.encoded == 1


def test_the_limits_told_are_the_limits() -> None:
    text = PAGE.read_text(encoding="utf-8")
    limits = Limits()
    for option, value in (
        ("max-upload-mib", limits.upload_bytes // MIB),
        ("max-seconds", limits.seconds),
        ("max-takes", limits.takes),
        ("max-job-minutes", limits.job_seconds / 60),
        ("max-waiting", limits.waiting),
        ("max-batch", limits.batch),
        ("max-stored-mib", limits.stored_bytes // MIB),
        ("keep-minutes", limits.keep_seconds / 60),
    ):
        assert re.search(rf"`--{option}`[^|]*\| {value:g} \|", text), option


def test_the_command_has_the_same_limits() -> None:
    import inspect

    from soundvcm.cli.commands.serve import serve

    given = {name: p.default for name, p in inspect.signature(serve).parameters.items()}
    limits = Limits()
    assert given["max_upload_mib"] * MIB == limits.upload_bytes
    assert given["max_stored_mib"] * MIB == limits.stored_bytes
    assert given["keep_minutes"] * 60 == limits.keep_seconds
    assert given["max_job_minutes"] * 60 == limits.job_seconds
    same = {"max_seconds": "seconds", "max_takes": "takes", "max_waiting": "waiting", "max_batch": "batch"}
    assert {name: given[name] for name in same} == {name: getattr(limits, f) for name, f in same.items()}
