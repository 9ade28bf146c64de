"""What the studio does not take, in sentences with a 4xx status and the field they belong beside."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import torch
from standins import write_clip

from soundvcm.errors import OptionError
from soundvcm.web import Limits, check_address
from soundvcm.web.clip import png, safe_stem
from soundvcm.web.forms import field_of
from soundvcm.web.limits import is_loopback, name_of_host


def refusal(answer: Any, status: int, field: str | None = None) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["field"] == field and body["status"] == status and body["title"], body
    assert body["detail"] == body["error"]
    assert body["error"] and "\n" not in body["error"]
    return str(body["error"])


def test_sentences_beside_their_fields(serve: Any, tmp_path: Path) -> None:
    """Case 34: running with no file and no prompt is a sentence next to the field."""
    served = serve(seconds=20, takes=3)
    post = served.client.post

    def sent(**fields: Any) -> Any:
        return post("/api/jobs", data={"prompt": "rain", "duration": "1", **fields})

    assert "choose a video" in refusal(post("/api/jobs", data={"prompt": " "}), 422, "video")
    assert "choose" in refusal(post("/api/jobs"), 422, "video").lower()
    assert "seconds" in refusal(post("/api/jobs", data={"prompt": "rain"}), 422, "duration")
    assert "up to 20 s" in refusal(sent(duration="20.5"), 413, "duration")
    for wrong in ("soon", "nan", "inf", "-1", "0", "1e999", "1e9999999999", "1/0", "9" * 400):
        refusal(sent(duration=wrong), 422, "duration")
    refusal(sent(start="-2"), 422, "start")
    assert "1 .. 3" in refusal(sent(takes="4"), 422, "takes")
    refusal(sent(takes="0"), 422, "takes")
    refusal(sent(takes="two"), 422, "takes")
    refusal(sent(seed="-5"), 422, "seed")
    refusal(sent(seed=str(2**63)), 422, "seed")
    refusal(sent(num_steps="0"), 422, "num_steps")
    refusal(sent(num_steps="1001"), 422, "num_steps")
    refusal(sent(gain="500"), 422, "gain")
    refusal(sent(gain="nan"), 422, "gain")
    refusal(sent(loudness="10"), 422, "loudness")
    refusal(sent(sample_rate="5"), 422, "sample_rate")
    refusal(sent(existing_audio="shout"), 422, "existing_audio")
    assert "trained into" in refusal(sent(cfg_strength="4.5"), 422, "cfg_strength")
    assert "trained into" in refusal(sent(negative_prompt="speech"), 422, "negative_prompt")
    refusal(sent(prompt="x" * 2001), 422, "prompt")
    assert served.get("/metrics").text.count("soundvcm_jobs_waiting 0") == 1


def test_segments_that_make_no_sense(serve: Any) -> None:
    """Refused at once: a few letters must not become a number of a billion digits."""
    served = serve()
    began = time.process_time()
    for rows in (
        "soon",
        "3",
        "[3]",
        "[" * 5000,
        '[{"start": 0, "end": "1e999999999"}]',
        '[{"start": "-1e-999999999", "end": 1}]',
        '[{"start": 0, "end": 1, "gain": 1e400}]',
        json.dumps([{"start": 0, "end": 1, "prompt": "x" * 2001}]),
        '[{"start": 0, "end": 2}, {"start": 1, "end": 3}]',
        json.dumps([{"start": 0, "end": 1}] * 1001),
    ):
        fields = {"prompt": "rain", "duration": "1", "segments": rows}
        refusal(served.client.post("/api/jobs", data=fields), 422, "segments")
    assert time.process_time() - began < 5


def test_content_decides_and_names_never(serve: Any, clip: Path, tmp_path: Path) -> None:
    served = serve()
    folder = served.studio.clips.folder

    def upload(name: str, content: bytes) -> Any:
        return served.client.post("/api/clips", files={"video": (name, content, "video/mp4")})

    for content in (b"just words", b"", b"\0" * 4000, b"#EXTM3U\nhttp://127.0.0.1:9/x.ts\n"):
        message = refusal(upload("film.mp4", content), 415, "video")
        assert str(folder) not in message
    assert not list(folder.iterdir())  # nothing of a refused file stays
    good = clip.read_bytes()
    for name in (
        "../../escape.mp4",
        "..\\..\\escape",
        "/etc/passwd",
        "a\0b.mp4",
        "film.txt",
        "-rf",
        "x" * 400,
    ):
        answer = upload(name, good)
        assert answer.status_code == 201, answer.text
        facts = answer.json()
        assert facts["seconds"] == 4.0 and facts["has_sound"] and len(facts["name"]) <= 60
        assert not set(facts["name"]) & set("/\\.\0")
    assert len([path for path in folder.iterdir() if not path.suffix]) == 7
    assert not list(tmp_path.rglob("*escape*"))


def test_no_way_out_of_the_folder(serve: Any) -> None:
    served = serve()
    for path in (
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/%2e%2e/errors.py",
        "/static/nothing.js",
        "/api/clips/..%2f..%2fetc/strip.png",
        "/api/jobs/..%2f..%2f/takes/1/sound",
    ):
        answer = served.get(path)
        assert answer.status_code == 404 and "error" in answer.json(), path
    assert served.get("/api/jobs/x/takes/1/passwd").status_code == 422


def test_unknown_ids(serve: Any) -> None:
    served = serve()
    refusal(served.get("/api/jobs/none"), 404)
    refusal(served.get("/api/jobs/none/events"), 404)
    refusal(served.post("/api/jobs/none/cancel"), 404)
    refusal(served.delete("/api/clips/none"), 404, "video")
    refusal(served.client.post("/api/jobs", data={"clip": "none"}), 404, "video")


def test_local_paths_only_where_allowed(serve: Any, clip: Path) -> None:
    closed = serve()
    refusal(closed.client.post("/api/jobs", data={"path": str(clip)}), 403, "path")
    open_ = serve(local_paths=True)
    refusal(open_.client.post("/api/jobs", data={"path": str(clip) + ".none"}), 422, "path")
    job = open_.submit(path=str(clip), seed="1")
    done = open_.finish(job)
    assert done["state"] == "done"
    assert open_.delete(f"/api/clips/{done['clip']}").status_code == 204
    assert clip.is_file()  # a local file is never the studio's to remove


def test_upload_size_with_and_without_a_claimed_length(serve: Any, clip: Path) -> None:
    served = serve(upload_bytes=2000)
    post = served.client.post
    refusal(post("/api/clips", files={"video": ("film.mp4", b"x" * 5000)}), 413, "video")

    def pieces() -> Any:
        yield b'--edge\r\nContent-Disposition: form-data; name="video"; filename="f"\r\n\r\n'
        for _ in range(50):
            yield b"x" * 100

    headers = {"content-type": "multipart/form-data; boundary=edge"}
    answer = post("/api/clips", content=pieces(), headers=headers)
    assert answer.status_code == 413 and "larger" in answer.json()["error"]
    assert not list(served.studio.clips.folder.iterdir())


def test_clips_that_last_too_long_and_a_full_disk(serve: Any, clip: Path) -> None:
    short = serve(seconds=3)
    refusal(short.client.post("/api/clips", files={"video": ("f", clip.read_bytes())}), 413, "video")
    full = serve(stored_bytes=100)
    assert "full" in refusal(
        full.client.post("/api/clips", files={"video": ("f", clip.read_bytes())}), 429, "video"
    )


def test_a_full_queue(serve: Any, gated: Any) -> None:
    pipeline, gate = gated
    served = serve(pipeline=pipeline, waiting=2)
    fields = {"prompt": "rain", "duration": "1"}
    served.submit(**fields)
    assert gate.reached.wait(60)
    places = [served.submit(**fields)["position"] for _ in range(2)]
    assert places == [1, 2]
    answer = served.client.post("/api/jobs", data=fields)
    assert "2 jobs are waiting" in refusal(answer, 429) and answer.headers["retry-after"] == "5"
    assert "soundvcm_jobs_waiting 2" in served.get("/metrics").text
    assert "soundvcm_refused_jobs_total 1" in served.get("/metrics").text


def test_old_clips_and_jobs_are_removed(serve: Any, clip: Path, gated: Any) -> None:
    pipeline, gate = gated
    served = serve(pipeline=pipeline, keep_seconds=60)
    gate.open.set()
    done = served.finish(served.submit(clip))
    studio = served.studio
    folder = studio.job(done["id"]).folder
    studio.sweep()
    assert folder.exists() and len(studio.clips) == 1
    gate.open.clear()
    gate.reached.clear()
    served.submit(clip=done["clip"])  # a job that runs holds its clip
    assert gate.reached.wait(60)
    studio.sweep(time.monotonic() + 61)
    assert not folder.exists() and len(studio.clips) == 1
    assert served.get(f"/api/jobs/{done['id']}").status_code == 404
    refusal(served.delete(f"/api/clips/{done['clip']}"), 409, "video")


def test_closing_removes_everything(serve: Any, clip: Path) -> None:
    served = serve()
    served.finish(served.submit(clip))
    served.studio.close()
    assert not served.studio.folder.exists()


def test_a_still_picture_needs_seconds(serve: Any, tmp_path: Path) -> None:
    served = serve()
    picture = tmp_path / "still.png"
    picture.write_bytes(png(torch.full((48, 64, 3), 90, dtype=torch.uint8)))
    found = served.client.post("/api/clips", files={"video": (picture.name, picture.read_bytes())}).json()
    assert found["still"] and found["seconds"] is None and found["pictures"] == 1 and found["motion"] == []
    answer = served.client.post("/api/jobs", data={"clip": found["id"]})
    assert "still picture" in refusal(answer, 422, "duration")
    done = served.finish(served.submit(clip=found["id"], duration="1.5"))
    assert done["state"] == "done" and done["seconds"] == 1.5, done


def test_token_and_hosts(serve: Any) -> None:
    """Others than this machine need the token; other sites' pages get nothing in any case."""
    served = serve(token="open sesame")
    get = served.client.get
    assert "token" in refusal(get("/"), 401)
    for bad in (
        {"authorization": "Bearer no"},
        {"cookie": "soundvcm_token=no"},
        {"authorization": "open sesame"},
    ):
        refusal(get("/api/models", headers=bad), 401)
    assert get("/?token=wrong").status_code == 401
    assert get("/api/health").status_code == 200
    assert get("/api/models", headers={"authorization": "Bearer open sesame"}).status_code == 200
    entered = get("/", params={"token": "open sesame"})
    assert entered.status_code == 303 and entered.headers["location"] == "/"
    assert "httponly" in entered.headers["set-cookie"].lower()
    assert get("/").status_code == 200  # the client kept the cookie
    assert get("/", headers={"host": "studio.example"}).status_code == 200


