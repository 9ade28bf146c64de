"""The rules of time: exact seconds from any kind of timestamps."""

from __future__ import annotations

from fractions import Fraction

import pytest

from soundvcm.media.read.frame_clock import FrameClock, tidy_rate

MS = Fraction(1, 1000)


def places(clock: FrameClock, pts: list[int | None], duration: int | None = 40) -> list[Fraction | None]:
    found = [clock.place(one, duration) for one in pts]
    return [None if one is None else one[0] for one in found]


@pytest.mark.parametrize("first", [0, 23, -4000, 10**12])
def test_time_begins_with_the_first_picture(first: int) -> None:
    clock = FrameClock(MS, [Fraction(25)])
    assert places(clock, [first + 40 * k for k in range(5)]) == [Fraction(k, 25) for k in range(5)]
    assert clock.end() == Fraction(1, 5)


@pytest.mark.parametrize("rate", [24, 30, 60, Fraction(24000, 1001), Fraction(30000, 1001), 120])
def test_rounded_timestamps_return_to_the_grid(rate: Fraction) -> None:
    clock = FrameClock(MS, [rate])
    count = 8 * 120
    for k in range(count):
        placed = clock.place(int(1000 * k / Fraction(rate) + Fraction(1, 2)) + 7, int(1000 / Fraction(rate)))
        assert placed is not None and placed[0] == k / Fraction(rate)
    assert clock.end() == count / Fraction(rate)


def test_times_off_the_grid_are_kept() -> None:
    clock = FrameClock(Fraction(1, 90_000), [Fraction(30)])
    assert places(clock, [0, 1234, 50_000], 3000) == [0, Fraction(1234, 90_000), Fraction(5, 9)]
    coarse = FrameClock(Fraction(1, 100), [Fraction(50)])  # a tick is half a picture: nothing to put back
    assert places(coarse, [0, 3, 7], 2) == [0, Fraction(3, 100), Fraction(7, 100)]


def test_each_duration_is_asked_for_itself() -> None:
    clock = FrameClock(MS, [Fraction(25)])
    assert [clock.length_of(ticks) for ticks in (40, 41, 900, 40, None, 0, 39)] == [
        Fraction(1, 25), Fraction(1, 25), Fraction(9, 10), Fraction(1, 25), Fraction(1, 25), Fraction(1, 25),
        Fraction(1, 25),
    ]  # fmt: skip


def test_gaps_are_held_and_counted_in_the_length() -> None:
    clock = FrameClock(MS, [Fraction(25)], claimed=Fraction(4))
    assert places(clock, [0, 40, 3000]) == [0, Fraction(1, 25), 3]
    assert clock.end() == 3 + Fraction(1, 25) and clock.warnings() == []


def test_missing_timestamps_are_counted_on() -> None:
    clock = FrameClock(MS, [Fraction(10)])
    assert places(clock, [None, None, None], None) == [0, Fraction(1, 10), Fraction(1, 5)]
    assert clock.end() == Fraction(3, 10) and "3 pictures have no timestamp" in clock.warnings()[0]


def test_late_pictures_are_dropped_and_told() -> None:
    clock = FrameClock(MS, [Fraction(25)])
    assert places(clock, [0, 40, 40, 20, 80]) == [0, Fraction(1, 25), None, None, Fraction(2, 25)]
    assert "2 pictures come later" in clock.warnings()[0]


def test_parts_joined_where_timestamps_begin_anew() -> None:
    clock = FrameClock(MS, [Fraction(25)])
    pts = [5000, 5040, 0, 40, 80]
    assert places(clock, [*[5000 + 40 * k for k in range(50)], *pts[2:]])[-3:] == [
        2,
        2 + MS * 40,
        2 + MS * 80,
    ]
    assert "jump 1 time(s)" in clock.warnings()[0]


def test_a_jump_far_beyond_the_claimed_length_is_joined() -> None:
    clock = FrameClock(MS, [Fraction(25)], claimed=Fraction(8))
    assert places(clock, [0, 40, 10**9, 10**9 + 40]) == [Fraction(k, 25) for k in range(4)]
    endless = FrameClock(MS, [Fraction(25)])
    assert places(endless, [0, 600_000])[1] == 600  # ten minutes of one picture are possible
    assert places(endless, [600_000 + 10**9])[0] == 600 + Fraction(1, 25)


def test_durations() -> None:
    clock = FrameClock(MS, [])
    assert clock.place(0, 250) == (0, Fraction(1, 4))
    assert clock.place(100, None) == (Fraction(1, 10), Fraction(1, 10))  # the distance to the picture before
    assert FrameClock(MS, []).place(0, None) == (0, Fraction(1, 25))
    absurd = FrameClock(MS, [Fraction(25)], claimed=Fraction(2))
    assert absurd.place(0, 10**10) == (0, Fraction(1, 25))
    slide = FrameClock(MS, [], claimed=Fraction(60))
    assert slide.place(0, 60_000) == (0, 60)


def test_after_a_seek_the_origin_stays() -> None:
    clock = FrameClock(MS, [Fraction(25)])
    clock.place(500, 40)
    assert clock.pts_of(Fraction(3)) == 3500
    clock.after_seek()
    placed = clock.place(3460, 40)
    assert placed is not None and placed[0] == Fraction(74, 25) and clock.index_at(placed[0]) == 74
    assert clock.index_at(Fraction(1, 3)) is None


@pytest.mark.parametrize(
    ("rate", "tidy"),
    [(25, 25), (2997 / 100, Fraction(30000, 1001)), (Fraction(2997, 125), Fraction(24000, 1001)),
     (59.94, Fraction(60000, 1001)),
     (12.5, Fraction(25, 2)), (0, None), (-3, None), (90_000, None), (None, None), (29.999, 30)],
)  # fmt: skip
def test_rates_are_tidied(rate: float, tidy: Fraction | None) -> None:
    assert tidy_rate(rate) == tidy
