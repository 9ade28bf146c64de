"""The media files of a folder by name, none lost and none mistaken for another.

A clip's id is its path below the folder without the ending; where two files of one folder differ only there,
both keep theirs. Knows names; opens no media.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from soundvcm import media
from soundvcm.errors import StoreError


class MediaIndex:
    """Files of a folder and those below it, sorted; hidden ones and macOS's "._" files are passed over.

    Args:
        folder: searched.
    """

    def __init__(self, folder: Path) -> None:
        kinds = media.VIDEO_SUFFIXES | media.SOUND_SUFFIXES
        files = [
            path
            for path in sorted(folder.rglob("*"))
            if path.suffix.lower() in kinds and path.is_file() and not media.is_hidden(path, folder)
        ]
        bare = Counter(path.relative_to(folder).with_suffix("") for path in files)
        self.ids: dict[str, Path] = {}
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for path in files:
            inner = path.relative_to(folder)
            whole = inner.with_suffix("")
            self.ids[(inner if bare[whole] > 1 else whole).as_posix()] = path
            names = {inner.as_posix(), whole.as_posix(), path.name, path.stem}
            for name in names:
                self._by_name[name].append(path)
        self._folder = folder

    def find(self, name: str, default: Path) -> Path:
        """The file that an id of a table names: by its path below the folder or by its name alone.

        Raises:
            StoreError: if it fits two files.
        """
        if name in self.ids:
            return self.ids[name]
        found = self._by_name.get(name, [])
        if len(found) > 1:
            shown = " and ".join(path.relative_to(self._folder).as_posix() for path in found[:2])
            raise StoreError(
                f"id {name!r} fits {len(found)} files, {shown}: give ids with the folder, such as"
                f" {next(key for key, path in self.ids.items() if path == found[0])!r}, or a column file"
            )
        return found[0] if found else default

    def files(self) -> list[Path]:
        """All of them."""
        return list(self.ids.values())


def plain(value: object) -> str:
    """A value of a table as text that can be written again (a lone half of a surrogate pair cannot)."""
    return str(value).encode("utf-8", "replace").decode("utf-8")
