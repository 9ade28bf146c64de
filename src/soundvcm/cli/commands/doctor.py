"""`soundvcm doctor`: what this machine can run, what is missing, and the line that fixes it.

Looks only: opens no connection and writes nothing. Knows extras, weights and devices, no network.
"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import tyro

from soundvcm import weights
from soundvcm.cli.terminal import emit_json, say

# extra => (module to look for, what it is for)
EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "paper": (("tokenizers", "ftfy"), "MMAudio's and the paper's full-size systems"),
    "serve": (("fastapi", "uvicorn", "multipart"), "the web page"),
    "train": (("tensorboard",), "training with curves in TensorBoard"),
    "eval": (("scipy", "matplotlib"), "plots and bootstraps of scores"),
    "heic": (("pillow_heif",), "photographs in tiles, as phones store them (HEIC)"),
    "clap": (("transformers", "tokenizers"), "the CLAP score"),
}
NEEDED = ("torch", "av", "soundfile", "soxr", "safetensors", "pydantic", "numpy")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        group: machine, package, extra or system.
        name: what was looked at.
        state: "ok", "missing" or "note".
        detail: what was found.
        fix: the command that helps, "" where nothing needs to be done.
    """

    group: str
    name: str
    state: Literal["ok", "missing", "note"]
    detail: str
    fix: str = ""


def doctor(json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False) -> int:
    """Show what this machine can run, what is missing, and the command that fixes it.

    The exit code is 0 if the embedded model can run, else 2.

    Args:
        json: print one JSON object.
    """
    findings = [*machine(), *packages(), *extras(), *systems()]
    ready = all(one.state != "missing" for one in findings if one.group == "package" or one.name == "tiny")
    if json:
        emit_json({"ready": ready, "findings": [asdict(one) for one in findings]})
        return 0 if ready else 2
    group = ""
    for one in findings:
        if one.group != group:
            group = one.group
            say(f"\n{group}")
        say(f"  {one.state:<8} {one.name:<22} {one.detail}")
        if one.fix:
            say(f"  {'':<8} {'':<22} => {one.fix}")
    say("\nThe embedded model can run." if ready else "\nThe embedded model cannot run yet: see above.")
    return 0 if ready else 2


def machine() -> list[Finding]:
    """Python, devices and number formats, room for weights."""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    found = [Finding("machine", "system", "ok", system)]
    if find_spec("torch"):
        from soundvcm import runtime

        facts = runtime.describe_machine()
        devices = ", ".join(runtime.available_devices())
        cores = f"{facts['device']}; {facts['cores']} cores; PyTorch {facts['torch']}; usable: {devices}"
        found.append(Finding("machine", "device", "ok", cores))
    folder = weights.weights_folder()
    there = next((place for place in (folder, *folder.parents) if place.exists()), Path.cwd())
    free = shutil.disk_usage(there).free
    largest = max(_bytes(weights.system_parts(name)) for name in weights.systems())
    room = f"{folder}: {free / 1e9:.1f} GB free"
    if free < largest:
        detail = f"{room}; the largest system needs {largest / 1e9:.1f} GB"
        fix = "set SOUNDVCM_HOME to a folder with more room"
        found.append(Finding("machine", "weights folder", "note", detail, fix))
    else:
        found.append(Finding("machine", "weights folder", "ok", room))
    return found


def packages() -> list[Finding]:
    """The packages nothing works without."""
    rows = []
    for name in NEEDED:
        if find_spec(name) is None:
            rows.append(Finding("package", name, "missing", "not installed", "pip install soundvcm"))
        else:
            rows.append(Finding("package", name, "ok", _version(name)))
    return rows


def extras() -> list[Finding]:
    """Optional groups of packages."""
    rows = []
    for extra, (modules, purpose) in EXTRAS.items():
        absent = [name for name in modules if find_spec(name) is None]
        if absent:
            fix = f'{_python()} -m pip install "soundvcm[{extra}]"'
            rows.append(Finding("extra", extra, "missing", f"{purpose}: no {', '.join(absent)}", fix))
        else:
            rows.append(Finding("extra", extra, "ok", purpose))
    return rows


def systems() -> list[Finding]:
    """The embedded model and every public system: which files are here."""
    bundled = [row for row in weights.parts() if row.bundled]
    absent = [row.file for row in bundled if weights.check_presence(row) != "present"]
    fix = f"{_python()} -m pip install --force-reinstall soundvcm" if absent else ""
    detail = f"no {', '.join(absent)}" if absent else "inside the package"
    rows = [Finding("system", "tiny", "missing" if absent else "ok", detail, fix)]
    for name in weights.systems():
        parts = weights.system_parts(name)
        lacking = [row for row in parts if weights.check_presence(row) != "present"]
        if lacking:
            names = ", ".join(row.name for row in lacking)
            size = f"{_bytes(lacking) / 1e9:.1f} GB"
            detail = f"{len(lacking)} of {len(parts)} files to fetch, {size}: {names}"
            rows.append(Finding("system", name, "missing", detail, f"soundvcm weights fetch --system {name}"))
        else:
            rows.append(Finding("system", name, "ok", "all files here; non-commercial use only"))
    return rows


def _bytes(parts: Iterable[weights.Part]) -> int:
    return sum(row.bytes or row.about_bytes or 0 for row in parts)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "installed"


def _python() -> str:
    return Path(sys.executable).name or "python"
