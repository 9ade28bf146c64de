"""Projects: jobs that belong together, across restarts; their kept takes as a ZIP and as one video."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import av

from soundvcm import media


def made(served: Any, name: str = "Storm") -> dict[str, Any]:
    answer = served.client.post("/api/projects", data={"name": name})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_history_notes_and_names_survive_a_restart(serve: Any, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    served = serve(folder=folder, keep=True)
    one, other = made(served), made(served, "  Another \n one ")
    assert other["name"] == "Another one"
    jobs = [served.finish(served.submit(clip, project=one["id"], prompt=name)) for name in ("rain", "wind")]
    served.finish(served.submit(prompt="apart", duration="1"))
    served.client.patch(f"/api/projects/{one['id']}", data={"notes": "for the opening\nscene"})
    served.studio.close()
    later = serve(folder=folder, keep=True)
    assert [row["name"] for row in later.get("/api/projects").json()] == ["Storm", "Another one"]
    whole = later.get(f"/api/projects/{one['id']}").json()
    assert whole["notes"] == "for the opening\nscene" and whole["takes"] == 2
    assert [job["prompt"] for job in whole["jobs"]] == ["rain", "wind"]
    assert {row["id"] for row in whole["clips"]} == {job["clip"] for job in jobs}
    assert later.get(whole["clips"][0]["video"]).content == clip.read_bytes()
    assert later.delete(f"/api/projects/{one['id']}").status_code == 204
    assert later.get(f"/api/jobs/{jobs[0]['id']}").status_code == 404
    assert not list((folder / "jobs").glob(f"{jobs[0]['id']}*"))


def test_kept_takes_as_files(serve: Any, clip: Path, tmp_path: Path) -> None:
    served = serve()
    project = made(served)
    address = f"/api/projects/{project['id']}/export"
    assert served.get(address).status_code == 409  # nothing is kept
    done = served.finish(served.submit(clip, project=project["id"], prompt="rain", takes="3", seed="5"))
    for take in (done["takes"][0], done["takes"][2]):
        served.client.put(take["sound"].removesuffix("/sound"), data={"kept": "true", "gain": "-6"})
    answer = served.get(address)
    assert (
        answer.headers["content-type"] == "application/zip"
        and "Storm.zip" in answer.headers["content-disposition"]
    )
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["01-My_film-seed5.wav", "02-My_film-seed7.wav", "takes.json"]
        facts = json.loads(archive.read("takes.json"))
        (tmp_path / "one.wav").write_bytes(archive.read("01-My_film-seed5.wav"))
    assert facts["project"] == "Storm" and facts["takes"][0]["asked"]["prompt"] == "rain"
    (tmp_path / "plain.wav").write_bytes(served.get(done["takes"][0]["sound"] + "?plain=true").content)
    softer, plain = (abs(media.read_sound(tmp_path / name)[0]).max() for name in ("one.wav", "plain.wav"))
    assert 0.45 < softer / plain < 0.55

    (tmp_path / "all.mp4").write_bytes(served.get(address, params={"form": "mp4"}).content)
    with av.open(str(tmp_path / "all.mp4")) as container:
        assert len(container.streams.audio) == 2 and len(container.streams.video) == 1
    other = served.finish(served.submit(clip, project=project["id"], duration="2"))
    served.client.put(other["takes"][0]["sound"].removesuffix("/sound"), data={"kept": "true"})
    refused = served.get(address, params={"form": "mp4"})
    assert refused.status_code == 409 and "one clip" in refused.json()["detail"]


def test_what_is_not_a_project(serve: Any) -> None:
    served = serve()
    assert served.client.post("/api/projects", data={"name": "  "}).json()["field"] == "name"
    assert served.client.post("/api/projects", data={"name": "x" * 121}).status_code == 422
    assert served.get("/api/projects/none").status_code == 404
    fields = {"prompt": "rain", "duration": "1", "project": "none"}
    assert served.client.post("/api/jobs", data=fields).json()["field"] == "project"


def test_examples_and_impressions(serve: Any) -> None:
    served = serve()
    examples = served.get("/api/examples").json()
    assert examples and served.get(examples[0]["video"]).headers["content-type"] == "video/mp4"
    assert served.get(examples[0]["picture"]).content[:4] == b"\x89PNG"
    found = served.client.post("/api/clips", data={"example": examples[0]["name"]})
    assert found.status_code == 201 and found.json()["seconds"] > 1
    assert served.client.post("/api/clips", data={"example": "../secret"}).status_code == 404
    job = served.submit(clip=found.json()["id"], duration="1")
    heard = [facts for name, facts in served.events(job) if name == "impression"]
    (take,) = served.get(f"/api/jobs/{job['id']}").json()["takes"]
    assert heard[0]["classes"] == take["classes"] and len(take["classes"]) in (1, 3)
    assert take["loudness"] is None or -80 < take["loudness"] < 0
