"""Names of output files: the input's stem kept whole, nothing overwritten, prompts made safe (cases 17, 26).

Knows paths and words; reads and writes no file.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from soundvcm.errors import MediaError
from soundvcm.media.suffixes import VIDEO_OUTPUTS
from soundvcm.media.write.target import free_name, same_file

NAME_BYTES = 100
_RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{k}" for name in ("com", "lpt") for k in range(10))}
_LETTERS = ("L", "M", "N")


def prompt_stem(prompt: str, seed: int | None = None) -> str:
    """A file name (without suffix) of at most 100 bytes for a sound made from words alone.

    Letters of any script, digits and ._- are kept; the seed (if one is given) and eight digits of the
    prompt's SHA-256 follow, so prompts that begin alike get different names.
    """
    mark = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    tail = f"-{mark}" if seed is None or seed < 0 else f"-{seed}-{mark}"
    words = _safe(prompt, NAME_BYTES - len(tail) - 1) or "sound"
    if words.split(".")[0].casefold() in _RESERVED:
        words = "_" + words
    return words + tail


def _safe(text: str, limit: int) -> str:
    kept = []
    for letter in unicodedata.normalize("NFC", text):
        fine = letter in "._-" or (unicodedata.category(letter)[0] in _LETTERS and letter.isprintable())
        kept.append(letter if fine else "_")
    words = "_".join(part for part in "".join(kept).split("_") if part)
    return words.encode("utf-8")[:limit].decode("utf-8", "ignore").strip("._- ")


def named_stem(template: str, *, stem: str, seed: int, prompt: str, model: str) -> str:
    """A file name (without suffix) by a template such as "{stem}_{seed}".

    Raises:
        MediaError: for a field that is not stem, seed, prompt or model, and for what is no file name.
    """
    fields = {
        "stem": stem,
        "seed": seed,
        "prompt": _safe(prompt, NAME_BYTES) or "no_prompt",
        "model": _safe(Path(model).stem, NAME_BYTES),
    }
    try:
        name = template.format(**fields)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        known = ", ".join(f"{{{field}}}" for field in fields)
        raise MediaError(f"name {template!r} is not understood ({error}): its fields are {known}") from None
    if not name.strip(". ") or "/" in name or "\\" in name or "\0" in name:
        raise MediaError(f"name {template!r} gives {name!r}, which is no file name")
    return name


def output_paths(
    video: Path | str | None,
    output: Path | str | None = None,
    *,
    prompt: str = "",
    seed: int = -1,
    suffix: str | None = None,
    takes: int = 1,
) -> list[Path]:
    """The files to write for one input, a take each.

    Args:
        video: the input; None for sound from words alone.
        output: a file, or a folder (one that exists, or a name that ends in "/"); None puts it beside the
            input as "<stem>.sound<suffix>", or into the current folder for words alone.
        prompt: names a sound from words alone.
        seed: stands in that name; without one (-1) an existing file is not reused.
        suffix: such as ".wav"; None means a video: the input's own suffix where we write it, else ".mp4".
        takes: more than one adds "-take1", "-take2" ...

    Raises:
        MediaError: if an output would be the input itself.
    """
    source = Path(video) if video is not None else None
    target = Path(output) if output is not None else None
    if str(output) == "-":
        raise MediaError("-: results are not written to standard output: give a file name")
    ending = suffix or _video_suffix(source)
    folder = target if target is not None and (target.is_dir() or str(output).endswith(("/", "\\"))) else None
    if target is not None and folder is None:
        named = target.suffix or (
            target.exists() and not target.is_file()
        )  # devices are refused, not renamed
        path = target if named else target.with_name(target.name + ending)
    elif source is not None:
        path = (folder or source.parent) / (source.stem + ("" if folder else ".sound") + ending)
        if same_file(path, source):
            path = path.with_name(f"{source.stem}.sound{ending}")
    else:
        path = (folder or Path()) / (prompt_stem(prompt, seed) + ending)
        if seed < 0:
            path = free_name(path, Path.exists)
    if source is not None and same_file(path, source):
        raise MediaError(f"{path}: is the input itself and would be overwritten: choose another output name")
    if takes == 1:
        return [path]
    return [path.with_name(f"{path.stem}-take{k + 1}{path.suffix}") for k in range(takes)]


def _video_suffix(source: Path | None) -> str:
    suffix = "" if source is None else source.suffix.lower()
    return suffix if suffix in VIDEO_OUTPUTS and suffix != ".avi" else ".mp4"


def folder_outputs(
    inputs: Iterable[Path], root: Path, folder: Path, suffix: str | None = None
) -> dict[Path, Path]:
    """Input -> output for a run over a folder: the tree below `root` is mirrored in `folder`.

    Where two inputs of one folder differ only in their suffix ("clip.mov", "clip.mp4"), the later ones get it
    into their name ("clip_mp4.wav"). The result does not depend on what was written before.

    Raises:
        MediaError: if an output would be one of the inputs.
    """
    names = sorted(inputs, key=str)
    real = {os.path.realpath(name) for name in names}
    found: dict[Path, Path] = {}
    taken: set[str] = set()
    for source in names:
        place = folder / source.relative_to(root).parent
        ending = suffix or _video_suffix(source)
        path = place / (source.stem + ending)
        if _key(path) in taken:
            path = place / f"{source.stem}_{source.suffix.removeprefix('.')}{ending}"
        path = free_name(path, lambda one: _key(one) in taken)
        if os.path.realpath(path) in real:
            path = path.with_name(f"{path.stem}.sound{ending}")
        if os.path.realpath(path) in real:
            raise MediaError(f"{path}: is an input and would be overwritten: choose another output folder")
        taken.add(_key(path))
        found[source] = path
    return found


def _key(path: Path) -> str:
    """Names that differ only in case are one file on many disks."""
    return str(path).casefold()
