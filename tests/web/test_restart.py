"""A restart keeps what was finished; of a studio killed in the middle of a take nothing half is served."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from standins import random_pipeline

from soundvcm import media
from soundvcm.errors import OptionError
from soundvcm.generate.options import GenerateOptions
from soundvcm.web import Studio
from soundvcm.web.record import CUT_SHORT, RECORD
from soundvcm.web.store import JobStore

# A studio that makes one job of one take, then one of three, and is killed when the sound of the second of
# them is written but has no name yet.
KILLED = """
import os, signal, sys, time
from pathlib import Path
from standins import random_pipeline
from soundvcm.media.write import target as files
from soundvcm.generate.options import GenerateOptions
from soundvcm.web import Limits, Studio

rename = files.os.replace
def deadly(source, target):
    if Path(target).name == "take2.wav":
        print(Path(target).parent.name, Path(source).stat().st_size, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target)

studio = Studio(random_pipeline(), Path(sys.argv[1]), keep=True)
name, path = studio.clips.new_path()
path.write_bytes(Path(sys.argv[2]).read_bytes())
clip = studio.clips.add(name, path, "My film.mp4")
first = studio.submit(GenerateOptions(prompt="rain", seed=3), clip)
while first.state != "done":
    assert first.state != "failed", first.error
    time.sleep(0.02)
