"""Files are written beside their place and renamed: old or new, never half."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from soundvcm.ground.files import beside


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "a.json"
    with beside(path) as part:
        part.write_text("one")
        assert part.parent == path.parent and part.suffix == ".json" and not path.exists()
    with pytest.raises(KeyError), beside(path) as part:
        part.write_text("half")
        raise KeyError
    assert path.read_text() == "one" and os.listdir(path.parent) == ["a.json"]
    with pytest.raises(FileNotFoundError), beside(path):
        pass
    assert path.read_text() == "one" and os.listdir(path.parent) == ["a.json"]


def test_rights_and_links_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_text("one")
    path.chmod(0o640)
    link.symlink_to(path)
    with beside(link, sync=False) as part:
        part.write_text("two")
    assert link.is_symlink() and path.read_text() == "two" and stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["é" * 120, "a" * 250 + ".wav"])
def test_the_longest_names(tmp_path: Path, name: str) -> None:
    with beside(tmp_path / name) as part:
        part.write_text("one")
    assert os.listdir(tmp_path) == [name]
