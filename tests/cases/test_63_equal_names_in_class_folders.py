"""Case 63: clips of one name in class folders are all there, and no caption goes to the wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from soundvcm.data.catalog import from_folder, read_catalog
from soundvcm.data.media_index import MediaIndex
from soundvcm.errors import StoreError

NAMES = tuple("rain/001.mp4 wind/001.mp4 wind/002.mp4 x/a.m4v x/b.opus x/c.ts x/d.wav x/d.flac".split())
LEFT = ("x/._d.wav", "x/.hidden/e.wav", "x/notes.txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*NAMES, *LEFT):
        path = tmp_path / "ds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "ds"


def test_every_media_file_is_a_clip(folder: Path) -> None:
    catalog = from_folder(folder)
    ids = {row.id: row.file.relative_to(folder).as_posix() for row in catalog.rows}
    assert len(ids) == 8 and set(ids.values()) == set(NAMES)
    assert ids["rain/001"] == "rain/001.mp4" and {"x/d.wav", "x/d.flac", "x/a"} <= set(ids)
    assert "8 clips paired, 0 without file, 0 files without row" in catalog.report()


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
def test_an_id_that_fits_two_files_is_refused(folder: Path, kind: str) -> None:
    table = folder / f"t.{kind}"

    def write(name: str) -> None:
        comma = {"tsv": "\t", "csv": ","}.get(kind)
        text = f'{{"id": "{name}", "captions": "rain"}}' if comma is None else (
            f"id{comma}captions\n{name}{comma}rain\n"
        )  # fmt: skip
        table.write_text(text)

    for name in ("001", "x/d"):
        write(name)
        with pytest.raises(StoreError) as told:
            read_catalog(table)
        first, second = ("rain/001.mp4", "wind/001.mp4") if name == "001" else ("x/d.flac", "x/d.wav")
        assert first in str(told.value) and second in str(told.value)
    for name, file in (("wind/001", "wind/001.mp4"), ("002", "wind/002.mp4"), ("x/d.wav", "x/d.wav"),
                       ("a.m4v", "x/a.m4v")):  # fmt: skip
        write(name)
        (row,) = read_catalog(table).rows
        assert row.file == folder / file and row.captions == ("rain",)


def test_rows_are_split_at_newlines_only(folder: Path) -> None:
    odd = "rain\u2028and\x0bwind\x85or\x1cice"
    (folder / "t.tsv").write_bytes(f"id\tcaptions\r\nwind/002\t{odd}\r\nx/a\tsecond\r".encode())
    rows = {row.id: row.captions for row in read_catalog(folder / "t.tsv").rows}
    assert rows == {"wind/002": (odd,), "x/a": ("second",)}
    (folder / "x" / "a.txt").write_text(odd)
    assert next(row for row in from_folder(folder).rows if row.id == "x/a").captions == (odd.strip(),)


def test_the_index_is_sorted_and_whole(folder: Path) -> None:
    index = MediaIndex(folder)
    assert [path.relative_to(folder).as_posix() for path in index.files()] == sorted(NAMES)
    assert index.find("nothing", folder / "nothing") == folder / "nothing"
