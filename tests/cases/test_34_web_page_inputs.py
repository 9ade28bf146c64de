"""Case 34: what the page hands to the code. Labels, keyboard and refusals by field: tests/web/."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from clips import Clips, moving, write_video
from web.conftest import inspector, serve  # noqa: F401  (fixtures)

from soundvcm import media


@pytest.fixture(scope="module")
def inputs(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    prores = write_video(folder / "prores.mov", moving, 100, 25, codec="prores_ks", pix_fmt="yuv422p10le")
    alpha = write_video(folder / "alpha.webm", moving, 100, 25, codec="libvpx-vp9", pix_fmt="yuva420p")
    turned = write_video(folder / "rot90.mp4", moving, 100, 25, turn=90)
    return {path.name: path for path in (clips("fps24.mp4"), prores, alpha, turned)}


@pytest.mark.parametrize("name", ["fps24.mp4", "prores.mov", "alpha.webm", "rot90.mp4"])
def test_three_seconds_are_three_seconds(
    serve: Any, inputs: dict[str, Path], tmp_path: Path, name: str
) -> None:
    served = serve()
    job = served.submit(inputs[name], prompt="", duration="3", seed="-1")
    done = served.finish(job)
    assert done["state"] == "done" and done["seconds"] == 3.0, done
    (take,) = done["takes"]
    assert take["seed"] == job["seed"] >= 0  # the one that was picked, told
    stem = inputs[name].stem
    for kind, suffix in (("sound", ".wav"), ("video", None)):
        answer = served.get(take[kind], params={"download": "true"})
        told = answer.headers["content-disposition"]
        assert told.startswith("attachment") and f"{stem}-seed{take['seed']}{suffix or ''}" in told
        path = tmp_path / (f"a{suffix}" if suffix else f"a.{told.rsplit('.', 1)[1].strip(chr(34))}")
        path.write_bytes(answer.content)
        wave, rate = media.read_sound(path)
        assert abs(wave.shape[1] / rate - 3) < 0.07
        if suffix == ".wav":
            assert wave.shape[1] == 3 * rate
        assert media.read_tags(path)["seed"] == str(take["seed"])


def test_no_file_is_a_sentence_beside_the_field(serve: Any) -> None:
    answer = serve().post("/api/jobs", data={"prompt": "", "duration": "3"})
    body = answer.json()
    assert answer.status_code == 422 and body["field"] == "video" and "choose a video" in body["error"]


def test_more_than_the_limit_is_refused_with_the_limit(serve: Any, inputs: dict[str, Path]) -> None:
    served = serve(seconds=20)
    limits = served.get("/api/defaults").json()["limits"]
    assert limits["seconds"] == 20  # what the page's field takes as its largest value
    answer = served.post("/api/jobs", data={"prompt": "rain", "duration": "21"})
    assert answer.status_code == 413 and "up to 20 s" in answer.json()["error"]


def test_run_pressed_twice_makes_two_jobs_and_stop_ends_one(serve: Any) -> None:
    served = serve()
    first, second = (served.submit(prompt="rain", duration="1", seed=seed) for seed in ("1", "2"))
    assert first["id"] != second["id"]
    served.delete(f"/api/jobs/{second['id']}")
    assert served.finish(first)["state"] == "done"
