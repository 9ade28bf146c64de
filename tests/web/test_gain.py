"""The gain of a take that is made already: as `--gain` does it, remembered with the take, undone at will."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standins import random_pipeline, write_clip

from soundvcm import media
from soundvcm.generate import render as work
from soundvcm.generate.options import GenerateOptions


def fetched(served: Any, address: str, path: Path, **query: str) -> np.ndarray:
    answer = served.get(address, params=query)
    assert answer.status_code == 200, answer.text
    path.write_bytes(answer.content)
    return media.read_sound(path)[0]


def put(served: Any, take: dict[str, Any], gain: object) -> Any:
    return served.put(take["sound"].removesuffix("/sound"), data={"gain": str(gain)})


@pytest.mark.parametrize("gain", [6.0, -12.5])
def test_it_is_the_gain_of_the_command_line(serve: Any, clip: Path, tmp_path: Path, gain: float) -> None:
    served = serve()
    (take,) = served.finish(served.submit(clip, seed="7"))["takes"]
    assert take["gain"] == 0
    wav, mp4 = tmp_path / "take.wav", tmp_path / "take.mp4"
    plain = fetched(served, take["sound"], wav)
    assert put(served, take, gain).json() == {**take, "gain": gain}
    louder = fetched(served, take["sound"], wav, download="true")
    assert media.read_tags(wav)["seed"] == "7"
    for audio_only, mine in ((True, louder), (False, fetched(served, take["video"], mp4))):
        output = tmp_path / f"line{'.wav' if audio_only else '.mp4'}"
        request = GenerateOptions(video=clip, seed=7, gain=gain, audio_only=audio_only, output=output)
        (path,) = work.render(random_pipeline(), request).outputs
        other = media.read_sound(path)[0]
        assert mine.shape == other.shape
        # Rounded to 16 bits once before and once after; AAC besides.
        assert np.abs(mine - other).max() <= (4 if audio_only else 64) * 10 ** max(0, gain / 20) / 32768
    assert media.read_tags(mp4)["seed"] == "7"
    assert (fetched(served, take["sound"], wav, plain="true") == plain).all()
    put(served, take, 0)
    assert (fetched(served, take["sound"], wav) == plain).all()
    folder = served.studio.job(take["sound"].split("/")[3]).folder
    assert not list(folder.glob("*gain*")), "files of a gain that is no longer wanted"


def test_what_would_clip_is_scaled_down(serve: Any, tmp_path: Path) -> None:
    served = serve()
    (take,) = served.finish(served.submit(prompt="hum", duration="1", seed="3"))["takes"]
    put(served, take, 100)
    assert np.abs(fetched(served, take["sound"], tmp_path / "x.wav")).max() == pytest.approx(1.0, abs=1e-3)


def test_the_clip_keeps_its_own_sound(serve: Any, clip: Path, tmp_path: Path) -> None:
    """Mixed: the gain is the take's, not that of the clip's own tone."""
    served = serve()
    done = served.finish(served.submit(clip, seed="7", existing_audio="mix"))
    (take,) = done["takes"]
    before = fetched(served, take["video"], tmp_path / "a.mp4")
    put(served, take, -60)
    after = fetched(served, take["video"], tmp_path / "b.mp4")
    assert np.abs(after).max() > 0.5 * np.abs(before).max() > 0.1
    put(served, take, -50)
    assert served.delete(f"/api/clips/{done['clip']}").status_code == 204
    refused = served.get(take["video"])
    assert refused.status_code == 409 and "clip of this take is gone" in refused.json()["error"]
    assert served.get(take["sound"]).status_code == 200


def test_without_the_clip_the_picture_of_the_take_serves(serve: Any, tmp_path: Path) -> None:
    served = serve()
    clip = write_clip(tmp_path / "clip.mp4", 100)
    done = served.finish(served.submit(clip, seed="7", start="1", duration="2"))
    (take,) = done["takes"]
    before = fetched(served, take["video"], tmp_path / "a.mp4")
    assert served.delete(f"/api/clips/{done['clip']}").status_code == 204
    put(served, take, -20)
    after = fetched(served, take["video"], tmp_path / "b.mp4")
    assert np.abs(after).max() == pytest.approx(0.1 * np.abs(before).max(), rel=0.2)
    seconds = [media.probe(tmp_path / name, seconds=None)["seconds_float"] for name in ("a.mp4", "b.mp4")]
    assert seconds[1] == pytest.approx(seconds[0], abs=0.05)


def test_it_outlives_the_studio(serve: Any, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    served = serve(folder=folder, keep=True)
    done = served.finish(served.submit(prompt="hum", duration="1", seed="3", takes="2"))
    put(served, done["takes"][1], -6)
    quiet = fetched(served, done["takes"][1]["sound"], tmp_path / "a.wav")
    served.studio.close()
    again = serve(folder=folder, keep=True)
    takes = again.get(f"/api/jobs/{done['id']}").json()["takes"]
    assert [take["gain"] for take in takes] == [0, -6]
    assert (fetched(again, takes[1]["sound"], tmp_path / "b.wav") == quiet).all()
    again.delete(takes[1]["sound"].removesuffix("/sound"))
    assert not list(folder.rglob("take2*"))


def test_refusals_are_sentences(serve: Any) -> None:
    served = serve()
    (take,) = served.finish(served.submit(prompt="hum", duration="1"))["takes"]
    for gain in (121, "nan", "loud", ""):
        answer = put(served, take, gain)
        assert answer.status_code == 422 and answer.json()["field"] == "gain", gain
    assert put(served, {"sound": take["sound"].replace("takes/1", "takes/9")}, 1).status_code == 404
    foreign = served.put(
        take["sound"].removesuffix("/sound"), data={"gain": "3"}, headers={"origin": "http://elsewhere"}
    )
    assert foreign.status_code == 403
