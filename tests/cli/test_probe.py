"""`soundvcm probe`: every promised field, from the code that the pipeline reads with."""

from __future__ import annotations

import io
import json
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clips import FILM, Clips, luma_ramp, moving, tone, write_gif, write_picture, write_video
from standins import random_pipeline

from soundvcm.cli import main as cli
from soundvcm.media import mux, read_frames

FIELDS = (
    "seconds", "frames", "frame_rate", "rotation", "width", "height", "pix_fmt", "start_time",
    "audio_streams", "semantic_frames", "sync_frames", "sync_segments", "sync_tokens", "latents", "samples",
    "warnings",
)  # fmt: skip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["probe", *map(str, words)])
    return int(caught.value.code or 0)


def found(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert run(*words, "--json") == 0
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    return dict(json.loads(text))


def test_every_field_is_there_and_right(clips: Clips, capsys: pytest.CaptureFixture[str]) -> None:
    seen = found(capsys, clips("fps2997.mp4"))
    assert set(FIELDS) <= set(seen)
    right = {
        "file": "fps2997.mp4", "seconds": "1001/125", "seconds_float": 8.008, "frames": 240,
        "frame_rate": "30000/1001", "rotation": 0, "width": 32, "height": 24, "pix_fmt": "yuv420p",
        "start_time": "0", "start_time_float": 0.0, "audio_streams": 0, "video_streams": 1,
        "semantic_frames": 64, "sync_frames": 200, "sync_segments": 24, "sync_tokens": 192, "latents": 251,
        "samples": 128_128, "sample_rate": 16_000, "still": False, "warnings": [],
    }  # fmt: skip
    assert {name: seen[name] for name in right} == right
    assert seen["frame_rate_float"] == pytest.approx(29.97, abs=1e-3)


@pytest.mark.parametrize(
    ("model", "rate", "latents", "samples"),
    [("tiny", 16_000, 250, 128_000), ("mmaudio_small_16k", 16_000, 250, 128_000),
     ("mmaudio_small_44k", 44_100, 345, 352_800)],
)  # fmt: skip
def test_lengths_are_those_of_the_chosen_model(
    clips: Clips, capsys: pytest.CaptureFixture[str], model: str, rate: int, latents: int, samples: int
) -> None:
    seen = found(capsys, clips("fps23976.mp4"), "--model", model, "--duration", "8")
    assert (seen["seconds"], seen["sample_rate"]) == ("8", rate)
    assert (seen["latents"], seen["samples"]) == (latents, samples)


def test_a_range(clips: Clips, capsys: pytest.CaptureFixture[str]) -> None:
    seen = found(capsys, clips("event9.mp4"), "--start", "8.5", "--duration", "1")
    assert (seen["start"], seen["seconds"], seen["frames"]) == ("17/2", "1", 30)
    assert run(clips("event9.mp4"), "--start", "11") == 2
    assert "start 11 s lies beyond its end (10.000 s)" in capsys.readouterr().err


def test_rotation_sound_and_a_late_begin(
    clips: Clips, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = found(capsys, clips("rot90.mp4"))
    assert (seen["rotation"], seen["width"], seen["height"]) == (90, 36, 64)
    late = write_video(
        tmp_path / "late.mkv", moving, 25, 25, first_tick=50, sounds=[(tone(1), 48_000, "flac")]
    )
    seen = found(capsys, late)
    assert (seen["start_time"], seen["seconds"], seen["audio_streams"]) == ("2", "1", 1)


def test_timestamps_name_the_source_picture_of_each_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ticks = [*range(12), *range(12, 36, 3)]  # 12 pictures at 24 a second, then 8 at 8 a second: 36 ticks
    path = write_video(tmp_path / "v.mp4", luma_ramp(ticks), 20, 24, ticks=ticks, tail=3)
    seen = found(capsys, path, "--timestamps")
    rows = seen["timestamps"]
    assert set(rows) == {"semantic", "sync"} and seen["seconds"] == "3/2"
    shown = [
        max(k for k, tick in enumerate(ticks) if Fraction(tick, 24) <= Fraction(n, 8)) for n in range(12)
    ]
    assert [row["frame"] for row in rows["semantic"]] == shown
    assert [Fraction(row["time"]) for row in rows["semantic"]] == [Fraction(ticks[k], 24) for k in shown]
    assert len(rows["sync"]) == 37 and rows["sync"][1] == {"frame": 0, "time": "0", "seconds": 0.0}
    assert run(path, "--timestamps") == 0
    text = capsys.readouterr().out
    assert "semantic pictures: number of the source picture" in text and "0@0  3@0.125  6@0.25" in text


def test_words_for_people(clips: Clips, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(clips("trunc_fast.mp4")) == 0
    text, remarks = capsys.readouterr()
    for name in FIELDS[:-1]:
        assert any(line.startswith(name + " ") for line in text.splitlines()), name
    assert "claims 4.000 s but only" in remarks and "_float" not in text
    assert run(clips("fps23976.mp4")) == 0
    assert "24000/1001  (23.976)" in capsys.readouterr().out


def test_stills_and_animations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    still = write_picture(tmp_path / "a.png", moving(3), "rgba")
    seen = found(capsys, still)
    assert seen["still"] and seen["seconds"] is None and "give a duration" in seen["warnings"][0]
    seen = found(capsys, still, "--duration", "4")
    assert (seen["seconds"], seen["semantic_frames"], seen["samples"]) == ("4", 32, 64_000)
    assert found(capsys, write_gif(tmp_path / "a.gif"))["seconds"] == "2"


def test_standard_input(
    clips: Clips, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = clips("fast.mp4").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert found(capsys, "-")["seconds"] == "4"


def test_bad_files_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mp4").write_bytes(b"<html>")
    for name in ("a.mp4", "none.mp4"):
        assert run(tmp_path / name) == 2
        error = capsys.readouterr().err
        assert name in error and error.count("\n") == 1


def test_it_sees_what_the_pipeline_sees(clips: Clips, capsys: pytest.CaptureFixture[str]) -> None:
    """The same numbers as the features' own lengths."""
    pipeline = random_pipeline()
    for name in ("short13.mp4", "fps2997.mp4", "ramp_vfr.mp4", *[f"fps{rate}.mp4" for rate in FILM]):
        seen = found(capsys, clips(name))
        frames = read_frames(clips(name), pipeline.clip_encoder.specs).frames
        assert frames["semantic"].shape[0] == seen["semantic_frames"]
        assert frames["sync"].shape[0] == seen["sync_frames"]
        lines = pipeline.encode_clip(clips(name), duration=Fraction(seen["seconds"])).timeline
        assert (lines.samples, lines.latents) == (seen["samples"], seen["latents"])


def test_what_would_become_of_it_in_each_container(
    clips: Clips, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows say what `mux` then does."""
    for source in (clips("flacaudio.mkv"), write_gif(tmp_path / "a.gif"), clips("rot90.mp4")):
        rows = {row["container"]: row for row in found(capsys, source)["outputs"]}
        assert list(rows) == ["mp4", "mov", "webm", "mkv", "avi"]
        for kind, row in rows.items():
            wave = np.zeros(16_000, np.float32)
            report = mux(source, wave, 16_000, tmp_path / f"o.{kind}", existing="keep")
            written = "" if report.path.suffix == f".{kind}" else f"written as {report.path.suffix}"
            assert row["pictures"] == (written or ("copied" if report.copied else "encoded"))
            anew = any("sound does not fit" in line for line in report.messages)
            assert [one.endswith("encoded") for one in row["sound"]] == [anew] * len(row["sound"])
            assert all(line in report.messages for line in row["left_out"])
    assert rows["avi"]["pictures"] == "written as .mp4" and rows["mkv"]["left_out"] == []
    assert run(source) == 0
    assert "avi    pictures written as .mp4" in capsys.readouterr().out
