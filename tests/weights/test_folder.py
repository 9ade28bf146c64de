"""Finding, checking and importing weights files; nothing here may open a socket."""

import hashlib
import os
import socket
import time
from dataclasses import replace

import pytest
import torch
from weights_table import know

from soundvcm import weights
from soundvcm.errors import WeightsError
from soundvcm.weights import files, folder, table


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


@pytest.fixture
def row(monkeypatch):
    """A small known file in place of the real table: content b'weights' and its true hash."""
    content = b"weights"
    row = replace(
        table.part("mmaudio_small_16k"),
        name="small",
        file="small.pth",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
        aliases=("published.bin",),
    )
    know(monkeypatch, row)
    return row


def put(home, content, name="small.pth"):
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(content)
    return home / name


def test_missing_file_is_named_with_size_hash_and_folder_at_once(home):
    start = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        weights.locate("mmaudio_small_16k")
    assert time.monotonic() - start < 1
    line = str(caught.value)
    for fact in (
        "mmaudio_small_16k.pth",
        "629,395,261 bytes",
        "61987bcbd6fc689af063075d7efaef29425f65df155dac589c07fa8173a03c1c",
        str(home),
        "soundvcm weights fetch mmaudio_small_16k",
        "non-commercial",
    ):
        assert fact in line
    assert "\n" not in line and caught.value.exit_code == 2
    assert not home.exists()


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(WeightsError, match="'mmaudio_small_16k'"):
        weights.locate("mmaudio_smal_16k")


def test_present_file_is_found_under_both_names(home, row):
    path = put(home, b"weights")
    assert weights.locate("small") == path == weights.locate("small.pth")
    path.rename(home / "published.bin")
    assert weights.locate("small") == home / "published.bin"


def test_wrong_size_is_refused_before_reading(home, row):
    put(home, b"weight")
    with pytest.raises(WeightsError, match="6 bytes, expected 7"):
        weights.locate("small")


def test_verify_states(home, row, monkeypatch):
    assert weights.verify("small").state == "missing"
    path = put(home, b"WEIGHTS")
    assert weights.verify("small").state == "damaged"
    path.write_bytes(b"weights")
    assert weights.verify("small").state == "ok"
    know(monkeypatch, replace(row, sha256=None, md5=None))
    unknown = weights.verify("small")
    assert unknown.state == "unknown" and row.sha256 in unknown.detail
    know(monkeypatch, replace(row, sha256=None))
    assert weights.verify("small").state == "ok"  # by MD5 where only that is known


def test_a_verified_file_is_hashed_once_and_again_after_a_change(home, row, monkeypatch):
    path = put(home, b"weights")
    calls = []
    real = folder.digest
    monkeypatch.setattr(folder, "digest", lambda *given: calls.append(given) or real(*given))
    assert weights.verify("small", fresh=False).state == "ok"
    assert weights.verify("small", fresh=False).state == "ok"
    assert len(calls) == 1
    path.write_bytes(b"Weights")
    os.utime(path, (1, 1))
    assert weights.verify("small", fresh=False).state == "damaged"


def test_import_takes_whole_files_and_reports_damaged_ones(home, row, tmp_path):
    stick = tmp_path / "stick"
    stick.mkdir()
    with pytest.raises(WeightsError, match="holds no known weights file"):
        weights.import_dir(stick)
    with pytest.raises(WeightsError, match="is not a folder"):
        weights.import_dir(tmp_path / "nowhere")
    (stick / "published.bin").write_bytes(b"weightz")
    (damaged,) = weights.import_dir(stick)
    assert damaged.state == "damaged" and not home.exists()
    (stick / "published.bin").write_bytes(b"weights")
    (taken,) = weights.import_dir(stick)
    assert taken.state == "ok" and taken.path == home / "small.pth"
    assert (stick / "published.bin").exists()
    assert weights.locate("small").read_bytes() == b"weights"
    weights.import_dir(stick, copy=False)
    assert not (stick / "published.bin").exists()
    assert not list(home.glob("*.part"))


def test_import_of_the_weights_folder_itself_changes_nothing(home, row):
    put(home, b"weights")
    weights.import_dir(home, copy=False)
    assert (home / "small.pth").read_bytes() == b"weights"


def test_home_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("SOUNDVCM_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert weights.weights_folder() == tmp_path / "soundvcm" / "weights"
    monkeypatch.setattr("sys.platform", "darwin")
    assert "Library" in str(weights.home_folder())
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert weights.home_folder() == tmp_path / "soundvcm"


def test_load_of_a_known_file_says_non_commercial_once(home, row, monkeypatch, caplog, tmp_path):
    torch.save({"a": torch.arange(3)}, tmp_path / "small.pth")
    content = (tmp_path / "small.pth").read_bytes()
    known = replace(row, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    know(monkeypatch, known)
    put(home, content)
    files._log_once.cache_clear()
    with caplog.at_level("WARNING", logger="soundvcm.weights"):
        tensors, _ = weights.load("small")
        weights.load("small")
    assert tensors["a"].tolist() == [0, 1, 2]
    assert len([line for line in caplog.messages if "non-commercial" in line]) == 1


def test_load_refuses_a_damaged_known_file(home, row):
    put(home, b"WEIGHTS")
    with pytest.raises(WeightsError, match="is damaged: sha256"):
        weights.load("small")


def test_rows_are_complete_and_unique():
    rows = weights.parts()
    names = [row.name for row in rows]
    places = [(row.bundled, row.file) for row in rows]
    assert len(set(names)) == len(names) and len(set(places)) == len(places)
    for row in rows:
        assert row.licence and row.may and row.link.startswith("https://") and row.about
        assert row.sha256 is None or len(row.sha256) == 64
        assert row.md5 is None or len(row.md5) == 32
        assert row.bundled or row.sources
        assert row.bundled or row.bytes or row.about_bytes
        assert (table.notice(row) is not None) == row.non_commercial


def test_every_bundled_file_is_located_without_a_home(monkeypatch):
    monkeypatch.setenv("SOUNDVCM_HOME", "/nonexistent")
    here = [row for row in weights.parts() if row.bundled and weights.check_presence(row) != "missing"]
    assert here and all(weights.locate(row.name).is_file() for row in here)
    assert all(weights.verify(row.name).state == "ok" for row in here)
    clutter = [path for path in weights.locate("clip_bpe").parent.parent.iterdir() if path.name[0] == "."]
    assert clutter == []  # nothing is stamped inside the package


def test_damaged_bundled_file_asks_for_a_new_installation(monkeypatch):
    row = replace(table.part("clip_bpe"), sha256="0" * 64)
    know(monkeypatch, row)
    check = weights.verify("clip_bpe")
    assert check.state == "damaged" and "reinstall" in check.detail