def test_a_person_gets_a_form_for_the_token(serve: Any) -> None:
    """Any token fits into the address and the cookie; a wrong one is a sentence on the page."""
    token = 'a+b & c#d; "e"'
    served = serve(token=token)
    page = served.get("/", headers={"accept": "text/html"})
    assert page.status_code == 401 and 'name="token"' in page.text
    assert served.get("/static/studio.css").status_code == 200
    wrong = served.client.post("/login", data={"token": "<b>wrong</b>"})
    assert wrong.status_code == 401 and "not the token" in wrong.text and "wrong</b>" not in wrong.text
    entered = served.client.post("/login", data={"token": token})
    assert entered.status_code == 303 and token not in entered.headers["set-cookie"]
    assert served.get("/").status_code == 200
    served.client.cookies.clear()
    assert served.get(f"/?token={quote(token, safe='')}").status_code == 303
    assert served.get("/api/models").status_code == 200


def test_behind_a_proxy_that_rewrites_the_host(serve: Any) -> None:
    served = serve(hosts=("studio.example",))
    fields = {"prompt": "rain", "duration": "1"}
    shown = {"origin": "https://studio.example"}
    assert served.client.post("/api/jobs", data=fields, headers=shown).status_code == 202
    kept = {"origin": "https://studio.example", "host": "studio.example"}  # one that keeps it
    assert served.client.post("/api/jobs", data=fields, headers=kept).status_code == 202
    assert served.get("/", headers={"host": "studio.example:8443"}).status_code == 200
    refusal(served.get("/", headers={"host": "other.example"}), 403)
    refusal(served.client.post("/api/jobs", data=fields, headers={"origin": "https://evil.example"}), 403)


