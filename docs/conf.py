"""The documentation site: Sphinx over these pages (MyST) and the docstrings; scripts/build_docs builds it."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from soundvcm import __version__  # noqa: E402
from soundvcm.cli.commands import COMMANDS  # noqa: E402

project, author, version = "soundvcm", "The soundvcm team", __version__
release = version
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
root_doc = "index"
html_theme = "furo"
html_title = f"soundvcm {version}"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
# Types of other packages are not linked: the build needs no network.
default_role = "code"  # docstrings write names in single backticks
nitpicky = False
# Blocks in plain text have tabs, arrows and trees that no lexer knows.
suppress_warnings = ["misc.highlighting_failure"]


def _help(name: str) -> str:
    """What `soundvcm NAME --help` prints, without the boxes."""
    from soundvcm.cli.main import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main([name, "--help"])
    text = re.sub(r"\x1b\[[0-9;]*m", "", said.getvalue())
    lines = [re.sub(r"[│╭╮╰╯]|─{2,}", " ", line).rstrip() for line in text.splitlines()]
    return "\n".join(line.removeprefix(" ") for line in lines if line.strip())


def _commands(app: Any, name: str, source: list[str]) -> None:
    if name != "reference/commands":
        return
    parts = [source[0]]
    for command, text in COMMANDS.items():
        parts.append(
            f"## soundvcm {command}\n\n{text[0].upper()}{text[1:]}.\n\n```text\n{_help(command)}\n```\n"
        )
    source[0] = "\n".join(parts)


def _links(app: Any, name: str, source: list[str]) -> None:
    """Links to files outside docs/ go to the repository, at this version."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    home = f"{about['project']['urls']['Homepage']}/blob"
    depth = "../" * (name.count("/") + 1)
    source[0] = re.sub(rf"\]\({re.escape(depth)}(?!\.\./)([^)]+)\)", rf"]({home}/v{version}/\1)", source[0])


def _trees(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Indented parts of a module's first lines (trees, sketches) are shown as they are."""
    if what != "module":
        return
    shown: list[str] = []
    for before, line in zip(["", *lines], lines, strict=False):
        indented = line.startswith("    ")
        if indented and not before.strip():
            shown += [".. code-block:: text", ""]
        shown.append(line)
    lines[:] = shown


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _trees)
    app.connect("source-read", _commands)
    app.connect("source-read", _links)
