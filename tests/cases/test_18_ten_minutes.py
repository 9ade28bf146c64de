"""Case 18: a ten-minute file. Reading is tried on shorter ones: neither time nor memory may grow with length.

The whole of (b), from 600 s of pictures to 9,600,000 samples, runs on stand-ins, and on `tiny` with -m slow.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from clips import decoded_sound, luma_ramp, moving, packet_md5, write_video
from standins import random_pipeline

from soundvcm.errors import OptionError
from soundvcm.generate import render
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.media import MuxWriter, probe, read_frames, read_sound, window_plan, windows
from soundvcm.media.read import frame_reader as reader
from soundvcm.records import FrameSpec

SPECS = {"semantic": FrameSpec(Fraction(8), 8, 8), "sync": FrameSpec(Fraction(25), None, None)}


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    numbers = [k % 200 for k in range(60 * 25)]
    return write_video(
        path, luma_ramp(numbers), len(numbers), 25, options={"qp": "0", "preset": "ultrafast", "g": "50"}
    )


class Counting(reader.FrameClock):
    placed = 0

    def place(self, pts: int | None, duration: int | None) -> tuple[Fraction, Fraction] | None:
        Counting.placed += 1
        return super().place(pts, duration)


def test_a_decoding_stops_at_the_end_of_the_range(long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "FrameClock", Counting)
    Counting.placed = 0
    assert read_frames(long, SPECS, seconds=8).frames["sync"].shape[0] == 200
    assert Counting.placed <= 202


def test_c_a_later_start_gives_the_same_pictures_without_reading_up_to_it(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_frames(long, SPECS)
    monkeypatch.setattr(reader, "FrameClock", Counting)
    for start in (Fraction(30), Fraction(301, 10), Fraction(59), Fraction(1), Fraction(123, 7)):
        Counting.placed = 0
        part = read_frames(long, SPECS, start=start, seconds=1)
        assert Counting.placed <= 80  # at most one group of 50 pictures and the second itself
        assert part.times["sync"][0] == Fraction(int(start * 25), 25) and part.start == start
        first = int(start * 25)
        assert part.indices["sync"] == list(range(first, first + 25))
        if start.denominator == 1:
            assert (part.frames["sync"] == whole.frames["sync"][first : first + 25]).all()


def test_windows_cover_everything_once_read(long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_frames(long, SPECS)
    monkeypatch.setattr(reader, "FrameClock", Counting)
    Counting.placed = 0
    parts = list(windows(long, SPECS, 8, 7))
    assert Counting.placed <= 60 * 25
    assert [(part.start, part.seconds) for part in parts] == window_plan(60, 8, 7)
    for part in parts:
        for role, spec in SPECS.items():
            first = int(part.start * spec.rate)
            assert (part.frames[role] == whole.frames[role][first : first + part.frames[role].shape[0]]).all()
            assert part.frames[role].shape[0] == part.seconds * spec.rate


def test_plans() -> None:
    assert window_plan(8, 8, 7) == [(0, 8)] == window_plan("8.0005", 8, 7)[:1]
    assert window_plan(9, 8, 7) == [(0, 8), (7, 2)]
    assert len(window_plan(600, 8, 7)) == 86 and window_plan(600, 8, 7)[-1] == (595, 5)
    assert window_plan("0.04", 8, 7) == [(0, Fraction(1, 25))]
    for window, hop in ((8, 0), (8, 9), (8, -1)):
        with pytest.raises(OptionError, match="hop"):
            window_plan(10, window, hop)


def test_b_a_film_is_written_in_blocks(long: Path, tmp_path: Path) -> None:
    rate, block = 16_000, 16_000 * 7
    wave = (0.3 * np.sin(np.arange(60 * rate) / 9)).astype(np.float32)
    with MuxWriter(long, tmp_path / "out.mkv", rate) as writer:
        for at in range(0, len(wave), block):
            writer.append(wave[at : at + block])
        report = writer.finish()
    assert report.seconds == 60 and report.copied and packet_md5(report.path) == packet_md5(long)
    found, _, begin = decoded_sound(report.path)
    assert begin == 0 and found.shape == (1, 960_000)
    assert np.abs(found[0] - wave).max() <= 1 / 32_768


def test_an_unfinished_film_leaves_nothing(long: Path, tmp_path: Path) -> None:
    old = tmp_path / "out.mkv"
    old.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), MuxWriter(long, old, 16_000) as writer:
        writer.append(np.zeros(160_000, np.float32))
        raise ZeroDivisionError
    assert old.read_bytes() == b"old" and list(tmp_path.iterdir()) == [old]


def film_of(pipeline: Pipeline, clip: Path, output: Path) -> np.ndarray:
    """The sound [s] in the file that a whole run writes; progress must have been told on the way."""
    told: list[tuple[str, float]] = []
    request = GenerateOptions(video=clip, prompt="rain", output=output, seed=7)
    outcome = render.render(pipeline, request, lambda phase, share: told.append((phase, share)))
    assert outcome.length == "600" and outcome.seeds == [7] and outcome.calls == 86
    for phase in ("watch", "film"):
        shares = [share for name, share in told if name == phase]
        assert len(shares) >= 86 and shares == sorted(shares) and shares[-1] == 1
    return read_sound(output)[0][0]


def check_film(wave: np.ndarray) -> None:
    """The numbers of the case: length, no hole, no click where windows of 8 s meet every 7 s."""
    rate = 16_000
    assert wave.shape == (9_600_000,)
    sounding = np.flatnonzero(wave)
    assert np.diff(sounding, prepend=-1, append=len(wave)).max() <= rate  # a run of zeros is at most 1 s
    step = np.abs(np.diff(wave))
    inside, across = [], []
    for start, seconds in window_plan(600, 8, 7):
        first, last = int(start * rate), int((start + seconds) * rate)
        begin, end = first + rate * (start > 0), last - rate * (last < len(wave))
        inside.append(step[begin : end - 1].max())
        across += [step[first - 1 : begin + 1].max()] if start > 0 else []
    assert len(across) == 85 and max(across) <= 2 * max(inside)


def ten_minutes(folder: Path, rate: int) -> Path:
    """600 s of small pictures."""
    options = {"preset": "ultrafast", "crf": "40", "g": "250"}
    return write_video(folder / "long600.mp4", moving, 600 * rate, rate, options=options)


class Smooth:
    """A codec that draws a line through the latents: quick enough for ten minutes in a test."""

    sample_rate, latent_rate, dim = 16_000, Fraction(125, 4), 4

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """[b n c] -> [b 512 n]."""
        lines = latents.mean(dim=2)[:, None]
        return 0.2 * torch.nn.functional.interpolate(lines, scale_factor=512, mode="linear")[:, 0]


def quick_pipeline() -> Pipeline:
    """Stand-ins around `Smooth`."""
    pipeline = random_pipeline()
    pipeline.codec = Smooth()  # type: ignore[assignment]
    return pipeline


def test_b_ten_minutes_of_stand_ins(tmp_path: Path) -> None:
    clip, output = ten_minutes(tmp_path, 5), tmp_path / "out.mkv"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check_film(film_of(quick_pipeline(), clip, output))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    assert packet_md5(output) == packet_md5(clip) and probe(output)["seconds"] == "600"


@pytest.mark.slow
def test_b_ten_minutes_of_tiny(tmp_path: Path) -> None:
    from soundvcm.systems.loading import load

    check_film(film_of(load("tiny", device="cpu"), ten_minutes(tmp_path, 25), tmp_path / "out.mkv"))


MEMORY = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from cases.test_18_ten_minutes import quick_pipeline
from soundvcm.generate import render
from soundvcm.generate.options import GenerateOptions
render.render(quick_pipeline(), GenerateOptions(video=Path(sys.argv[1]), output=Path(sys.argv[2]), seed=1))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_b_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Pictures in, sound in the file out, in a process of its own: 600 s within 10 % of 60 s."""
    peaks = {}
    for seconds in (60, 600):
        path = write_video(tmp_path / f"{seconds}.mp4", moving, seconds * 25, 25)
        output, here = tmp_path / f"out{seconds}.mp4", str(Path(__file__).resolve().parents[1])
        command = [sys.executable, "-c", MEMORY, str(path), str(output), here]
        peaks[seconds] = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        assert probe(output)["seconds"] == str(seconds)
    assert peaks[600] < min(1.1 * peaks[60], 2_000_000), peaks  # kB
