"""One word for one thing: names that were given up stay away, and paths that pages name exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: a name that was given up => what it is called now
GIVEN_UP = {
    "Watcher": "ClipEncoder",
    "Watched": "ClipFeatures",
    "Ask": "GenerateOptions",
    "Outcome": "GenerateResult (or Found, of a score)",
    "make_together": "generate_batch",
    "likeness": "batch_key",
    "Wanted": "BatchItem",
    "Orders": "BatchSettings",
    "Ready": "LoadedItem",
    "Shown": "DecodedFrame",
    "Footage": "DecodedVideo",
    "Turn": "Orientation",
    "Fitter": "FrameResizer",
    "Ahead": "PacketQueue",
    "PictureEncoder": "ImageEncoder",
    "WordsEncoder": "TextEmbedder",
    "Bridge": "RepeatSpreader",
    "Question": "FrozenQuery",
    "Shelf": "JobStore",
    "Maker": "Worker",
    "heard_as": "classified_as",
    "near_pictures": "frame_reuse_threshold",
    "paper_systems": "systems.mmaudio",
}
#: where an old name is still accepted for one version, and says so
ACCEPTED = {
    "near_pictures": ("systems/loading.py", "cli/options.py"),
}
#: prose: how it was written => how it is said
SAID = {
    r"two times\)": "conditioned on two times (t and s)",
    r"what a photograph would be named": "the labels an image classifier would give",
    r"[Ww]ords alone": "text-only generation",
    r"part the cells": "separate columns",
    r"turns time and sign": "reverses the direction of time and the sign",
    r"asks every address": "fuzzes every endpoint",
    r"explains itself with": "Run `soundvcm COMMAND --help`",
    r"\bheard as\b": "classified as",
}


def tracked(*patterns: str) -> list[Path]:
    """Files of the checkout; nothing where there is none (a source distribution)."""
    found = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in found.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_names_that_were_given_up_stay_away() -> None:
    pattern = re.compile(rf"(?<![\w.])({'|'.join(GIVEN_UP)})(?!\w)")
    found = []
    for path in tracked("src/*.py", "tiny/*.py", "benchmarks/*.py", "examples/*.py"):
        code = re.sub(r'"""(?:.|\n)*?"""|#[^\n]*', "", path.read_text(encoding="utf-8"))
        for name in pattern.findall(code):
            if not any(str(path).endswith(place) for place in ACCEPTED.get(name, ())):
                found.append(f"{path.relative_to(ROOT)}: {name} is {GIVEN_UP[name]}")
    assert not found, "\n".join(found)


def test_pages_say_it_in_the_usual_words() -> None:
    found = [
        f"{path.name}: {match.group(0)!r}: say {said!r}"
        for path in tracked("README.md", "docs/*.md", "tiny/README.md")
        for pattern, said in SAID.items()
        for match in re.finditer(pattern, path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_no_page_cites_a_document_that_is_not_here() -> None:
    pattern = re.compile(r"\breference [A-F][0-9]|golden README|shared/(design|golden|cases)")
    found = [
        str(path.relative_to(ROOT))
        for path in tracked("src", "docs/*.md", "tiny/*.py", "tiny/*.md", "README.md", "benchmarks")
        if path.suffix in (".py", ".md") and pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_paths_that_pages_name_exist() -> None:
    names = {str(path.relative_to(ROOT)) for path in tracked()}
    folders = {str(parent) for name in names for parent in Path(name).parents}
    pattern = re.compile(
        r"`([\w./-]+\.(?:py|toml|md|sh))`|`((?:src|docs|tests|tiny|benchmarks|scripts|examples)/[\w./-]*)`"
    )
    bases = ("", "src/", "src/soundvcm/", "tests/", "docs/", "benchmarks/", "tiny/")
    missing = []
    for page in tracked("README.md", "docs/*.md", "tiny/README.md", "CONTRIBUTING.md"):
        for one, other in pattern.findall(page.read_text(encoding="utf-8")):
            path = (one or other).rstrip("/")
            there = any(base + path in names | folders for base in bases)
            if not there and not ("/" not in path and any(name.endswith(f"/{path}") for name in names)):
                missing.append(f"{page.relative_to(ROOT)}: {path}")
    assert not missing, "\n".join(missing)
