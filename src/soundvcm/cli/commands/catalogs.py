"""Which clips the words of a command name: a table, a published table, a folder; and what is odd about them.

Shared by extraction and fine-tuning; prints remarks, extracts nothing.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from soundvcm.cli.terminal import note, say
from soundvcm.errors import OptionError, SoundVCMError

if TYPE_CHECKING:
    from soundvcm.data.catalog import Catalog

Kind = Literal["table", "vggsound", "audiocaps", "clotho", "wavcaps"]
_WITHOUT_SPLIT = ("audiocaps", "clotho", "wavcaps")
_SHOWN = 20


def find_catalog(
    catalog: Path | None,
    folder: Path | None,
    kind: Kind,
    seconds: str | None,
    split: str | None,
    windows: bool = False,
) -> Catalog:
    """The catalog that the options name.

    Raises:
        OptionError: if they name none, or one of them has nothing to act on.
        StoreError: if the table cannot be used.
    """
    from soundvcm.data import catalog as tables
    from soundvcm.data import published
    from soundvcm.timeline import exact_seconds

    for given in (catalog, folder):
        if given is not None and not given.exists():
            raise OptionError(f"{given} is not here")
    if split is not None and (catalog is None or kind not in _WITHOUT_SPLIT):
        raise OptionError(f"--split is for tables that name none: --kind {', '.join(_WITHOUT_SPLIT)}")
    if seconds is not None and catalog is not None:
        raise OptionError("--seconds is for a folder without a catalog: write the length into the table")
    if windows and catalog is not None:
        raise OptionError("--windows is for a folder without a catalog: the table says where clips begin")
    if catalog is None:
        if folder is None:
            raise OptionError("say which clips: --catalog TABLE, or --folder DIR")
        if kind != "table":
            raise OptionError(f"--kind {kind} needs the published table: --catalog FILE")
        length = tables.CLIP_SECONDS if seconds is None else exact_seconds(seconds)
        if length <= 0:
            raise OptionError(f"a clip lasts more than 0 seconds, not {seconds}")
        whole = length_of if windows else None
        return tables.from_folder(folder, seconds=length, duration=whole)
    where, name = folder or catalog.parent, split or "train"
    match kind:
        case "vggsound":
            return published.from_vggsound(catalog, where)
        case "audiocaps":
            return published.from_audiocaps(catalog, where, split=name)
        case "clotho":
            return published.from_clotho(catalog, where, length_of, split=name)
        case "wavcaps":
            return published.from_wavcaps(catalog, where, split=name)
    return tables.read_catalog(catalog, folder)


def length_of(file: Path) -> Fraction:
    """Seconds of a media file; one of an unreadable file, so that extraction says what is wrong with it."""
    from soundvcm.data.clip_sound import media_seconds

    try:
        return media_seconds(file)
    except SoundVCMError:
        return Fraction(1)


def remark(found: Catalog) -> None:
    """What a person should know of a catalog before clips are extracted by it."""
    from soundvcm.data.catalog import nameless

    if odd := nameless(found):
        note(
            f"{len(odd)} captions look like numbers of files ({odd[0]!r}), which say nothing of a sound: put"
            " what is heard into a .txt file beside each clip, or into a column captions"
        )
    if found.rows and not any(row.split == "val" for row in found.rows):
        note("no clip is in the split val: training will not be validated (give --hold-out 0.05)")


def tell_catalog(found: Catalog) -> int:
    """Print what pairs, the splits, and the names of the rest."""
    say(found.report())
    remark(found)
    splits = Counter(row.split for row in found.rows)
    blank = sum(not any(caption.strip() for caption in row.captions) for row in found.rows)
    say("splits: " + (", ".join(f"{name} {count}" for name, count in sorted(splits.items())) or "none"))
    say(f"captions: {sum(len(row.captions) for row in found.rows)}; clips without any: {blank}")
    say(f"sound: {float(sum(row.seconds for row in found.rows)) / 3600:.3g} hours")
    rest = (("without file", found.without_file), ("without row", [str(f) for f in found.without_row]))
    for title, names in rest:
        for name in list(names)[:_SHOWN]:
            say(f"{title}: {name}")
        if len(names) > _SHOWN:
            say(f"{title}: and {len(names) - _SHOWN} more")
    return 0
