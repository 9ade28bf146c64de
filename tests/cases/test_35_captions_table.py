"""Case 35: caption tables with ids and text that break parsers: paired by id, the same bytes in any order."""

from __future__ import annotations

from pathlib import Path

from data.test_catalog import touch
from data.test_store import clip, words, writer

from soundvcm.data.catalog import read_catalog
from soundvcm.data.store import FeatureStore


def test_the_table_of_case_35(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "--0PQM4-hqg_000000.mp4",
        "a.b.c_000010.mp4",
        "q.mp4",
        "zh.mp4",
        "none.mp4",
        "norow.mp4",
        "notes.md",
    )
    lines = [
        "id\tcaption",
        "--0PQM4-hqg_000000\train",
        "a.b.c_000010\tplain",
        'q\the said "boo", twice',
        "zh\t雨打在铁皮屋顶上",
        "none\t",
        "q\tanother caption of the same sound",
        "nofile\tgone",
    ]
    table = tmp_path / "table.tsv"
    table.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n")
    catalog = read_catalog(table)
    rows = {row.id: row for row in catalog.rows}
    assert list(rows) == ["--0PQM4-hqg_000000", "a.b.c_000010", "q", "zh", "none"]
    assert all(row.file.stem == name for name, row in rows.items()), "paired by id"
    assert rows["q"].captions == ('he said "boo", twice', "another caption of the same sound")
    assert rows["zh"].captions == ("雨打在铁皮屋顶上",) and rows["none"].captions == ()
    assert catalog.without_file == ("nofile",) and [file.name for file in catalog.without_row] == [
        "norow.mp4"
    ]
    assert catalog.report() == "7 lines, 6 files: 5 clips paired, 1 without file, 1 files without row"


def test_order_of_writing_and_number_of_writers_change_no_byte(tmp_path: Path) -> None:
    """Case 35: 3 processes in shuffled order give what 1 gives."""
    ids = ["--0PQM4-hqg_000000", "a.b.c_000010", "q", "zh"]
    texts = ["", "plain", 'he said "boo", twice', "雨打在铁皮屋顶上"]
    shards = [[clip(name, text, seed=k)] for k, (name, text) in enumerate(zip(ids, texts, strict=True))]
    one = writer(tmp_path / "one")
    for number, shard in enumerate(shards):
        one.write(number, shard)
    one.finish(words)
    for number in (3, 0, 2, 1):
        writer(tmp_path / "three").write(number, shards[number])
    writer(tmp_path / "three").finish(words)
    files = sorted(
        path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()
    )
    assert len(files) == 11
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "three" / path).read_bytes(), path
    store = FeatureStore(tmp_path / "three")
    assert store.items[store.find("--0PQM4-hqg_000000")].captions == ()  # an empty caption is no text
    kept = [store.texts[number] for item in store.items for number in item.captions]
    assert kept == ["plain", 'he said "boo", twice', "雨打在铁皮屋顶上"]
