"""A recording to go by over HTTP: sent once or with a job, held as long as a take needs it, never a path."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standins import knowing_pipeline, write_clip

from soundvcm import media

FIELDS = {"prompt": "knock", "duration": "1", "seed": "3"}


@pytest.fixture(scope="module")
def knock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wave = np.zeros((1, 16_000), np.float32)
    wave[0, 4000:6000] = 0.5 * np.sin(np.arange(2000) / 3) * np.exp(-np.arange(2000) / 300)
    path = tmp_path_factory.mktemp("knock") / "My door.wav"
    media.save_sound(path, wave, 16_000)
    return path


def test_a_sound_is_sent_once_and_named_by_many_jobs(serve: Any, knock: Path, tmp_path: Path) -> None:
    served = serve(pipeline=knowing_pipeline(), folder=tmp_path / "kept", keep=True)
    answer = served.client.post("/api/sounds", files={"like": (knock.name, knock.read_bytes())})
    assert answer.status_code == 201, answer.text
    sound = answer.json()
    assert sound == {"id": sound["id"], "name": "My_door", "seconds": 1.0}
    assert served.get(f"/api/sounds/{sound['id']}").json() == sound
    done = served.finish(served.submit(sound=sound["id"], **FIELDS))
    assert done["state"] == "done" and (done["sound"], done["like"]) == (sound["id"], "My_door"), done
    (take,) = done["takes"]
    assert take["credits"] == ["My_door (My_door, you, yours)"]
    assert sound["id"] + "/" not in json.dumps(done) and str(tmp_path) not in json.dumps(done)
    assert served.get(f"/api/clips/{sound['id']}").status_code == 404  # it is no clip
    refused = served.client.post("/api/jobs", data={**FIELDS, "clip": sound["id"]})
    assert refused.status_code == 404 and refused.json()["field"] == "video"

    # It lives as long as a kept take that needs it, across restarts, and "the same again" works.
    served.client.put(take["sound"].removesuffix("/sound"), data={"kept": "true"})
    served.studio.sweep(time.monotonic() + 1e6)
    assert served.get(f"/api/sounds/{sound['id']}").status_code == 200
    served.studio.close()
    later = serve(pipeline=knowing_pipeline(), folder=tmp_path / "kept", keep=True)
    again = later.get(f"/api/jobs/{done['id']}").json()
    assert again["sound"] == sound["id"] and again["takes"][0]["credits"] == take["credits"]
    asked = {name: value for name, value in again["asked"].items() if value is not None}
    second = later.finish(later.submit(sound=again["sound"], **asked))
    assert later.get(second["takes"][0]["sound"]).content == later.get(take["sound"]).content
    assert later.delete(f"/api/sounds/{sound['id']}").status_code == 204
    gone = later.client.post("/api/jobs", data={**FIELDS, "sound": sound["id"]})
    assert gone.status_code == 404 and gone.json()["field"] == "like"


def test_a_sound_comes_with_the_job_and_a_refusal_leaves_nothing(serve: Any, knock: Path) -> None:
    served = serve(pipeline=knowing_pipeline())
    clips = served.studio.clips

    def sent(content: bytes, **fields: str) -> Any:
        return served.client.post("/api/jobs", data={**FIELDS, **fields}, files={"like": ("a.wav", content)})

    done = served.finish(sent(knock.read_bytes()).json())
    assert done["takes"][0]["credits"] == ["a (a, you, yours)"] and len(clips) == 1
    for content, fields, status, field in (
        (knock.read_bytes(), {"kind": "bell"}, 422, "kind"),
        (knock.read_bytes(), {"takes": "99"}, 422, "takes"),
        (b"just words", {}, 415, "like"),
        (b"", {}, 415, "like"),
    ):
        answer = sent(content, **fields)
        assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    silent = media.save_sound(knock.with_name("silent.wav"), np.zeros((1, 8000), np.float32), 16_000).path
    assert "silent" in sent(silent.read_bytes()).json()["detail"]
    assert len(clips) == 1 and len([p for p in clips.folder.iterdir() if not p.suffix]) == 1


def test_a_clip_that_has_sound_can_be_gone_by(serve: Any, clip: Path, tmp_path: Path) -> None:
    served = serve(pipeline=knowing_pipeline())
    silent = write_clip(tmp_path / "silent.mp4", frames=10)
    with_sound, without = (
        served.client.post("/api/clips", files={"video": (path.name, path.read_bytes())}).json()["id"]
        for path in (clip, silent)
    )
    assert served.finish(served.submit(sound=with_sound, **FIELDS))["state"] == "done"
    refused = served.client.post("/api/jobs", data={**FIELDS, "sound": without})
    assert refused.status_code == 422 and refused.json()["field"] == "like"


def test_a_prompt_near_nothing_is_said_in_the_words_of_the_page(serve: Any) -> None:
    served = serve(pipeline=knowing_pipeline())
    done = served.finish(served.submit(prompt="xzzqk", duration="1"))
    (remark,) = done["takes"][0]["warnings"]
    assert "xzzqk" in remark and "recording to go by" in remark and "--" not in remark
    answer = served.client.post("/api/jobs", data={**FIELDS, "negative_prompt": "speech"})
    assert answer.status_code == 422 and "--" not in answer.json()["detail"]


def test_what_the_system_lacks_is_said_and_told_to_the_page(serve: Any, knock: Path) -> None:
    plain, knowing = serve(), serve(pipeline=knowing_pipeline())
    answer = plain.client.post("/api/jobs", data=FIELDS, files={"like": ("a.wav", knock.read_bytes())})
    assert answer.status_code == 422 and answer.json()["field"] == "like"
    assert not list(plain.studio.clips.folder.iterdir())
    told = [one.get("/api/defaults").json()["model"] for one in (plain, knowing)]
    assert [row["reference_sounds"] for row in told] == [False, True]
    assert told[0]["kinds"] == [] and "rain" in told[1]["kinds"]
