"""The README's blocks are run as they stand; its table and file tree are true."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder in which the README's relative paths exist and nothing of ours is overwritten."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def test_it_opens_with_exactly_two_commands() -> None:
    first = [line.split("#")[0].strip() for line in blocks("bash")[0].splitlines() if line.strip()]
    assert first == ["bash scripts/setup", "bash scripts/check"]
    for line in first:
        assert os.access(ROOT / line.split()[1], os.X_OK)
    ci = (ROOT / ".ci" / "run").read_text()
    assert "bash scripts/setup" in ci and "bash scripts/check" in ci


def test_commands_run(place: Path) -> None:
    lines = [line for line in blocks("bash")[1].splitlines() if line.strip()]
    assert len(lines) >= 2
    for line in lines:
        words = shlex.split(line)
        assert words[0] == ".venv/bin/soundvcm"
        command = [sys.executable, "-m", "soundvcm.cli.main", *words[1:]]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert (place / words[words.index("--output") + 1]).stat().st_size > 10_000


def test_python_runs(place: Path) -> None:
    (code,) = blocks("python")
    assert len(code.strip().splitlines()) <= 8
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (place / "bounce.wav").exists() and (place / "bounce.sound.mp4").exists()
    assert "16000" in done.stdout


def test_the_tree_is_true() -> None:
    plain = [block for block in README.split("```")[1::2] if block.startswith("\n")]
    (tree,) = [block for block in plain if "src/soundvcm" in block]
    for name in re.findall(r"[a-z_]+/", tree.split("\ntiny/")[0].replace("src/soundvcm/", "")):
        assert (ROOT / "src" / "soundvcm" / name).is_dir(), name
    for name in ("tiny", "benchmarks", "scripts", "docs"):
        assert name + "/" in tree and (ROOT / name).is_dir()


def test_every_local_link_and_picture_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_no_number_is_left_to_fill_in() -> None:
    assert "@@" not in README and "TODO" not in README
