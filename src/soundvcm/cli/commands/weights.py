"""`soundvcm weights`, `soundvcm licenses`: which files there are, where, whether whole, and whose they are.

Knows the table of weights; loads neither torch nor a network.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from soundvcm import weights as files
from soundvcm.cli.terminal import emit_json, note, say
from soundvcm.errors import OptionError

Action = Annotated[Literal["list", "fetch", "import", "verify", "where"], tyro.conf.Positional]
Names = Annotated[tuple[str, ...], tyro.conf.Positional]
_SHOW_SECONDS = 0.2


def weights(
    action: Action = "list",
    names: Names = (),
    /,
    *,
    system: tuple[str, ...] = (),
    move: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> int:
    """Weights files: list them, fetch them, import them from a folder, verify them, or say where they belong.

    Fetched files are resumed after a break and checked against their published hash. SOUNDVCM_HOME chooses
    the folder, SOUNDVCM_MIRROR or HF_ENDPOINT another server.

    Args:
        action: list [NAME...], fetch NAME..., import FOLDER, verify [NAME...], where [NAME...].
        names: names from the list (for import: folders).
        system: all files of a system, such as mmaudio_small_16k.
        move: import by moving instead of copying.
        json: print one JSON object.
    """
    if move and action != "import":
        raise OptionError(f"--move has nothing to act on with {action}: it belongs to import")
    wanted = list(dict.fromkeys([*names, *(row.name for one in system for row in files.system_parts(one))]))
    if action == "import":
        return _import(wanted, move, json)
    rows = [files.part(name) for name in wanted] or list(files.parts())
    if action == "fetch":
        if not wanted:
            raise OptionError(
                "say what to fetch: soundvcm weights fetch NAME, or --system NAME; see weights list"
            )
        return _fetch(rows, json)
    if action == "where":
        return _where(rows if wanted else [], json)
    return _verify(rows, json) if action == "verify" else _list(rows, json, details=bool(wanted))


def licenses(json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False) -> int:
    """Licences of the code, of every network it can load and of the data sets they were trained on.

    Args:
        json: print one JSON object.
    """
    rows = files.licences()
    if json:
        emit_json({"output": files.OUTPUT_SENTENCE, "parts": [vars(row) for row in rows]})
        return 0
    titles = {
        "code": "Code",
        "bundled": "Inside the package",
        "weights": "Fetched on request",
        "metric": "Networks of the scores",
        "data": "Training sets of the public weights",
    }
    for kind, title in titles.items():
        say(f"\n{title}")
        for row in rows:
            if row.kind == kind:
                mark = "  NON-COMMERCIAL" if row.non_commercial else ""
                say(f"  {row.name}: {row.licence}{mark}\n      {row.may}; {row.link}")
    say(f"\n{files.OUTPUT_SENTENCE}")
    return 0


def _list(rows: list[files.Part], json: bool, details: bool) -> int:
    found = [(row, files.check_presence(row)) for row in rows]
    if json:
        emit_json(
            {"folder": str(files.weights_folder()), "files": [_facts(row, state) for row, state in found]}
        )
        return 0
    for row, state in found:
        mark = "  non-commercial" if row.non_commercial else ""
        say(f"{state:<8} {row.name:<24} {_size(row):<26} {row.licence}{mark}\n{'':9}{row.about}")
        if details:
            for name, value in _details(row).items():
                say(f"{'':9}{name:<8} {value}")
    say(f"\nfolder: {files.weights_folder()}\nsystems: {', '.join(files.systems())} (fetch --system NAME)")
    if not details:
        say("file, hash, origin and licence in words: weights list NAME")
    return 0


def _size(row: files.Part) -> str:
    """The published size; of what the package brings, the size it has."""
    if row.bundled and files.check_presence(row) == "present":
        return f"{files.place(row).stat().st_size:,} bytes"
    return row.size_text


def _details(row: files.Part) -> dict[str, str]:
    sources = [f"{one.host} {one.repository}, {one.path} at {one.revision}" for one in row.sources]
    return {
        "file": row.file,
        "hash": row.hash_text,
        "origin": "inside the package" if row.bundled else "; else ".join(sources),
        "licence": f"{row.licence}: {row.may}; {row.link}",
    }


def _facts(row: files.Part, state: str) -> dict[str, Any]:
    facts = asdict(row)
    for name in ("sources", "aliases", "about_bytes"):
        del facts[name]
    return {**facts, "state": state}


def _fetch(rows: list[files.Part], json: bool) -> int:
    paths = {}
    for row in rows:
        if line := files.notice(row):
            note(line)
        paths[row.name] = str(files.fetch(row.name, progress=_Bar(row.file)))
        if not json:
            say(f"{row.name}: {paths[row.name]}")
    if json:
        emit_json({"fetched": paths})
    return 0


def _import(folders: list[str], move: bool, json: bool) -> int:
    if len(folders) != 1:
        raise OptionError("say one folder: soundvcm weights import FOLDER")
    checks = files.import_dir(Path(folders[0]), copy=not move)
    return _report(checks, json)


def _verify(rows: list[files.Part], json: bool) -> int:
    checks = [files.verify(row.name) for row in rows]
    present = [check for check in checks if check.state != "missing"]
    return _report(checks if len(rows) < len(files.parts()) else present, json)


def _report(checks: list[files.Check], json: bool) -> int:
    if json:
        facts = [{**vars(check), "part": check.part.name, "path": str(check.path)} for check in checks]
        emit_json({"files": facts})
    else:
        for check in checks:
            say(f"{check.state:<8} {check.part.name:<24} {check.path}\n{'':9}{check.detail}")
    return 2 if any(check.state in ("missing", "damaged") for check in checks) else 0


def _where(rows: list[files.Part], json: bool) -> int:
    places = {row.name: str(files.place(row)) for row in rows}
    if json:
        emit_json({"folder": str(files.weights_folder()), "files": places})
        return 0
    for line in places.values() if places else [str(files.weights_folder())]:
        say(line)
    return 0


class _Bar:
    """A line of progress on a terminal, rewritten a few times a second."""

    def __init__(self, file: str) -> None:
        self.file, self.shown, self.began = file, 0.0, time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if not sys.stderr.isatty() or (done != total and now - self.shown < _SHOW_SECONDS):
            return
        self.shown = now
        rate = done / max(now - self.began, 1e-9) / 1e6
        share = f"{done / total:4.0%} of {total / 1e6:,.0f} MB" if total else f"{done / 1e6:,.0f} MB"
        end = "\n" if done == total else ""
        print(f"\r\x1b[K{self.file}: {share}, {rate:.1f} MB/s", end=end, file=sys.stderr, flush=True)
