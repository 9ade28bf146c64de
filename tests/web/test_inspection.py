"""Looking at uploads is bounded: in pixels, memory and time, apart from the server, for who still waits."""

from __future__ import annotations

import struct
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from soundvcm.web import Inspector, Limits
from soundvcm.web.inspecting import Look
from soundvcm.web.limits import RefusedError


def gif(width: int, height: int, pictures: int) -> bytes:
    """A GIF of a few bytes a picture, as large as it says."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    control = b"\x21\xf9\x04\0\x04\0\0\0"
    picture = control + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\0"
    return head + picture * pictures + b";"


def test_too_many_pixels_are_refused_before_they_are_decoded(serve: Any) -> None:
    served = serve()
    content = gif(12_600, 12_600, 1)
    assert len(content) < 100
    began = time.process_time()
    answer = served.client.post("/api/clips", files={"video": ("bomb.gif", content)})
    assert answer.status_code == 413 and "12600 x 12600" in answer.json()["detail"]
    assert time.process_time() - began < 2
    assert not list(served.studio.clips.folder.iterdir())


def test_what_takes_too_long_is_ended_and_the_next_is_looked_at(
    inspector: Inspector, tmp_path: Path, clip: Path
) -> None:
    (tmp_path / "long.gif").write_bytes(gif(4000, 4000, 3000))
    with pytest.raises(RefusedError, match="too much to look at"):
        inspector.inspect(tmp_path / "long.gif", Limits(inspect_seconds=1))
    assert inspector.inspect(clip, Limits()).seconds == 4


def test_a_look_ends_when_its_client_leaves(inspector: Inspector, tmp_path: Path) -> None:
    (tmp_path / "long.gif").write_bytes(gif(4000, 4000, 3000))
    look = Look()
    threading.Timer(0.5, look.end, ["client"]).start()
    with pytest.raises(RefusedError) as error:
        inspector.inspect(tmp_path / "long.gif", Limits(), look)
    assert error.value.status == 408


def test_many_heavy_clips_do_not_hold_up_the_page(serve: Any) -> None:
    served = serve(inspect_seconds=2, waiting=60)
    content = gif(4000, 4000, 2000)
    statuses: list[int] = []

    def upload() -> None:
        answer = served.client.post("/api/clips", files={"video": ("heavy.gif", content)})
        statuses.append(answer.status_code)

    uploads = [threading.Thread(target=upload) for _ in range(44)]
    for one in uploads:
        one.start()
    served.until(lambda: len(list(served.studio.clips.folder.iterdir())) > 40)
    for address in ("/", "/api/health"):
        began = time.monotonic()
        assert served.get(address, timeout=20).status_code == 200
        assert time.monotonic() - began < 10
    served.studio.inspector.close()  # ends the looks that are under way; the rest is refused below
    served.studio.looks.shutdown(wait=False, cancel_futures=True)
    for one in uploads:
        one.join(60)
    assert len(statuses) == 44 and set(statuses) <= {413, 503}
    served.until(lambda: not list(served.studio.clips.folder.iterdir()))
