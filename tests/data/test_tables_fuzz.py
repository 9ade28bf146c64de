"""Tables and captions that others wrote: each is read, or refused in one line; nothing else is raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundvcm.cli.batch.table import read_table
from soundvcm.data.catalog import from_folder, read_catalog
from soundvcm.data.published import from_audiocaps, from_clotho, from_vggsound, from_wavcaps
from soundvcm.errors import SoundVCMError

VGG = '--0PQM4-hqg,30,waterfall burbling,train\nab,2.0,"a, b",test\n'
AUDIOCAPS = "audiocap_id,youtube_id,start_time,caption\n1,ab,130,rain\n2,cd,5.0,wind\n"
CLOTHO = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\na.wav,a,b,c,d,e\n"
WAVCAPS = json.dumps(
    {"data": [{"id": "1.wav", "caption": "rain", "duration": 12.5}, {"id": 2, "caption": "x"}]}
)
TSV = "id\tfile\tstart\tseconds\tcaptions\tsplit\na\ta.wav\t0\t8\train\ttrain\nb\tb.wav\t1.5\t4\twind\tval\n"
JSONL = (
    '{"id": "a", "captions": ["rain", null]}\n'
    '{"file": "b.wav", "start": 1.5, "seconds": "4", "caption": null}\n'
)
BATCH = 'video,prompt,seed\na.mp4,"rain, wind",1\nb.mp4,,\n'

READERS: dict[str, tuple[str, str, Callable[[Path], object]]] = {
    "vggsound": (VGG, ".csv", lambda path: from_vggsound(path, path.parent)),
    "audiocaps": (AUDIOCAPS, ".csv", lambda path: from_audiocaps(path, path.parent)),
    "clotho": (CLOTHO, ".csv", lambda path: from_clotho(path, path.parent, lambda _: Fraction(20))),
    "wavcaps": (WAVCAPS, ".json", lambda path: from_wavcaps(path, path.parent)),
    "tsv": (TSV, ".tsv", read_catalog),
    "csv": (TSV.replace("\t", ","), ".csv", read_catalog),
    "jsonl": (JSONL, ".jsonl", read_catalog),
    "batch csv": (BATCH, ".csv", read_table),
    "batch tsv": (BATCH.replace(",", "\t"), ".tsv", read_table),
    "batch jsonl": (
        '{"video": "a.mp4", "prompt": null}\n{"video": "b.mp4", "seed": 7}\n',
        ".jsonl",
        read_table,
    ),
}
ODD = [
    *(b"\xff", b"\0", b'"', b"\n", b"\r", b"\t", b",", b"1e999", b"nan", b"-5", b"1/0", b"\xed\xa0\x80"),
    *(
        b"null",
        b"[",
        b"{}",
        "\u2028".encode(),
        b"\xef\xbb\xbf",
        b"true",
        b"9" * 20,
        b"\\ud800",
        b"../",
        b"x" * 5000,
    ),
]


@pytest.mark.parametrize("name", READERS)
def test_damaged_tables(tmp_path: Path, name: str) -> None:
    text, suffix, read = READERS[name]
    for file in ("a.wav", "b.wav"):
        (tmp_path / file).write_bytes(b"x")
    path = tmp_path / f"table{suffix}"
    path.write_text(text)
    read(path)  # as it should be
    generator = np.random.default_rng(sum(map(ord, name)))
    refused = 0
    for _ in range(400):
        data = bytearray(text.encode())
        for _ in range(int(generator.integers(1, 4))):
            at = int(generator.integers(0, len(data) + 1))
            match int(generator.integers(0, 3)):
                case 0:
                    data[at:at] = ODD[int(generator.integers(0, len(ODD)))]
                case 1:
                    del data[at : at + int(generator.integers(1, 20))]
                case 2:
                    data[at : at + 1] = generator.integers(0, 256, 1, dtype=np.uint8).tobytes()
        path.write_bytes(data)
        try:
            read(path)
        except SoundVCMError as error:
            refused += 1
            assert "\n" not in str(error)[:100]
    assert refused > 20


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
WHOLE = {
    "catalog": ({"id": "a", "file": "a.wav", "start": 0, "seconds": 8, "captions": ["x"]}, read_catalog),
    "batch": ({"video": "a.mp4", "prompt": "rain", "seed": 7}, read_table),
    "wavcaps": (
        {"id": "1.wav", "caption": "rain", "duration": 12.5}, lambda path: from_wavcaps(path, path.parent)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_in_any_place(tmp_path: Path, name: str, data: st.DataObject) -> None:
    """Nulls, lists, numbers where words are expected, and the other way round."""
    row, read = WHOLE[name]
    key = data.draw(st.sampled_from(sorted(row)))
    odd = {**row, key: data.draw(JSON)}
    path = tmp_path / ("t.json" if name == "wavcaps" else "t.jsonl")
    path.write_text(json.dumps({"data": [odd]} if name == "wavcaps" else odd), encoding="utf-8")
    try:
        read(path)
    except SoundVCMError as error:
        assert str(error)


CELL = st.text(st.characters(codec="utf-8"), max_size=12)


@pytest.mark.parametrize("name", ["tsv", "csv", "batch csv", "batch tsv", "vggsound", "audiocaps", "clotho"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.lists(CELL, max_size=7), max_size=3), quoted=st.booleans())
def test_any_cells(tmp_path: Path, name: str, cells: list[list[str]], quoted: bool) -> None:
    text, suffix, read = READERS[name]
    mark = "\t" if "tsv" in name else ","
    rows = [mark.join(f'"{cell}"' if quoted else cell for cell in row) for row in cells]
    path = tmp_path / f"t{suffix}"
    path.write_text(text + "\n".join(rows), encoding="utf-8", newline="")
    try:
        read(path)
    except SoundVCMError as error:
        assert str(error)


@pytest.mark.parametrize(
    "data", [b"caf\xe9", b"\xff\xfea\0b\0", b"\xff\xfe\0", b"", b"\0\0", "\ufeffrain".encode()]
)
def test_captions_beside_a_clip(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    (tmp_path / "a.txt").write_bytes(data)
    try:
        assert len(from_folder(tmp_path).rows) == 1
    except SoundVCMError as error:
        assert "a.txt" in str(error)


def test_published_tables_as_programs_rewrite_them(tmp_path: Path) -> None:
    """A header that the publisher's file does not have, starts written as 30.0."""
    (tmp_path / "v.csv").write_text("youtube_id,start,label,split\nab,30.0,rain,test\n")
    assert from_vggsound(tmp_path / "v.csv", tmp_path).without_file == ("ab_000030",)


def test_numbers_as_other_programs_write_them(tmp_path: Path) -> None:
    """A column of whole numbers with gaps, as data frames write it; UTF-16, as spreadsheets do."""
    path = tmp_path / "t.csv"
    path.write_bytes("video,seed\na.mp4,7.0\nb.mp4,\nc.mp4,1.5\n".encode("utf-16"))
    rows = read_table(path)
    assert [row.seed for row in rows] == [7, None, None] and [bool(row.fault) for row in rows] == [0, 0, 1]
