"""Nothing is kept of what is refused: queue, quota and fields come before the body, and slow senders end."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from standins import random_pipeline

from soundvcm.web import MIB, Studio, create_app, server


def stored(served: Any) -> list[str]:
    """Everything of the studio's on the disk, apart from its lock."""
    folder = served.studio.folder
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())[1:]


def test_a_refused_job_leaves_nothing_of_its_upload(serve: Any, gated: Any, clip: Path) -> None:
    pipeline, gate = gated
    served = serve(pipeline=pipeline, waiting=1, takes=3)
    served.submit(prompt="rain", duration="1")
    assert gate.reached.wait(60)
    served.submit(prompt="rain", duration="1")
    content = clip.read_bytes()
    for _ in range(5):  # the queue is full
        answer = served.client.post("/api/jobs", files={"video": ("film.mp4", content)})
        assert answer.status_code == 429
    gate.open.set()
    served.until(lambda: served.get("/api/health").json()["worker"] == "idle")
    before = stored(served)
    for fields in ({"takes": "9"}, {"duration": "soon"}, {"start": "99"}, {"gain": "500"}, {"seed": "-7"}):
        answer = served.client.post("/api/jobs", data=fields, files={"video": ("film.mp4", content)})
        if "start" in fields:  # only the clip itself tells
            assert answer.status_code == 202
            assert served.finish(answer.json())["state"] == "failed"
            served.delete(f"/api/jobs/{answer.json()['id']}")
            served.delete(f"/api/clips/{answer.json()['clip']}")
            continue
        assert answer.status_code == 422, answer.text
    assert stored(served) == before
    assert "soundvcm_refused_jobs_total 5" in served.get("/metrics").text


def test_a_refusal_is_read_by_a_client_that_is_still_sending(serve: Any) -> None:
    served = serve(stored_bytes=1000)
    answer = served.client.post("/api/clips", files={"video": ("film.mp4", b"x" * (6 * MIB))})
    assert answer.status_code == 429 and "full" in answer.json()["detail"]
    assert stored(served) == []


def test_a_body_that_says_nothing_of_its_length_counts_as_it_comes(serve: Any) -> None:
    served = serve(stored_bytes=5 * MIB)
    sent = 0

    def pieces() -> Any:
        nonlocal sent
        yield b'--edge\r\nContent-Disposition: form-data; name="video"; filename="f"\r\n\r\n'
        for _ in range(40):
            sent += 1
            yield b"x" * MIB

    headers = {"content-type": "multipart/form-data; boundary=edge"}
    answer = served.client.post("/api/clips", content=pieces(), headers=headers)
    assert answer.status_code == 429 and "full" in answer.json()["detail"], answer.text
    assert stored(served) == []


def test_words_alone_count_in_the_quota(serve: Any) -> None:
    served = serve(stored_bytes=40_000)
    done = served.finish(served.submit(prompt="rain", duration="2"))
    answer = served.client.post("/api/jobs", data={"prompt": "rain", "duration": "1"})
    assert answer.status_code == 429 and "full" in answer.json()["detail"]
    # What can be brought back makes room for what is new.
    served.delete(f"{done['takes'][0]['sound'].removesuffix('/sound')}?undo=true")
    assert served.client.post("/api/jobs", data={"prompt": "rain", "duration": "1"}).status_code == 202


def test_a_slow_sender_is_ended(serve: Any) -> None:
    served = serve(sender_seconds=0.5)
    address = served.client.base_url
    with socket.create_connection((address.host, address.port), timeout=30) as line:
        head = "POST /api/clips HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
        line.sendall((head + "Content-Type: multipart/form-data; boundary=edge\r\n\r\n--edge\r\n").encode())
        began = time.monotonic()
        assert b" 408 " in line.recv(4096)
        assert time.monotonic() - began < 20
    assert stored(served) == []


def test_the_same_key_gets_the_same_job(serve: Any) -> None:
    served = serve()
    fields = {"prompt": "rain", "duration": "1"}

    def sent(**changes: str) -> httpx.Response:
        headers = {"Idempotency-Key": "one"}
        found: httpx.Response = served.client.post("/api/jobs", data={**fields, **changes}, headers=headers)
        return found

    assert sent(seed="-9").status_code == 422  # refused: the key is free again
    first, again = sent(), sent()
    assert first.status_code == again.status_code == 202 and first.json()["id"] == again.json()["id"]
    assert sent(prompt="wind").status_code == 422
    assert len(served.get("/api/jobs").json()) == 1


def test_all_jobs_newest_first_and_head(serve: Any) -> None:
    served = serve()
    jobs = [served.finish(served.submit(prompt=name, duration="0.5")) for name in ("rain", "wind")]
    listed = served.get("/api/jobs").json()
    assert [job["id"] for job in listed] == [jobs[1]["id"], jobs[0]["id"]]
    assert listed[0]["asked"]["prompt"] == "wind" and listed[0]["asked"]["duration"] == "0.5"
    assert served.get("/api/jobs?state=failed").json() == []
    sound = jobs[0]["takes"][0]["sound"]
    for address in ("/", "/api/health", sound, f"/api/jobs/{jobs[0]['id']}/events"):
        head = served.client.head(address)
        assert head.status_code == 200 and head.content == b"", address
    assert served.client.head(sound).headers["content-length"] == str(len(served.get(sound).content))


def test_who_connects_and_says_nothing_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.5)
    studio = Studio(random_pipeline(), tmp_path / "files")
    places: list[str] = []
    thread = threading.Thread(
        target=server.listen, args=(create_app(studio), "127.0.0.1", 0, places.append), daemon=True
    )
    thread.start()
    end = time.monotonic() + 60
    while not places:
        assert time.monotonic() < end
        time.sleep(0.01)
    address = httpx.URL(places[0])
    with socket.create_connection((address.host, address.port), timeout=30) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        assert line.recv(100) == b""
    assert httpx.get(f"{places[0]}/api/health", trust_env=False).status_code == 200
    studio.close()
