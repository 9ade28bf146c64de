"""What a batch has to do: clips from files, folders and tables, and where the result of each goes.

    inputs => items with their outputs, root, number of files left aside

The tree is mirrored, and no two results share a stem in one folder, because a result's suffix may still
change when its pictures do not fit the container (cases 17, 32). Reads folders and tables, no clips.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from soundvcm import media
from soundvcm.cli.batch.table import TABLE_SUFFIXES, read_table
from soundvcm.errors import InputError, OptionError
from soundvcm.generate.options import GenerateOptions

REPORT = "report.jsonl"
_OWN = re.compile(r"(?P<stem>.+)\.sound(-take\d+|-\d+)*")


@dataclass
class Item:
    """One clip of a batch.

    Attributes:
        source: the clip; of a row that names none, the table.
        prompt, seed: of the row; None takes what the command was given.
        fault: why it cannot be done, "" if it can.
        output: planned file; its suffix may change when it is written.
    """

    source: Path
    prompt: str | None = None
    seed: int | None = None
    fault: str = ""
    output: Path = Path()


@dataclass
class Plan:
    """All of a batch.

    Attributes:
        items: in the order of the work.
        folder: where report and results go.
        ignored: files of walked folders that are neither videos nor pictures.
    """

    items: list[Item] = field(default_factory=list)
    folder: Path = Path()
    ignored: int = 0


def plan(inputs: tuple[Path, ...], request: GenerateOptions, naming: tuple[str, str] | None = None) -> Plan:
    """Collect the clips and decide where every result goes; nothing is written.

    Args:
        inputs: clips, folders, tables.
        request: what holds for all.
        naming: template of the results' names and the name of the model; clips without a seed get one then.

    Raises:
        OptionError: there is nothing to do, a table is wrong as a whole, or --output is no folder.
        InputError: a folder cannot be read.
    """
    if request.output is not None and _is_file_name(request.output):
        raise OptionError(f"{request.output}: several clips need a folder as --output, not a file name")
    output = None if request.output is None else Path(os.path.abspath(request.output))
    found, roots = Plan(), []
    for given in inputs:
        path = Path(os.path.abspath(given))
        if path.is_dir():
            roots.append(path)
            _walk(path, output, found)
        elif path.suffix.lower() in TABLE_SUFFIXES:
            roots.append(path.parent)
            found.items += _rows(path)
        else:
            roots.append(path.parent)
            found.items.append(Item(path))
    found.items = _without_repeats(found.items)
    if not found.items:
        raise OptionError(f"no clips in {', '.join(map(str, inputs))} ({found.ignored} other files)")
    root = _common(roots + [item.source.parent for item in found.items])
    found.folder = output or root
    _place(found.items, root, found.folder, request, naming)
    return found


def _is_file_name(path: Path) -> bool:
    suffixes = (*media.VIDEO_OUTPUTS, *media.SOUND_OUTPUTS)
    return path.exists() and not path.is_dir() or not path.exists() and path.suffix.lower() in suffixes


def _rows(path: Path) -> list[Item]:
    items = []
    for row in read_table(path):
        source = path if row.video is None else Path(os.path.abspath(row.video))
        fault = row.fault or ("is a folder, not a clip" if source.is_dir() else "")
        fault = f"{path.name}: line {row.line} {fault}" if fault else ""
        items.append(Item(source, row.prompt, row.seed, fault))
    return items


def _walk(root: Path, output: Path | None, found: Plan) -> None:
    """Add the clips below a folder, sorted; hidden files, our own results and reports are passed over."""

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: the folder cannot be read ({error.strerror})")

    for place, folders, names in os.walk(root, onerror=refuse):
        here = Path(place)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and here / name != output)
        for name in sorted(names):
            path = here / name
            suffix = path.suffix.lower()
            if media.is_hidden(path) or name == REPORT:
                continue
            if suffix not in media.VIDEO_SUFFIXES | media.IMAGE_SUFFIXES:
                found.ignored += not (_is_own(path) and suffix in media.SOUND_OUTPUTS)
            elif not _is_own(path):
                found.items.append(Item(path))


def _is_own(path: Path) -> bool:
    """True for names that results beside their clips have: clip.sound.mp4, clip.sound-take2.wav."""
    return _OWN.fullmatch(path.stem) is not None


def _without_repeats(items: list[Item]) -> list[Item]:
    """Each plain file once, and no result whose clip is there too (as `*.mp4` names them at a second run)."""
    clips = {item.source.with_suffix("") for item in items}
    # Of clip.mp4 beside clip.avi the result is clip_mp4.sound.mp4.
    clips |= {Path(f"{one.source.with_suffix('')}_{one.source.suffix.removeprefix('.')}") for one in items}
    kept, seen = [], set()
    for item in items:
        plain = item.prompt is None and item.seed is None and not item.fault
        own = _OWN.fullmatch(item.source.stem)
        if plain and (item.source in seen or own and item.source.with_name(own["stem"]) in clips):
            continue
        if plain:
            seen.add(item.source)
        kept.append(item)
    return kept


def _common(places: list[Path]) -> Path:
    try:
        return Path(os.path.commonpath(places))
    except ValueError:  # drives of Windows
        raise OptionError("the clips lie on different drives: run each drive by itself") from None


def _place(
    items: list[Item],
    root: Path,
    folder: Path,
    request: GenerateOptions,
    naming: tuple[str, str] | None,
) -> None:
    """Give every item its output; ".sound" marks results that lie among clips."""
    real, top = Path(os.path.realpath(folder)), Path(os.path.realpath(root))
    mark = ".sound" if real == top or real in top.parents else ""
    sources = {item.source for item in items if not item.fault}
    # One suffix for all of them, so that the names differ before it.
    names = media.folder_outputs(sources, root, folder, f"{mark}.result")
    taken = {_key(source) for source in sources}
    for item in items:
        if item.fault:
            continue
        ending = ".wav" if request.audio_only else media.output_paths(item.source)[0].suffix
        planned = names[item.source].with_suffix(ending)
        if naming is not None:
            planned = planned.with_name(_named(item, request, *naming) + ending)
        item.output, number = planned, 2
        while taken & (keys := _keys(item, request.takes)):
            item.output = planned.with_name(f"{planned.stem}-{number}{ending}")
            number += 1
        taken |= keys


def _named(item: Item, request: GenerateOptions, template: str, model: str) -> str:
    """The stem of an item's result by the template."""
    seed = request.seed if item.seed is None else item.seed
    if "{seed" in template and seed < 0:
        seed = item.seed = secrets.randbelow(2**31)
    prompt = request.prompt if item.prompt is None else item.prompt
    return media.named_stem(template, stem=item.source.stem, seed=seed, prompt=prompt, model=model)


def _keys(item: Item, takes: int) -> set[str]:
    return {_key(path) for path in media.output_paths(item.source, item.output, takes=takes)}


def _key(path: Path) -> str:
    """A file's name without its suffix; names that differ only in case are one file on many disks."""
    return os.path.realpath(path.with_suffix("")).casefold()
