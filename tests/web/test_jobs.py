"""A job from its submission to its files: events, lengths, seeds, second takes, cancelling."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from standins import random_pipeline, write_clip

from soundvcm import media
from soundvcm.errors import NonFiniteError


def saved(path: Path, answer: Any) -> Path:
    path.write_bytes(answer.content)
    return path


def seconds_of(path: Path) -> float:
    wave, rate = media.read_sound(path)
    return wave.shape[-1] / rate


def test_from_submission_to_files(serve: Any, clip: Path, tmp_path: Path) -> None:
    """Case 34: 3.000 s when 3 is asked, the seed is told, names carry stem and seed."""
    served = serve()
    job = served.submit(clip, prompt="rain", duration="3", seed="-1", takes="2")
    assert job["state"] in ("waiting", "running") and job["seed"] >= 0
    events = served.events(job)
    phases = [facts["phase"] for name, facts in events if name == "phase" and facts["share"] == 0.0]
    assert [p for p in phases if p in ("decode", "encode")][:2] == ["decode", "encode"]
    assert phases.count("network") == phases.count("codec") == phases.count("mux") == 2
    assert [facts["state"] for name, facts in events if name == "state"] == ["running", "done"]
    assert [facts["take"] for name, facts in events if name == "take"] == [1, 2]

    done = served.get(f"/api/jobs/{job['id']}").json()
    assert done["state"] == "done" and done["seconds"] == 3.0 and done["network_calls"] == 2
    assert [take["seed"] for take in done["takes"]] == [job["seed"], job["seed"] + 1]
    for take in done["takes"]:
        sound = served.get(take["sound"], params={"download": "true"})
        assert sound.headers["content-type"] == "audio/wav"
        assert f"My_film-seed{take['seed']}.wav" in sound.headers["content-disposition"]
        assert sound.headers["content-disposition"].startswith("attachment")
        assert seconds_of(saved(tmp_path / "take.wav", sound)) == 3.0
        video = served.get(take["video"])
        assert video.headers["content-disposition"].startswith("inline")
        path = saved(tmp_path / "take.mp4", video)
        assert media.probe(path, seconds=None)["seconds_float"] == pytest.approx(3.0, abs=0.05)
        assert media.read_tags(path)["seed"] == str(take["seed"])


def test_the_files_are_those_of_the_command_line(serve: Any, clip: Path, tmp_path: Path) -> None:
    """The same seed gives the same samples through every door."""
    from soundvcm.generate import render
    from soundvcm.generate.options import GenerateOptions

    served = serve()
    take = served.finish(served.submit(clip, prompt="rain", seed="7"))["takes"][0]
    mine = saved(tmp_path / "page.wav", served.get(take["sound"]))
    request = GenerateOptions(
        video=clip, prompt="rain", seed=7, audio_only=True, output=tmp_path / "line.wav"
    )
    other = render.render(random_pipeline(), request).outputs[0]
    assert (media.read_sound(mine)[0] == media.read_sound(other)[0]).all()


def test_second_take_encodes_nothing_again(serve: Any, clip: Path) -> None:
    pipeline = random_pipeline()
    served = serve(pipeline=pipeline)
    first = served.finish(served.submit(clip, seed="1"))
    assert pipeline.semantic.encoded == 1 and not first["kept_features"]
    again = served.submit(clip=first["clip"], prompt="other words", seed="2")
    phases = {facts["phase"] for name, facts in served.events(again) if name == "phase"}
    second = served.get(f"/api/jobs/{again['id']}").json()
    assert pipeline.semantic.encoded == 1 and second["kept_features"]
    assert not phases & {"decode", "encode"} and not {"decode", "encode"} & set(second["timings"])
    assert second["network_calls"] == 1
    other = served.finish(served.submit(clip=first["clip"], duration="2"))
    assert pipeline.semantic.encoded == 2 and not other["kept_features"]  # another range is another sight


def test_words_alone(serve: Any, tmp_path: Path) -> None:
    served = serve()
    done = served.finish(served.submit(prompt="rain on a roof", duration="2.5"))
    (take,) = done["takes"]
    assert take["video"] is None and done["clip"] is None
    answer = served.get(take["sound"])
    assert f"sound-seed{take['seed']}.wav" in answer.headers["content-disposition"]
    assert seconds_of(saved(tmp_path / "take.wav", answer)) == 2.5
    assert served.get(take["sound"].replace("/sound", "/video")).status_code == 404


def test_gain_and_loudness_reach_the_files(serve: Any, tmp_path: Path) -> None:
    served = serve()
    peaks = []
    for gain in ("0", "20"):
        done = served.finish(served.submit(prompt="hum", duration="1", seed="3", gain=gain))
        wave, _ = media.read_sound(saved(tmp_path / "take.wav", served.get(done["takes"][0]["sound"])))
        peaks.append(float(abs(wave).max()))
    assert peaks[1] == pytest.approx(peaks[0] * 10, rel=0.03)
    done = served.finish(served.submit(prompt="hum", duration="2", seed="3", loudness="-55"))
    wave, rate = media.read_sound(saved(tmp_path / "take.wav", served.get(done["takes"][0]["sound"])))
    assert media.integrated_loudness(wave, rate) == pytest.approx(-55, abs=1)


def test_a_film_longer_than_the_window(serve: Any, tmp_path: Path) -> None:
    served = serve(pipeline=random_pipeline(longest=2))
    film = write_clip(tmp_path / "film.mp4", frames=150)
    job = served.submit(film, seed="5")
    phases = [facts["phase"] for name, facts in served.events(job) if name == "phase"]
    done = served.get(f"/api/jobs/{job['id']}").json()
    assert phases.count("film") > 1 and done["seconds"] == 6.0
    (take,) = done["takes"]
    for kind, name in (("sound", "take.wav"), ("video", "take.mp4")):
        path = saved(tmp_path / name, served.get(take[kind]))
        assert seconds_of(path) == pytest.approx(6.0, abs=0.05)
    heard, seen = (media.read_sound(tmp_path / name)[0][0, :96_000] for name in ("take.wav", "take.mp4"))
    for second in range(6):  # the whole sound, not that of the first window only
        part = slice(16_000 * second, 16_000 * (second + 1))
        assert abs(seen[part]).max() > 0.3 * abs(heard[part]).max() > 0, f"second {second}"


def test_cancel_while_running_and_while_waiting(serve: Any, clip: Path, gated: Any) -> None:
    pipeline, gate = gated
    served = serve(pipeline=pipeline)
    running = served.submit(clip, takes="5")
    assert gate.reached.wait(60)
    waiting = served.submit(prompt="rain", duration="1")
    last = served.submit(prompt="rain", duration="1")
    assert (waiting["position"], last["position"]) == (1, 2)
    gone = served.post(f"/api/jobs/{waiting['id']}/cancel").json()
    assert gone["state"] == "cancelled"
    assert served.get(f"/api/jobs/{last['id']}").json()["position"] == 1
    served.post(f"/api/jobs/{running['id']}/cancel")
    gate.open.set()
    ended = served.finish(running)
    assert ended["state"] == "cancelled" and ended["takes"] == [] and gate.calls <= 2
    assert not served.studio.job(running["id"]).folder.exists()
    assert served.finish(last)["state"] == "done"  # the worker goes on
    assert served.events(running)[-1] == ("state", {"state": "cancelled", "error": None})


def test_a_job_that_runs_too_long_is_ended_and_its_takes_stay(serve: Any, gated: Any) -> None:
    pipeline, gate = gated
    served = serve(pipeline=pipeline, job_seconds=90)
    job = served.submit(prompt="rain", duration="1", takes="3")
    assert gate.reached.wait(60)
    inner = pipeline.latents

    def second_take_at_the_end(*given: Any) -> Any:
        served.studio.job(job["id"]).deadline = 0.0
        return inner(*given)

    pipeline.latents = second_take_at_the_end
    gate.open.set()
    ended = served.finish(job)
    assert ended["state"] == "failed" and "longer than the 90 s this studio gives" in ended["error"]
    assert [take["take"] for take in ended["takes"]] == [1]
    assert served.get(ended["takes"][0]["sound"]).status_code == 200
    assert served.get(f"/api/jobs/{job['id']}/takes/2/sound").status_code == 404
    pipeline.latents = inner
    assert served.finish(served.submit(prompt="rain", duration="1"))["state"] == "done"


def test_a_job_can_be_forgotten_while_it_runs(serve: Any, gated: Any) -> None:
    pipeline, gate = gated
    served = serve(pipeline=pipeline)
    job = served.submit(prompt="rain", duration="1")
    assert gate.reached.wait(60)
    folder = served.studio.job(job["id"]).folder
    assert served.delete(f"/api/jobs/{job['id']}").status_code == 204
    assert served.get(f"/api/jobs/{job['id']}").status_code == 404
    gate.open.set()
    served.until(lambda: not folder.exists())


def test_takes_can_be_deleted_one_by_one(serve: Any) -> None:
    served = serve()
    done = served.finish(served.submit(prompt="rain", duration="1", takes="2"))
    first, second = (take["sound"] for take in done["takes"])
    assert served.delete(first.removesuffix("/sound")).status_code == 204
    assert served.get(first).status_code == 404 and served.get(second).status_code == 200
    assert [take["take"] for take in served.get(f"/api/jobs/{done['id']}").json()["takes"]] == [2]


def test_failures_are_sentences_and_the_worker_goes_on(serve: Any) -> None:
    pipeline = random_pipeline()
    served = serve(pipeline=pipeline)
    inner, faults = pipeline.latents, [NonFiniteError("the model produced NaN"), KeyError("secret")]

    def failing(*given: Any) -> Any:
        if faults:
            raise faults.pop(0)
        return inner(*given)

    pipeline.latents = failing
    spoken = served.finish(served.submit(prompt="rain", duration="1"))
    assert spoken["state"] == "failed" and spoken["error"] == "the model produced NaN"
    ours = served.finish(served.submit(prompt="rain", duration="1"))
    assert ours["state"] == "failed" and "secret" not in ours["error"] and "log" in ours["error"]
    assert served.finish(served.submit(prompt="rain", duration="1"))["state"] == "done"


def test_byte_ranges(serve: Any) -> None:
    """Players seek: a range is answered with 206 and exactly those bytes."""
    served = serve()
    sound = served.finish(served.submit(prompt="rain", duration="1"))["takes"][0]["sound"]
    whole = served.get(sound)
    assert whole.headers["accept-ranges"] == "bytes" and whole.content[:4] == b"RIFF"
    part = served.get(sound, headers={"range": "bytes=100-299"})
    assert part.status_code == 206 and part.content == whole.content[100:300]
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole.content)}"
    tail = served.get(sound, headers={"range": "bytes=-50"})
    assert tail.status_code == 206 and tail.content == whole.content[-50:]
    beyond = served.get(sound, headers={"range": "bytes=99999999-"})
    assert beyond.status_code == 416


def test_events_resume_after_the_last_one_seen(serve: Any) -> None:
    served = serve()
    job = served.submit(prompt="rain", duration="1")
    served.events(job)
    text = served.get(f"/api/jobs/{job['id']}/events").text
    ids = [int(number) for number in re.findall(r"^id: (\d+)$", text, re.M)]
    assert ids == list(range(1, len(ids) + 1))
    rest = served.get(f"/api/jobs/{job['id']}/events", headers={"last-event-id": str(ids[-2])}).text
    assert re.findall(r"^id: (\d+)$", rest, re.M) == [str(ids[-1])]


def test_a_result_that_is_not_ready_is_said_so(serve: Any, gated: Any) -> None:
    pipeline, _ = gated
    served = serve(pipeline=pipeline)
    job = served.submit(prompt="rain", duration="1")
    answer = served.get(f"/api/jobs/{job['id']}/takes/1/sound")
    assert answer.status_code == 409 and "not ready" in answer.json()["error"]
    assert served.get(f"/api/jobs/{job['id']}/takes/2/sound").status_code == 404


def test_segments_are_one_track(serve: Any, clip: Path, tmp_path: Path) -> None:
    served = serve()
    rows = (
        '[{"start": 0, "end": 2, "prompt": "rain"}, {"start": 2, "end": 4, "prompt": "wind", "mute": true}]'
    )
    done = served.finish(served.submit(clip, segments=rows, seed="7"))
    assert done["state"] == "done" and done["seconds"] == 4.0 and done["network_calls"] == 1
    assert [row["prompt"] for row in done["asked"]["segments"]] == ["rain", "wind"]
    wave, rate = media.read_sound(saved(tmp_path / "take.wav", served.get(done["takes"][0]["sound"])))
    assert wave.shape[-1] == 4 * rate and wave[:, : 2 * rate].any()
    assert not wave[:, round(2.03 * rate) :].any()  # after the fade
    assert seconds_of(saved(tmp_path / "take.mp4", served.get(done["takes"][0]["video"]))) > 3.9
    for wrong in ("{", "3", '[{"start": 3, "end": 1}]', '[{"start": 0}]'):
        answer = served.client.post("/api/jobs", data={"clip": done["clip"], "segments": wrong})
        assert answer.status_code == 422 and answer.json()["field"] == "segments", wrong
