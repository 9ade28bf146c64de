"""How far a film is and what is left: the estimate by a made clock, the phases that a film tells."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from standins import random_pipeline, write_clip

from soundvcm.cli.terminal import Phases
from soundvcm.generate import render
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.progress import LONG_PHASES, TimeLeft

Told = list[tuple[str, float, float | None]]


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_seconds_left_follow_the_rate_of_the_phase() -> None:
    clock, told = Clock(), Told()
    left = TimeLeft(lambda *row: told.append(row), clock)
    for now, share in ((100, 0.0), (102, 0.1), (110, 0.5), (118, 0.9), (120, 1.0)):
        clock.now = now
        left("film", share)
    assert [row[0] for row in told] == ["film"] * 5 and told[0][2] is None
    assert [row[2] for row in told[1:]] == pytest.approx([18, 10, 2, 0])


def test_a_phase_that_is_first_told_half_way_counts_from_there() -> None:
    clock, told = Clock(), Told()
    left = TimeLeft(lambda *row: told.append(row), clock)
    left("watch", 0.5)
    clock.now += 4
    left("watch", 0.7)
    assert told[0][2] is None and told[1][2] == pytest.approx(6)


def test_every_phase_has_its_own_rate_and_the_inside_of_a_film_is_not_told() -> None:
    clock, told = Clock(), Told()
    left = TimeLeft(lambda *row: told.append(row), clock)
    for phase, share in (
        ("decode", 0.0), ("decode", 1.0), ("watch", 0.5), ("decode", 0.0), ("watch", 1.0),
        ("film", 0.0), ("network", 0.0), ("film", 0.5), ("codec", 1.0), ("film", 1.0), ("write", 0.0),
    ):  # fmt: skip
        clock.now += 1
        left(phase, share)
    assert [row[:2] for row in told] == [
        ("decode", 0.0), ("decode", 1.0), ("watch", 0.5), ("watch", 1.0), ("film", 0.0), ("film", 0.5),
        ("film", 1.0), ("write", 0.0),
    ]  # fmt: skip
    assert told[5][2] == pytest.approx(2)  # half of it took two seconds


@pytest.mark.parametrize("takes", [1, 3])
def test_a_film_tells_its_share_and_its_rest(tmp_path: Path, takes: int) -> None:
    """10 s in windows of 2 s with 1 s of overlap are 9 windows."""
    clip, told = write_clip(tmp_path / "film.mp4", 250), Told()
    left = TimeLeft(lambda *row: told.append(row))
    request = GenerateOptions(video=clip, output=tmp_path / "out.mp4", seed=1, takes=takes)
    outcome = render.render(random_pipeline(longest=2), request, left)
    assert outcome.length == "10" and len(outcome.outputs) == takes
    assert all(outcome.timings[name] > 0 for name in ("decode", "encode", "network", "codec", "write"))
    watch = [row for row in told if row[0] == "watch"]
    assert [row[1] for row in watch] == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0])
    film = [row for row in told if row[0] == "film"]
    shares = [row[1] for row in film]
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0, 1)
    assert len({round(share * 9 * takes) for share in shares}) == 9 * takes + 1
    for rows in (watch, film):
        assert rows[0][2] is None and all(row[2] is not None and row[2] > 0 for row in rows[1:-1])
        assert rows[-1][2] == 0
    first = next(number for number, row in enumerate(told) if row[0] == "watch")
    assert {row[0] for row in told[first:]} <= {*LONG_PHASES, "write"}


def test_a_clip_of_one_window_is_no_film(tmp_path: Path) -> None:
    phases: set[str] = set()
    random_pipeline().generate(
        write_clip(tmp_path / "a.mp4", 50), seed=1, progress=lambda p, s: phases.add(p)
    )
    assert phases == {"decode", "encode", "text", "network", "codec"}


def test_ranges_arrays_and_stills_know_their_whole(tmp_path: Path) -> None:
    pipeline, frames = random_pipeline(longest=2), np.zeros((60, 8, 8, 3), np.uint8)

    def shares(video: object, **options: object) -> list[float]:
        found: list[float] = []
        pipeline.encode_clip(
            video, progress=lambda p, s: found.append(s) if p == "watch" else None, **options
        )  # type: ignore[arg-type]
        return found

    clip = write_clip(tmp_path / "a.mp4", 250)
    assert shares(clip, start=4, duration=4) == pytest.approx([2 / 4, 3 / 4, 0.99, 1.0])
    assert shares(clip, start=6, duration=40)[:2] == pytest.approx([2 / 4, 3 / 4])  # only 4 s are there
    assert shares(frames, fps=15) == pytest.approx([2 / 4, 3 / 4, 0.99, 1.0])
    assert shares(clip, duration=Fraction(3, 2)) == []


def test_the_terminal_shows_share_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    phases = Phases(True, clock)
    for now, phase, share in (
        (100, "watch", 0.1),
        (102, "watch", 0.5),
        (103, "film", 0.0),
        (203, "film", 0.4),
    ):
        clock.now = now
        phases(phase, share)
    phases.clear()
    lines = capsys.readouterr().err.split("\r\x1b[K")
    assert lines == ["", "watch  10% ...", "watch  50%, 2.50 s left ...", "film ...",
                     "film  40%, 2 min 30 s left ...", ""]  # fmt: skip


def test_a_log_gets_a_line_in_ten_seconds_at_most(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    clock = Clock()
    clock.now = 0
    phases = Phases(clock=clock)
    for now in range(35):
        clock.now = now
        phases("film", now / 40)
    phases.clear()
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["film  25%, 30 s left", "film  50%, 20 s left", "film  75%, 10 s left"]


def test_logs_stay_clean(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    phases = Phases()
    phases("film", 0.5)
    phases.clear()
    assert capsys.readouterr() == ("", "")