print(first.id, clip.id, flush=True)
files.os.replace = deadly
studio.submit(GenerateOptions(prompt="wind", seed=8, takes=3), clip)
time.sleep(120)
"""


@pytest.fixture(scope="module")
def killed(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str, str]:
    """Folder of the killed studio, ids of its first job, of its clip and of the job it died over."""
    folder = tmp_path_factory.mktemp("killed") / "files"
    places = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    words = [sys.executable, "-c", KILLED, str(folder), str(clip)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (first, held), (second, size) = (line.split() for line in done.stdout.splitlines())
    assert int(size) > 100_000 and list((folder / "jobs" / second).glob(".take2*"))  # there was a half result
    return folder, first, held, second


def test_no_half_result_after_a_kill(serve: Any, killed: Any, tmp_path: Path) -> None:
    folder, first, held, second = killed
    served = serve(folder=folder, keep=True)
    done = served.get(f"/api/jobs/{first}").json()
    assert done["state"] == "done" and done["prompt"] == "rain" and done["seconds"] == 4.0
    assert done["timings"]["network"] > 0 and done["clip"] == held
    (take,) = done["takes"]
    answer = served.get(take["sound"], params={"download": "true"})
    assert "My_film-seed3.wav" in answer.headers["content-disposition"]
    (tmp_path / "kept.wav").write_bytes(answer.content)
    (tmp_path / "kept.mp4").write_bytes(served.get(take["video"]).content)
    assert media.read_tags(tmp_path / "kept.mp4")["seed"] == "3"

    cut = served.get(f"/api/jobs/{second}").json()
    assert cut["state"] == "failed" and cut["error"] == CUT_SHORT
    assert [take["seed"] for take in cut["takes"]] == [8]  # the one that was whole
    assert served.get(cut["takes"][0]["sound"]).status_code == 200
    assert served.get(f"/api/jobs/{second}/takes/2/sound").status_code == 404
    names = sorted(path.name for path in (folder / "jobs" / second).iterdir())
    assert names == [RECORD, "take1.mp4", "take1.wav"]
    assert served.events(cut)[-1] == ("state", {"state": "failed", "error": CUT_SHORT})

    # The clip is still there, and the same seed makes the same sound as before the restart.
    assert served.get(f"/api/clips/{held}").json()["seconds"] == 4.0
    assert served.get(f"/api/clips/{held}/strip.png").content[:4] == b"\x89PNG"
    again = served.finish(served.submit(clip=held, prompt="rain", seed="3"))
    (tmp_path / "again.wav").write_bytes(served.get(again["takes"][0]["sound"]).content)
    before, after = (media.read_sound(tmp_path / name)[0] for name in ("kept.wav", "again.wav"))
    assert (before == after).all()


def test_a_restart_keeps_and_forgets_as_told(serve: Any, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    served = serve(folder=folder, keep=True)
    one, two, three = (
        served.finish(served.submit(prompt=p, duration="1", takes="2")) for p in ("rain", "wind", "fire")
    )
    sounds = {take["sound"]: served.get(take["sound"]).content for take in (*one["takes"], *two["takes"])}
    served.delete(f"/api/jobs/{three['id']}")
    gone = two["takes"][0]["sound"]
    assert served.delete(gone.removesuffix("/sound")).status_code == 204
    served.studio.close()
    assert folder.exists()

    later = serve(folder=folder, keep=True)
    assert later.get(f"/api/jobs/{one['id']}").json() == one
    assert later.get(f"/api/jobs/{three['id']}").status_code == 404
    assert later.get(gone).status_code == 404
    del sounds[gone]
    for address, content in sounds.items():
        assert later.get(address).content == content
    later.studio.close()
    os.utime(folder / "jobs" / one["id"] / RECORD, (0, 0))  # nobody wanted it for years
    last = serve(folder=folder, keep=True, keep_seconds=3600)
    last.studio.sweep()
    assert last.get(f"/api/jobs/{one['id']}").status_code == 404
    assert last.get(f"/api/jobs/{two['id']}").status_code == 200


def test_damaged_records_and_files_are_not_believed(serve: Any, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    served = serve(folder=folder, keep=True)
    jobs = [served.finish(served.submit(prompt="rain", duration="1", takes="2")) for _ in range(4)]
    clips = [
        served.client.post("/api/clips", files={"video": ("f.mp4", clip.read_bytes())}).json()["id"]
        for _ in range(3)
    ]
    served.studio.close()
    a, b, c, d = (folder / "jobs" / job["id"] for job in jobs)
    (a / RECORD).write_text((a / RECORD).read_text()[:200])
    (b / "take2.wav").write_bytes((b / "take2.wav").read_bytes()[:500])
    (c / RECORD).unlink()
    facts = json.loads((d / RECORD).read_text())
    facts["takes"][0]["files"]["sound"] = ["../../../../secret", 0]
    (d / RECORD).write_text(json.dumps(facts))
    (folder / "clips" / clips[0]).write_bytes(b"half")
    (folder / "clips" / f"{clips[1]}.json").write_text("{}")

    later = serve(folder=folder, keep=True)
    assert not a.exists() and not c.exists()
    states = [later.get(f"/api/jobs/{job['id']}").status_code for job in jobs]
    assert states == [404, 200, 404, 200]
    assert [take["take"] for take in later.get(f"/api/jobs/{jobs[3]['id']}").json()["takes"]] == [2]
    assert [take["take"] for take in later.get(f"/api/jobs/{jobs[1]['id']}").json()["takes"]] == [1]
    assert not (b / "take2.wav").exists()
    assert [later.get(f"/api/clips/{name}").status_code for name in clips] == [404, 404, 200]
    assert sorted(path.name for path in (folder / "clips").iterdir()) == [clips[2], f"{clips[2]}.json"]


def test_one_studio_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    first = Studio(random_pipeline(), tmp_path / "files", keep=True)
    with pytest.raises(OptionError, match="--folder"):
        Studio(random_pipeline(), tmp_path / "files", keep=True)
    first.close()
    Studio(random_pipeline(), tmp_path / "files").close()
    assert not (tmp_path / "files").exists()
    (tmp_path / "file").touch()
    with pytest.raises(OptionError, match="cannot be used"):
        JobStore(tmp_path / "file")


def test_a_full_disk_does_not_end_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    studio = Studio(random_pipeline(), tmp_path / "files")

    def full(job: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(studio.store, "put", full)
        bad = studio.submit(GenerateOptions(prompt="rain", duration="1"), None)
        while bad.state not in ("done", "failed"):
            time.sleep(0.01)
    assert bad.state == "failed" and bad.error is not None and "space" not in bad.error
    good = studio.submit(GenerateOptions(prompt="rain", duration="1"), None)
    while good.state not in ("done", "failed"):
        time.sleep(0.01)
    assert good.state == "done"
    studio.close()
