"""Tables and captions that others wrote: each is read, or refused in one line; nothing else is raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

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
