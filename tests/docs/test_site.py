"""The documentation: tutorials run as they stand, commands and options named exist, the site builds."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from soundvcm.cli.commands import COMMANDS, completion

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
#: tutorials whose blocks all run here, without weights, GPU or other programs
RUN = ("prompt", "film", "own_system", "own_clips", "research")
#: words that make training small; a network that goes on keeps its sizes
BRIEF = ("loop.steps=2", "loop.rows=2", "loop.accumulate=1", "loop.workers=0")
NARROW = ("network.hidden=32", "network.heads=1", "network.joint_blocks=1", "network.fused_blocks=1")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
MMAUDIO = ("variant", "mask_away_clip", "skip_video_composite", "full_precision")
OLD = ("near_pictures",)
#: what follows is no option of ours
SHELL = re.compile(r"[|;&>#`]")


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_a_tutorial_runs_as_it_stands(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "clips", tmp_path / "examples" / "clips")
    text = (ROOT / "docs" / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
    blocks = [(kind, body) for kind, body in BLOCK.findall(text) if kind in ("bash", "python")]
    assert len(blocks) >= 2
    for kind, body in blocks:
        lines = [body] if kind == "python" else body.strip().splitlines()
        for line in lines:
            code = shlex.split(line, comments=True) if kind == "bash" else []
            small = list(BRIEF) if code[1:2] in (["finetune"], ["train"]) and "--dry-run" not in code else []
            small += NARROW if small and code[2] == "tiny" else ()
            words = ["-m", "soundvcm.cli.main", *code[1:3], *small, *code[3:]] if code else ["-c", line]
            assert not code or code[0] == "soundvcm"
            done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, (line, done.stderr)
    text = " ".join(body for _, body in blocks)
    for output in re.findall(r"--(?:output|report) (\S+)", text):
        stem, suffix = Path(output).stem, Path(output).suffix
        assert list((tmp_path / output).parent.glob(f"{stem}*{suffix}")), output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_name_commands_and_options_that_exist(page: Path) -> None:
    known = completion.options()
    short = {"-o", "-n", "-y", "-q", "-v", "-h", "-V"}
    for _, body in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in body.replace("\\\n", " ").splitlines():
            found = re.match(r"\s*(?:\.venv/bin/)?soundvcm (\w+)(.*)", line)
            if found is None:
                continue
            command, rest = found[1], SHELL.split(found[2])[0]
            assert command in COMMANDS or command == "help", (page.name, line)
            for flag in re.findall(r"(?<=\s)--?[a-zA-Z][\w-]*", rest):
                name = flag.removeprefix("--").replace("-", "_")
                names = (name, name.removeprefix("no_"))
                fine = flag in short or any(one in known[command] for one in names)
                assert fine or name in MMAUDIO or name in OLD, (page.name, line, flag)


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("sphinx") is None, reason="sphinx is not installed: scripts/build_docs installs it"
)
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        "docs",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "reference" / "commands.html").read_text(encoding="utf-8")
    assert all(f"soundvcm {name}" in page for name in COMMANDS) and "existing-audio" in page
    assert "GenerateOptions" in (tmp_path / "reference" / "api.html").read_text(encoding="utf-8")
