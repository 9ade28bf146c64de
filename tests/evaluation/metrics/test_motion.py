"""Movement of clips, and the scores that compare it with loudness on any folder of videos."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import write_video
from sound_folders import bursts, save

from soundvcm.errors import InputError
from soundvcm.evaluation.metrics import has_pictures, movement
from soundvcm.evaluation.preparing import Length
from soundvcm.evaluation.protocol import Settings, evaluate

SHORT = Settings(Length(2.0), 20, 0)
TIMES = {"a": (0.5,), "b": (1.2, 1.6), "c": (0.28, 0.8, 1.72)}


def jumping(path: Path, times: tuple[float, ...], seconds: float = 2.0, sound: tuple = ()) -> Path:
    """A video at 25/s of a square that jumps at some moments."""
    frames = np.zeros((round(25 * seconds), 64, 64, 3), np.uint8)
    for k in range(len(frames)):
        place = 16 * sum(time <= k / 25 for time in times) % 48
        frames[k, 20:40, place : place + 12] = 200
    return write_video(path, lambda k: frames[k], len(frames), sounds=sound)


def clicks(times: tuple[float, ...]) -> np.ndarray:
    """[s] at 16 kHz: a short burst at each time."""
    wave = np.zeros(32_000, np.float32)
    for time in times:
        at = round(16_000 * time)
        wave[at : at + 1600] = 0.5 * np.hanning(1600) * np.sin(np.arange(1600))
    return wave


def test_movement_is_where_the_picture_changes(tmp_path: Path) -> None:
    path = jumping(tmp_path / "a.mp4", (0.48, 1.2))
    found = movement(path, Fraction(2))
    assert len(found) == 50 and found[0] == 0
    assert set(np.argsort(found)[-2:]) == {12, 30}
    later = movement(path, 1, 1)
    assert int(np.argmax(later)) == 5 and len(movement(path, 9)) == 50


def test_a_cut_is_no_movement(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", lambda k: np.full((64, 64, 3), 255 * (k > 5), np.uint8), 12)
    assert movement(path, 1).max() < 0.01
    assert has_pictures(Path("a.MKV")) and has_pictures(Path("a.avi")) and not has_pictures(Path("a.wav"))


@pytest.mark.parametrize("own", [True, False], ids=["pictures in the made file", "in the true file"])
def test_sound_that_follows_is_told_from_chance(own: bool, tmp_path: Path) -> None:
    (tmp_path / "true").mkdir()
    (tmp_path / "made").mkdir()
    for name, times in TIMES.items():
        sound = clicks(times)
        jumping(tmp_path / "true" / f"{name}.mp4", times, sound=[(sound, 16_000, "aac")])
        if own:
            jumping(tmp_path / "made" / f"{name}.mp4", times, sound=[(sound, 16_000, "aac")])
        else:
            save(tmp_path / "made" / f"{name}.wav", sound)
    found = evaluate(tmp_path / "true", tmp_path / "made", ["motion"], SHORT)
    value, chance = found.scores
    assert value.name == "motion_correlation" and value.value is not None and value.value > 0.4
    assert chance.name == "motion_elsewhere" and chance.value is not None and chance.value < value.value - 0.3
    assert chance.notes == ("6 pairs",) and value.items == (3, 3)


def test_sounds_without_pictures_are_refused(tmp_path: Path) -> None:
    for side in ("true", "made"):
        save(tmp_path / side / "a.wav", bursts(1))
    for score in ("motion_correlation", "motion_elsewhere"):
        with pytest.raises(InputError, match=f"^{score}: no"):
            evaluate(tmp_path / "true", tmp_path / "made", [score], SHORT)
