"""The rules of time: from a stream's timestamps to exact seconds since its first shown picture.

Fractions throughout. Rounded timestamps (milliseconds in Matroska and FLV) are put back on the stream's own
frame grid where they lie within one tick of it, so 24 pictures a second stay 24. Missing timestamps are
counted on, late pictures dropped, jumps joined, each with a count for the warnings. Knows no files and no
pictures.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

DEFAULT_DURATION = Fraction(1, 25)
_LATE_IN_A_ROW = 3
_JUMP_BACK = 5  # pictures
_JUMP_AHEAD = Fraction(10)
_LONGEST_HOLD = Fraction(600)


def tidy_rate(rate: Fraction | float | int | None) -> Fraction | None:
    """A measured frame rate as the standard one (n or n x 1000/1001) within 0.02 %, or itself; None if
    unusable.
    """
    if rate is None or rate <= 0 or rate > 1000:
        return None
    rate = Fraction(rate).limit_denominator(100_000)
    for standard in (Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)):
        if standard > 0 and abs(rate - standard) <= standard / 5000:
            return standard
    return rate


class FrameClock:
    """Places each decoded picture of one stream in time.

    Args:
        time_base: seconds of one tick of the stream's timestamps.
        rates: frame rates the container names, likeliest first.
        claimed: length of the stream according to the container, in seconds, if it says.
        counts: the container does not say reliably when a picture is shown, so pictures are counted on, and a
            timestamp is believed only where it differs by more than five pictures.
    """

    def __init__(
        self,
        time_base: Fraction,
        rates: Iterable[Fraction | None],
        claimed: Fraction | None = None,
        *,
        counts: bool = False,
    ) -> None:
        self._counts = counts
        self.time_base = time_base
        tidy = [tidy_rate(rate) for rate in rates]
        self.rates = list(dict.fromkeys(rate for rate in tidy if rate is not None))
        self._grid = [rate for rate in self.rates if 4 * time_base * rate <= 1]
        self._length: tuple[int, Fraction] | None = None  # the last ticks asked for: nearly always the same
        self.claimed = claimed
        self.origin: int | None = None
        self.offset = Fraction(0)
        self.last: Fraction | None = None
        self.last_duration = self._nominal()
        self.late = self.joined = self.counted = 0
        self.shown = 0
        self._late_now = 0

    def place(self, pts: int | None, duration: int | None) -> tuple[Fraction, Fraction] | None:
        """Time and duration (s) of the next picture in order of showing; None if it comes too late to be
        shown.
        """
        length = self._duration(duration)
        if pts is None:
            time = Fraction(0) if self.last is None else self.last + self.last_duration
            self.counted += 1
        else:
            if self.origin is None:
                self.origin = pts
            time = self._on_grid((pts - self.origin) * self.time_base + self.offset)
            if self.last is not None:
                expected = self.last + self.last_duration
                if self._counts and abs(time - expected) <= _JUMP_BACK * self.last_duration:
                    time = expected
                if time <= self.last and self._is_late(time):
                    return None
                if time <= self.last or self._is_jump(time):
                    time = self._join(time)
        self._late_now = 0
        if not duration and self.last is not None and not self.rates:
            length = time - self.last
        self.last, self.last_duration = time, self._bounded(time, length)
        self.shown += 1
        return time, self.last_duration

    def end(self) -> Fraction:
        """Length of the stream so far: last timestamp - first timestamp + duration of the last picture
        (case 01).
        """
        return Fraction(0) if self.last is None else self.last + self.last_duration

    def pts_of(self, time: Fraction) -> int:
        """The stream's timestamp (ticks, rounded down) of a time in seconds since the first picture."""
        return (self.origin or 0) + int((time - self.offset) // self.time_base)

    def time_of(self, pts: int) -> Fraction:
        """Time (s) of a timestamp of a stream without repairs, on the stream's grid."""
        return self._on_grid((pts - (self.origin or 0)) * self.time_base)

    def length_of(self, ticks: int | None) -> Fraction:
        """Seconds of a duration in ticks, on the stream's grid; the usual one if it is missing."""
        return self._duration(ticks)

    def after_seek(self) -> None:
        """Forget the last picture; the origin stays."""
        self.last = None
        self._late_now = 0

    def index_at(self, time: Fraction) -> int | None:
        """Number of the picture at `time` in a stream of constant rate, None where that cannot be told."""
        for rate in self.rates:
            if (time * rate).denominator == 1:
                return int(time * rate)
        return None

    def warnings(self) -> list[str]:
        """One line for each repair made."""
        found = []
        if self.counted > 1:
            rate = 1 / self._nominal()
            found.append(
                f"{self.counted} pictures have no timestamp: placed at {float(rate):g} pictures a second"
            )
        if self.late:
            found.append(f"{self.late} pictures come later than their time and are not shown")
        if self.joined:
            found.append(f"timestamps jump {self.joined} time(s): the parts are joined")
        return found

    def _nominal(self) -> Fraction:
        return 1 / self.rates[0] if self.rates else DEFAULT_DURATION

    def _on_grid(self, time: Fraction) -> Fraction:
        for rate in self._grid:
            number = time * rate
            if number.denominator == 1:
                return time
            near = round(number) / rate
            if abs(near - time) <= self.time_base:
                return near
        return time

    def _duration(self, ticks: int | None) -> Fraction:
        if not ticks or ticks < 0:
            return self._nominal()
        if self._length is None or self._length[0] != ticks:
            self._length = ticks, self._length_on_grid(ticks * self.time_base)
        return self._length[1]

    def _length_on_grid(self, length: Fraction) -> Fraction:
        for rate in self._grid:
            if abs(length - 1 / rate) <= self.time_base:
                return 1 / rate
        return length

    def _bounded(self, time: Fraction, length: Fraction) -> Fraction:
        if length <= _JUMP_AHEAD:
            return length
        room = _LONGEST_HOLD if self.claimed is None else self.claimed - time + 1
        return length if length <= room else self._nominal()

    def _is_late(self, time: Fraction) -> bool:
        assert self.last is not None
        if self.last - time > _JUMP_BACK * self.last_duration or self._late_now >= _LATE_IN_A_ROW:
            return False
        self._late_now += 1
        self.late += 1
        return True

    def _is_jump(self, time: Fraction) -> bool:
        assert self.last is not None
        if time - self.last <= _JUMP_AHEAD:
            return False
        return time > self.claimed + _JUMP_AHEAD if self.claimed else time - self.last > _LONGEST_HOLD

    def _join(self, time: Fraction) -> Fraction:
        assert self.last is not None
        wanted = self.last + self.last_duration
        self.offset += wanted - time
        self.joined += 1
        return wanted