def test_other_sites_get_nothing(serve: Any) -> None:
    served = serve()
    refusal(served.get("/api/models", headers={"host": "rebound.example"}), 403)
    fields = {"prompt": "rain", "duration": "1"}
    refusal(served.client.post("/api/jobs", data=fields, headers={"origin": "http://evil.example"}), 403)
    refusal(served.client.post("/api/jobs", data=fields, headers={"origin": "null"}), 403)
    own = str(served.client.base_url).rstrip("/")
    answer = served.client.post("/api/jobs", data=fields, headers={"origin": own})
    assert answer.status_code == 202
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asked = served.client.options("/api/jobs", headers={"access-control-request-method": "POST"})
    assert asked.status_code == 405


def test_addresses() -> None:
    check_address("127.0.0.1", None)
    check_address("::1", None)
    check_address("0.0.0.0", "long enough")
    for host in ("0.0.0.0", "::", "192.168.1.5", "studio.example", ""):
        with pytest.raises(OptionError, match="--token"):
            check_address(host, None)
    with pytest.raises(OptionError, match="8 or more"):
        check_address("0.0.0.0", "short")
    assert is_loopback("localhost") and is_loopback("127.9.9.9") and not is_loopback("localhost.evil")
    assert name_of_host("[::1]:80") == name_of_host("::1") == "::1"
    assert name_of_host("localhost:80") == name_of_host("localhost") == "localhost"
    with pytest.raises(OptionError, match="waiting"):
        Limits(waiting=0)


def test_stems_and_fields() -> None:
    assert safe_stem("../My film (2).tar.gz") == "My_film_2_tar"
    assert safe_stem("Ünïcode 日本.mp4") == "Ünïcode_日本"
    assert safe_stem("...") == safe_stem("") == safe_stem("/") == "clip"
    assert field_of("num_steps must be 1 .. 1000, not 0") == "num_steps"
    assert field_of("nothing known") is None


def test_a_broken_clip_fails_in_words_without_paths(serve: Any, tmp_path: Path) -> None:
    served = serve()
    film = write_clip(tmp_path / "film.mp4", frames=30)
    found = served.client.post("/api/clips", files={"video": (film.name, film.read_bytes())}).json()
    served.studio.clips.get(found["id"]).path.write_bytes(b"gone bad")
    done = served.finish(served.submit(clip=found["id"]))
    assert done["state"] == "failed" and done["error"].startswith("film")
    assert found["id"] not in done["error"] and str(tmp_path) not in done["error"]
