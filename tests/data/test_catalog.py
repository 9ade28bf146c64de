"""Catalogs: case 35's table, published tables, and refusals in words."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from soundvcm.data.catalog import (
    Catalog,
    Row,
    from_folder,
    hold_out,
    nameless,
    read_catalog,
    window_starts,
)
from soundvcm.data.published import from_audiocaps, from_clotho, from_vggsound, from_wavcaps
from soundvcm.errors import StoreError


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")


def test_json_lines_and_windows(tmp_path: Path) -> None:
    touch(tmp_path / "m", "x.wav")
    rows = [
        {"id": "x0", "file": "x.wav", "start": 0, "seconds": "2.5", "captions": ["a", "b"], "split": "val"},
        {"id": "x1", "file": "x.wav", "start": "8", "captions": "c"},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    first, second = read_catalog(tmp_path / "t.jsonl", tmp_path / "m").rows
    assert first.seconds == Fraction(5, 2) and first.captions == ("a", "b") and first.split == "val"
    assert second.start == 8 and second.seconds == 8 and second.captions == ("c",) and second.split == "train"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\tcaption\nx\ty", "first line names the columns"),
        ("id\tcapton\nx\ty", "unknown column 'capton' .did you mean 'captions'"),
        ("id\tcaption\n\ty", "line 2: no id"),
        ("id\tstart\nx\tsoon", r"line 2 \(x\): not a duration"),
        ("id\tcaption\nx\ty\tz", "line 2: has 3 cells where the header has 2"),
        ("id\tstart\nx\t0\nx\t8", r"id 'x' stands for two clips .*from 0 s.*from 8 s"),
    ],
)
def test_tables_that_cannot_be(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.tsv").write_text(text)
    with pytest.raises(StoreError, match=message):
        read_catalog(tmp_path / "t.tsv")
    (tmp_path / "t.jsonl").write_text("[1]")
    with pytest.raises(StoreError, match="JSON"):
        read_catalog(tmp_path / "t.jsonl")
    (tmp_path / "l.tsv").write_bytes(b"id\xff")
    with pytest.raises(StoreError, match="UTF-8"):
        read_catalog(tmp_path / "l.tsv")


def test_a_plain_folder(tmp_path: Path) -> None:
    touch(tmp_path, "glass_breaks.mp4", "b.wav", "sub.mov")
    (tmp_path / "b.txt").write_text("a bird sings\nbirdsong\n\n")
    catalog = from_folder(tmp_path, val_every=3)
    found = {row.id: (row.captions, row.split) for row in catalog.rows}
    assert found == {
        "b": (("a bird sings", "birdsong"), "train"),
        "glass_breaks": (("glass breaks",), "train"),
        "sub": (("sub",), "val"),
    }


@pytest.mark.parametrize(
    ("whole", "length", "starts"),
    [
        (20, 8, (0, 8, 12)),
        (16, 8, (0, 8)),
        ("16.2", 8, (0, 8)),  # so short an end gets no window of its own
        ("5.3", 4, (0, "1.3")),
        ("2.5", 2, (0, "0.5")),
        (1, 1, (0,)),
        ("0.4", 1, (0,)),  # too short: extraction says so
    ],
)
def test_windows_cover_a_file(whole: str, length: int, starts: tuple[str, ...]) -> None:
    assert window_starts(Fraction(whole)) == (length, tuple(map(Fraction, starts)))


def test_a_folder_in_windows_holds_out_whole_files(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "b.wav", "c.wav")
    rows = from_folder(tmp_path, duration=lambda file: Fraction(20 if file.stem == "c" else 3)).rows
    assert [(row.id, row.start, row.seconds, row.split) for row in rows] == [
        ("a#0", 0, 2, "train"), ("a#1", 1, 2, "train"), ("b#0", 0, 2, "train"), ("b#1", 1, 2, "train"),
        ("c#0", 0, 8, "val"), ("c#1", 8, 8, "val"), ("c#2", 12, 8, "val"),
    ]  # fmt: skip
    assert {row.split for row in from_folder(tmp_path, val_every=0).rows} == {"train"}


def test_tables_as_people_have_them(tmp_path: Path) -> None:
    """MMAudio's splits (id, label), a spreadsheet's CSV, a table of files without ids."""
    touch(tmp_path, "yt_000030.mp4", "a b.wav")
    (tmp_path / "vgg.tsv").write_text("id\tlabel\nyt_000030\tplaying timpani\n")
    (row,) = read_catalog(tmp_path / "vgg.tsv").rows
    assert row.file.name == "yt_000030.mp4" and row.captions == ("playing timpani",)
    (tmp_path / "sheet.csv").write_text('file,caption,split\n"a b.wav","rain, then\nwind",val\n,,\n')
    (row,) = read_catalog(tmp_path / "sheet.csv").rows
    assert (row.id, row.captions, row.split) == ("a b", ("rain, then\nwind",), "val")
    (tmp_path / "no.tsv").write_text("file\tstart\nyt_000030.mp4\t2\n")
    (row,) = read_catalog(tmp_path / "no.tsv").rows
    assert (row.id, row.start) == ("yt_000030", 2)
    for text in ('file,caption\n"a,b\n', "name,caption\na,b\n", "file,caption\na,b,c\n"):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(StoreError, match="bad.csv"):
            read_catalog(tmp_path / "bad.csv")


def test_whole_files_are_held_out_by_their_names(tmp_path: Path) -> None:
    rows = tuple(Row(f"{f}#{k}", tmp_path / f"{f}.mp4") for f in "abcdefghij" for k in range(2))
    found = hold_out(Catalog(rows, 20), 0.2)
    kept = {row.file.name for row in found.rows if row.split == "val"}
    assert len(kept) == 2 and sum(row.split == "val" for row in found.rows) == 4
    fewer = hold_out(Catalog(tuple(row for row in rows if row.file.name in kept or row.id[0] < "f"), 20), 0.2)
    assert {row.file.name for row in fewer.rows if row.split == "val"} <= kept  # others do not decide
    assert hold_out(found, 0.9) == found  # a table's own split stays
    assert {row.split for row in hold_out(Catalog(rows[:2], 2), 0.5).rows} == {"train"}  # of one file none


def test_captions_that_are_the_numbers_of_files() -> None:
    def catalog(*captions: str) -> Catalog:
        return Catalog(tuple(Row(c, Path(c), captions=(c,)) for c in captions), 0)

    numbers = ["IMG 2034", "VID 20240101 122334", "dQw4w9WgXcQ 000030", "00012", "3FtGm8aEoUw 000030"]
    numbers += ["-0PQM4ahqEg 000001", "a3f9c2e1b4d07788", "GOPR0123"]
    assert nameless(catalog(*numbers, "a dog")) == numbers
    assert nameless(catalog("IMG 2034", "a dog barks", "rain")) == []
    assert nameless(catalog("狗在叫", "кот мяукает", "DOG BARKS", "rain2", "Take 3: it's raining")) == []


def test_vggsound(tmp_path: Path) -> None:
    touch(tmp_path / "v", "--0PQM4-hqg_000030.mp4", "---g-f_I2yQ_000001.mp4")
    table = tmp_path / "vggsound.csv"
    table.write_text(
        '--0PQM4-hqg,30,"waterfall burbling, loud",train\n---g-f_I2yQ,1,people marching,test\nx,5,y,train\n'
    )
    catalog = from_vggsound(table, tmp_path / "v")
    first, second = catalog.rows
    assert first.id == "--0PQM4-hqg_000030" and first.captions == ("waterfall burbling, loud",)
    assert first.start == 0 and first.seconds == 8 and (first.split, second.split) == ("train", "test")
    assert catalog.without_file == ("x_000005",)
    table.write_text("a,b\n")
    with pytest.raises(StoreError, match="row 1: 2 cells.* 4"):
        from_vggsound(table, tmp_path / "v")


def test_audiocaps_and_clotho(tmp_path: Path) -> None:
    touch(tmp_path / "a", "yt_000030.wav")
    table = tmp_path / "a.csv"
    table.write_text('audiocap_id,youtube_id,start_time,caption\n1,yt,30,"A, b"\n2,yt,30,C\n')
    (row,) = from_audiocaps(table, tmp_path / "a", split="val").rows
    assert row.id == "yt_000030" and row.captions == ("A, b", "C") and row.split == "val"
    touch(tmp_path / "c", "long sound.wav", "short.wav")
    table.write_text(
        "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n"
        "long sound.wav,1,2,3,4,5\nshort.wav,a,b,c,d,e\n"
    )
    rows = from_clotho(
        table, tmp_path / "c", lambda file: Fraction(251, 10) if "long" in file.name else Fraction(3)
    ).rows
    assert [(row.id, row.start) for row in rows] == [
        ("long sound_0", 0),
        ("long sound_1", 8),
        ("long sound_2", 16),
        ("short_0", 0),
    ]
    assert all(len(row.captions) == 5 for row in rows)
    table.write_text("wrong,header\n")
    with pytest.raises(StoreError, match="'file_name'"):
        from_clotho(table, tmp_path / "c", lambda file: Fraction(8))


def test_wavcaps(tmp_path: Path) -> None:
    touch(tmp_path / "w", "180913.flac", "Yb0RFKhbpFJA.wav", "extra.flac")
    table = tmp_path / "fsd.json"
    entries = [
        {"id": "180913", "file_name": "Prague.wav", "caption": "A tram passes.", "duration": 30.1},
        {"id": "Yb0RFKhbpFJA.wav", "caption": "Wind blows.", "duration": 10},
        {"id": 7, "caption": "Gone.", "duration": 10},
    ]
    table.write_text(json.dumps({"num_captions_per_audio": 1, "data": entries}))
    catalog = from_wavcaps(table, tmp_path / "w", split="val")
    assert [(row.id, row.captions, row.split) for row in catalog.rows] == [
        ("180913", ("A tram passes.",), "val"),
        ("180913_1", ("A tram passes.",), "val"),
        ("180913_2", ("A tram passes.",), "val"),
        ("Yb0RFKhbpFJA", ("Wind blows.",), "val"),
    ]
    # 30.1 s: three segments fit, their starts spread over the file; of 600 s there are five.
    assert [row.start for row in catalog.rows] == [0, Fraction("11.05"), Fraction("22.1"), 0]
    assert all(row.seconds == 8 for row in catalog.rows)
    assert catalog.without_file == ("7",) and [f.name for f in catalog.without_row] == ["extra.flac"]
    table.write_text('{"data": [{"id": 1}]}')
    with pytest.raises(StoreError, match="WavCaps"):
        from_wavcaps(table, tmp_path / "w")


def test_tables_of_others(tmp_path: Path) -> None:
    """A CSV with semicolons, and the column names of other tools."""
    touch(tmp_path, "a.wav", "b.wav")
    (tmp_path / "excel.csv").write_text(
        "\ufefffile;caption\r\na.wav;a dog; barks\r\n".replace("dog; ", "dog, ")
    )
    (row,) = read_catalog(tmp_path / "excel.csv").rows
    assert row.file.name == "a.wav" and row.captions == ("a dog, barks",)
    (tmp_path / "metadata.csv").write_text('file_name,text,split\na.wav,"rain; wind",val\nb.wav,hail,train\n')
    first, second = read_catalog(tmp_path / "metadata.csv").rows
    assert (first.captions, first.split, second.captions) == (("rain; wind",), "val", ("hail",))
    (tmp_path / "t.tsv").write_text("filename\ttext\nb.wav\tsnow\n")
    assert read_catalog(tmp_path / "t.tsv").rows[0].id == "b"
