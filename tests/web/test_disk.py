"""A full disk, and files of others in the folder: nothing is lost, nothing foreign is touched."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from standins import random_pipeline

from soundvcm.generate.options import GenerateOptions
from soundvcm.web import Studio
from soundvcm.web.limits import DISK_FULL
from soundvcm.web.record import RECORD
from soundvcm.web.store import JobStore
from soundvcm.web.temporary import PREFIX, remove_all_abandoned


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_failed_upload_leaves_nothing(serve: Any, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve()
    for place in ("soundvcm.web.clips.shutil.copyfileobj", "soundvcm.web.record.json.dump"):
        with monkeypatch.context() as patch:
            patch.setattr(place, full)
            answer = served.client.post("/api/clips", files={"video": ("f.mp4", clip.read_bytes())})
        assert answer.status_code == 507 and answer.json()["detail"] == DISK_FULL
        assert not list(served.studio.clips.folder.iterdir())


def test_health_tells_and_jobs_are_refused_until_there_is_room(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve()
    with monkeypatch.context() as patch:
        patch.setattr(served.studio.store, "free_bytes", lambda: 0)
        assert served.get("/api/health").json()["status"] == "disk full"
        answer = served.client.post("/api/jobs", data={"prompt": "rain", "duration": "1"})
        assert answer.status_code == 507 and answer.json()["detail"] == DISK_FULL
    assert served.get("/api/health").json()["status"] == "ok"
    assert served.finish(served.submit(prompt="rain", duration="1"))["state"] == "done"


def test_deleting_frees_first_and_the_record_heals(
    serve: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    served = serve(folder=tmp_path / "kept", keep=True)
    done = served.finish(served.submit(prompt="rain", duration="1", takes="2"))
    first, second = (take["sound"].removesuffix("/sound") for take in done["takes"])
    folder = served.studio.job(done["id"]).folder
    with monkeypatch.context() as patch:
        patch.setattr("soundvcm.web.store.write_record", full)
        assert served.delete(first).status_code == 204
        assert not (folder / "take1.wav").exists()
        kept = served.client.put(second, data={"kept": "true", "gain": "-3"})
        assert kept.status_code == 200 and kept.json()["kept"]
    served.studio.sweep()
    served.studio.close()
    later = serve(folder=tmp_path / "kept", keep=True)
    (take,) = later.get(f"/api/jobs/{done['id']}").json()["takes"]
    assert take["take"] == 2 and take["kept"] and take["gain"] == -3


def test_a_job_that_fills_the_disk_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    studio = Studio(random_pipeline(), tmp_path / "files")
    with monkeypatch.context() as patch:
        patch.setattr("soundvcm.web.worker.work.render", full)
        bad = studio.submit(GenerateOptions(prompt="rain", duration="1"), None)
        while bad.state not in ("done", "failed"):
            time.sleep(0.01)
    assert bad.error == DISK_FULL and studio.health()["worker"] in ("idle", "busy")
    studio.close()


def test_foreign_files_are_never_touched(serve: Any, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    job, held = "0" * 24, "1" * 24
    foreign = [
        "thesis.doc", "jobs/photo.jpg", "jobs/album/one.jpg", "clips/film.mp4", "clips/notes.json",
        f"jobs/{job}/letter.txt", f"clips/{held}/inside.mp4",
    ]  # fmt: skip
    for name in foreign:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    for keep in (True, False):
        served = serve(folder=folder, keep=keep)
        served.finish(served.submit(clip))
        assert served.studio.store.stored_bytes() > clip.stat().st_size
        served.studio.sweep(time.monotonic() + 1e6)
        served.studio.close()
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == sorted(foreign)


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_files_are_for_this_user_alone(serve: Any, clip: Path, tmp_path: Path) -> None:
    served = serve(folder=tmp_path / "kept", keep=True)
    done = served.finish(served.submit(clip))
    served.until(lambda: (served.studio.job(done["id"]).folder / RECORD).exists())
    for path in (tmp_path / "kept").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))


@pytest.mark.skipif(os.name != "posix", reason="needs locks that end with a process")
def test_the_folder_of_a_killed_studio_goes_with_the_next(tmp_path: Path) -> None:
    gone, used, other = (tmp_path / f"{PREFIX}{name}" for name in ("gone", "used", "other"))
    for folder in (gone, used):
        (folder / "files" / "jobs" / ("a" * 24)).mkdir(parents=True)
        (folder / "files" / "jobs" / ("a" * 24) / "take1.wav").write_bytes(b"sound")
    (gone / "files" / ".lock").touch()
    other.mkdir()
    studio = Studio(random_pipeline(), used / "files")
    remove_all_abandoned(tmp_path)
    assert not gone.exists() and used.exists() and other.exists()
    studio.close()


def test_a_killed_studio_is_tidied_up_by_its_child(tmp_path: Path) -> None:
    """kill -9 leaves nobody to tidy but the process that looks at clips: it sees that nobody asks it."""
    files = tmp_path / f"{PREFIX}killed" / "files"
    store = JobStore(files)
    left = store.clips / ("0" * 24)
    left.write_bytes(b"clip")
    words = [sys.executable, "-m", "soundvcm.web.inspecting", str(files)]
    held = subprocess.run(words, stdin=subprocess.DEVNULL, timeout=120, check=True)
    assert held.returncode == 0 and left.exists(), "a studio that lives lost its files"
    store.release()
    subprocess.run(words, stdin=subprocess.DEVNULL, timeout=120, check=True)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_during_a_request_is_a_sentence(
    serve: Any, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve()
    project = served.client.post("/api/projects", data={"name": "Storm"}).json()["id"]
    done = served.finish(served.submit(prompt="rain", duration="1", project=project))
    take = done["takes"][0]["sound"].removesuffix("/sound")
    served.client.put(take, data={"kept": "true", "gain": "-3"})
    for place, address in (
        ("soundvcm.web.projects.zipfile.ZipFile.writestr", f"/api/projects/{project}/export"),
        ("soundvcm.web.keeping.media.save_sound", f"{take}/sound"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, full)
            served.studio.gains.forget(served.studio.job(done["id"]).takes[0])
            answer = served.get(address)
        assert answer.status_code == 507 and answer.json()["detail"] == DISK_FULL, answer.text
    assert not list(served.studio.folder.glob("*export*"))
    assert served.get(f"/api/projects/{project}/export").status_code == 200
    served.until(lambda: not list(served.studio.folder.glob("*export*")))
