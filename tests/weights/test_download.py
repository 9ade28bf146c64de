"""Fetching from a server on this machine: whole, interrupted, wrong, absent, offline."""

import hashlib
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from weights_table import know

from soundvcm import weights
from soundvcm.errors import WeightsError
from soundvcm.weights import download, table
from soundvcm.weights.table import Source

CONTENT = bytes(range(256)) * 12_000  # 3 MB: several pieces


class Shelf:
    """What the server has and how it behaves."""

    def __init__(self):
        self.files = {}
        self.break_after = []  # bytes to send before hanging up, one entry per request
        self.ranges = True
        self.requests = []


@pytest.fixture
def shelf(monkeypatch):
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            shelf.requests.append((self.path, self.headers.get("Range")))
            content = shelf.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = 0
            if self.headers.get("Range") and shelf.ranges:
                start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            if shelf.break_after:
                body = body[: shelf.break_after.pop(0)]
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    shelf.address = f"http://127.0.0.1:{server.server_port}"
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HF_HUB_OFFLINE", "SOUNDVCM_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield shelf
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


@pytest.fixture
def row(monkeypatch):
    row = replace(
        table.part("mmaudio_small_16k"),
        name="small",
        file="small.pth",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        md5=None,
        sources=(Source("hub", "owner/name", "folder/small.pth", revision="abc"),),
    )
    know(monkeypatch, row)
    return row


HUB_PATH = "/owner/name/resolve/abc/folder/small.pth"


def test_fetch_from_the_hub_endpoint_of_the_environment(shelf, home, row, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", shelf.address + "/")
    shelf.files[HUB_PATH] = CONTENT
    seen = []
    path = weights.fetch("small", progress=lambda done, total: seen.append((done, total)))
    assert path == home / "small.pth" and path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and seen == sorted(seen) and len(seen) > 1
    assert sorted(file.name for file in home.iterdir()) == [".verified.json", "small.pth"]
    assert weights.fetch("small") == path and len(shelf.requests) == 1  # whole: not fetched again
    path.write_bytes(CONTENT[::-1])
    weights.fetch("small")
    assert path.read_bytes() == CONTENT  # damaged: replaced


def test_mirror_replaces_every_origin(shelf, home, row, monkeypatch):
    monkeypatch.setenv("SOUNDVCM_MIRROR", shelf.address + "/mirror")
    shelf.files["/mirror/small.pth"] = CONTENT
    weights.fetch("small")
    assert shelf.requests == [("/mirror/small.pth", None)]


def test_interrupted_transfer_goes_on_where_it_ended(shelf, home, row, monkeypatch):
    monkeypatch.setenv("SOUNDVCM_MIRROR", shelf.address)
    shelf.files["/small.pth"] = CONTENT
    shelf.break_after = [1_500_000, 700_000]
    assert weights.fetch("small").read_bytes() == CONTENT
    assert [wanted for _, wanted in shelf.requests] == [None, "bytes=1500000-", "bytes=2200000-"]


def test_a_dead_transfer_leaves_a_part_that_a_later_fetch_continues(shelf, home, row, monkeypatch):
    monkeypatch.setenv("SOUNDVCM_MIRROR", shelf.address)
    shelf.files["/small.pth"] = CONTENT
    shelf.break_after = [1_000_000, 0]
    with pytest.raises(WeightsError, match="1,000,000 of 3,072,000"):
        weights.fetch("small")
    assert [file.name for file in home.iterdir()] == ["small.pth.part"]
    with pytest.raises(WeightsError):
        weights.locate("small")  # a part is never taken for the file
    assert weights.fetch("small").read_bytes() == CONTENT
    assert shelf.requests[-1][1] == "bytes=1000000-"


def test_server_without_ranges_sends_everything_again(shelf, home, row, monkeypatch):
    monkeypatch.setenv("SOUNDVCM_MIRROR", shelf.address)
    shelf.files["/small.pth"] = CONTENT
    shelf.ranges = False
    home.mkdir(parents=True)
    (home / "small.pth.part").write_bytes(b"something else")
    assert weights.fetch("small").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_starts_anew(shelf, home, row, monkeypatch):
    know(monkeypatch, replace(row, bytes=None))
    monkeypatch.setenv("SOUNDVCM_MIRROR", shelf.address)
    shelf.files["/small.pth"] = CONTENT
    home.mkdir(parents=True)
    (home / "small.pth.part").write_bytes(CONTENT + b"x")
    assert weights.fetch("small").read_bytes() == CONTENT


def test_wrong_content_is_deleted(shelf, home, row, monkeypatch):
    monkeypatch.setenv("SOUNDVCM_MIRROR", shelf.address)
    shelf.files["/small.pth"] = CONTENT[:-1] + b"x"
    with pytest.raises(WeightsError, match="is not the published file.*deleted"):
        weights.fetch("small")
    assert not list(home.iterdir())


def test_absent_everywhere_names_each_answer_and_writes_nothing(shelf, home, row, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", shelf.address)
    with pytest.raises(WeightsError, match="HTTP 404") as caught:
        weights.fetch("small")
    assert str(home) in str(caught.value) and row.sha256 in str(caught.value)
    assert "\n" not in str(caught.value) and not home.exists()


def test_second_origin_is_tried(shelf, home, row, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", shelf.address)
    monkeypatch.setattr(download, "_GITHUB", shelf.address + "/github")
    github = Source("github", "owner/name", "small.pth", revision="v0.1")
    know(monkeypatch, replace(row, sources=(*row.sources, github)))
    shelf.files["/github/owner/name/releases/download/v0.1/small.pth"] = CONTENT
    assert weights.fetch("small").read_bytes() == CONTENT
    assert len(shelf.requests) == 2


def test_dead_proxy_and_offline_answer_at_once(home, row, monkeypatch):
    start = time.monotonic()
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="by hand"):
        weights.fetch("small")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="offline"):
        weights.fetch("small")
    assert time.monotonic() - start < 5 and not home.exists()


def test_no_room_is_said_before_the_transfer(home, row, monkeypatch):
    know(monkeypatch, replace(row, bytes=10**18))
    with pytest.raises(WeightsError, match="SOUNDVCM_HOME"):
        weights.fetch("small")
    assert not home.exists()


def test_file_without_a_published_hash_is_taken_and_remembered(shelf, home, row, monkeypatch):
    know(monkeypatch, replace(row, sha256=None, bytes=None, about_bytes=3_000_000))
    monkeypatch.setenv("SOUNDVCM_MIRROR", shelf.address)
    shelf.files["/small.pth"] = CONTENT
    weights.fetch("small")
    assert weights.verify("small").state == "unknown"
    assert row.sha256 in weights.verify("small").detail


def test_published_addresses():
    assert download.addresses(table.part("vae_16k")) == [
        "https://huggingface.co/hkchengrex/MMAudio/resolve/main/ext_weights/v1-16.pth",
        "https://github.com/hkchengrex/MMAudio/releases/download/v0.1/v1-16.pth",
    ]
    assert download.addresses(table.part("mmaudio_small_16k_ckpt"))[0].endswith(
        "/checkpoints/mmaudio_small_16k_ckpt.pth"
    )


def test_files_of_metric_networks_have_addresses():
    row = table.part("panns_cnn14_16k")
    assert download.addresses(row) == ["https://zenodo.org/records/3987831/files/Cnn14_16k_mAP%3D0.438.pth"]
