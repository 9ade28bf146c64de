"""The carry-over bench: sound that follows its clip is told from sound that does not; files are named."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from clips import write_video
from scripts_by_path import load_script


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return load_script("benchmarks/real_footage.py")


def jumping(path: Path, times: tuple[float, ...], seconds: float = 2.0) -> Path:
    """A video at 25/s of a square that jumps at some moments."""
    frames = np.zeros((round(25 * seconds), 64, 64, 3), np.uint8)
    for k in range(len(frames)):
        place = 16 * sum(time <= k / 25 for time in times) % 48
        frames[k, 20:40, place : place + 12] = 200
    return write_video(path, lambda k: frames[k], len(frames))


def clips(bench: ModuleType, follows: bool, count: int = 8) -> list:
    rng = np.random.default_rng(0)
    made = []
    for k in range(count):
        movement = np.abs(rng.standard_normal(200)) * (rng.random(200) < 0.15)
        other = np.abs(rng.standard_normal(200)) * (rng.random(200) < 0.15)
        loudness = movement if follows else other
        window = bench.Window(f"c{k}", 0.0, movement, loudness + 0.01, ["Rain"])
        made.append(bench.Clip(f"c{k}", 8.0, "street (0.5)", [window]))
    return made


def test_following_is_told_from_not_following(bench: ModuleType) -> None:
    found = bench.compare(clips(bench, True), 0)
    assert found["own"] > 0.95 and abs(found["others"]) < 0.1 and found["takes"] == 8
    assert found["gap_interval"][0] > 0.8 and found["better_than_others"] == 8
    loose = bench.compare(clips(bench, False), 0)
    assert loose["gap_interval"][0] < 0 < loose["gap_interval"][1]


def test_cameras_of_one_take_count_once_and_are_not_each_others_chance(bench: ModuleType) -> None:
    found = clips(bench, True)
    for k, clip in enumerate(found[:3]):
        clip.name = clip.windows[0].clip = f"walk_cam{k}.mp4"
        clip.windows[0].movement = found[0].windows[0].movement
        clip.windows[0].loudness = found[0].windows[0].loudness
    summary = bench.compare(found, 0)
    assert summary["takes"] == 6 and found[0].windows[0].others < 0.2
    assert bench.take_of("a/walk_cam3.mp4") == "walk" and bench.take_of("b.avi") == "b"


def test_clips_that_do_not_move_are_left_out(bench: ModuleType) -> None:
    found = clips(bench, True)
    found[0].windows[0].movement[:] = 0
    assert bench.compare(found, 0)["takes"] == 7
    report = bench.report_of(found, bench.compare(found, 0), "python x")
    text = bench.markdown(json.loads(json.dumps(report)))
    assert "| c0 | 8 | street (0.5) | Rain | - |" in text and "own above others in 7 of 7" in text
    with pytest.raises(Exception, match="fewer than three takes"):
        bench.compare(found[:2], 0)


@pytest.mark.slow
def test_the_whole_way_on_made_clips(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k, times in enumerate([(0.5,), (1.2, 2.0), (0.3, 0.9, 1.5)]):
        jumping(tmp_path / f"{k}.mp4", times, 3.0)
    out, page = tmp_path / "out.json", tmp_path / "page.md"
    words = [str(tmp_path), "--seconds", "3", "--windows", "1", "--json", str(out), "--markdown", str(page)]
    report = bench.main(words)
    assert (
        json.loads(out.read_text()) == json.loads(json.dumps(report)) and page.read_text().count("\n| ") >= 4
    )
    assert [row["clip"] for row in report["rows"]] == ["0.mp4", "1.mp4", "2.mp4"]
    assert all(row["classified_as"] and "(" in row["seen"] for row in report["rows"])
    assert "labels of the pictures" in capsys.readouterr().out


def test_an_empty_folder_is_one_line(bench: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="fetch_footage"):
        bench.main([str(tmp_path)])
