"""Timecode: the clock that cameras and editing programs write beside pictures (SMPTE ST 12-1).

With and without dropped numbers. Knows rational numbers, and where files keep it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from soundvcm.errors import OptionError
from soundvcm.media.read.frame_clock import tidy_rate
from soundvcm.media.read.source import open_media

_WORDS = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


@dataclass(frozen=True)
class Timecode:
    """A timecode at its rate.

    Attributes:
        frames: pictures since 00:00:00:00, dropped numbers not counted.
        rate: pictures a second, exact (30000/1001 and its like).
        drop: whether numbers are dropped, as 29.97 and 59.94 do to keep up with the clock.
    """

    frames: int
    rate: Fraction
    drop: bool = False

    @classmethod
    def read(cls, words: str, rate: Fraction) -> Timecode:
        """From "10:00:00:00", or "10:00:00;00" with dropped numbers.

        Raises:
            OptionError: if it is none, or no timecode of this rate.
        """
        found = _WORDS.fullmatch(words.strip())
        if found is None:
            raise OptionError(
                f"{words!r} is no timecode, such as 10:00:00:00 or, dropping numbers, 10:00:00;00"
            )
        if rate <= 0:
            raise OptionError(f"a timecode counts above 0 pictures a second, not {rate}")
        hours, minutes, seconds, frame = (int(found[k]) for k in (1, 2, 3, 5))
        base, drop = round(rate), found[4] != ":"
        if hours > 23 or minutes > 59 or seconds > 59 or frame >= base:
            raise OptionError(f"{words} is no timecode at {float(rate):g} pictures a second")
        skip = _dropped(rate) if drop else 0
        if skip and seconds == 0 and minutes % 10 and frame < skip:
            raise OptionError(f"{words} is one of the numbers that are dropped: it never stands in a picture")
        total = 60 * hours + minutes
        count = (60 * total + seconds) * base + frame - skip * (total - total // 10)
        return cls(count, rate, drop)

    @property
    def seconds(self) -> Fraction:
        """Since midnight."""
        return self.frames / self.rate

    def later(self, seconds: Fraction) -> Timecode:
        """The timecode of the picture shown so many seconds later, within the day."""
        day = Timecode.read(
            "23:59:59" + (";" if self.drop else ":") + f"{round(self.rate) - 1:02}", self.rate
        )
        return Timecode((self.frames + int(seconds * self.rate)) % (day.frames + 1), self.rate, self.drop)

    def __str__(self) -> str:
        base, count = round(self.rate), self.frames
        if self.drop:
            skip = _dropped(self.rate)
            minute, ten = 60 * base - skip, 600 * base - 9 * skip
            tens, rest = divmod(count, ten)
            count += 9 * skip * tens + (skip * ((rest - skip) // minute) if rest > skip else 0)
        seconds, frame = divmod(count, base)
        mark = ";" if self.drop else ":"
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{frame:02}"


def _dropped(rate: Fraction) -> int:
    """Numbers dropped each minute but every tenth.

    Raises:
        OptionError: for rates that drop none.
    """
    if rate not in (Fraction(30000, 1001), Fraction(60000, 1001)):
        raise OptionError(
            f"only 29.97 and 59.94 drop numbers, not {float(rate):g}: write the timecode with :"
        )
    return 2 if round(rate) == 30 else 4


def clip_timecode(video: Path) -> Timecode | None:
    """The timecode a clip begins at, as its camera or editing program wrote it; None if it has none.

    Raises:
        MediaError: if it cannot be read.
    """
    rate = picture_rate(video)
    with open_media(video) as container:
        for place in (*container.streams.video, *container.streams, container):
            words = place.metadata.get("timecode")
            if words and rate:
                return Timecode.read(words, rate)
    return None


def picture_rate(video: Path) -> Fraction | None:
    """Pictures a second that a clip names; None of one that names none.

    Raises:
        MediaError: if it cannot be read.
    """
    with open_media(video) as container:
        pictures = container.streams.video
        return tidy_rate(pictures[0].average_rate or pictures[0].guessed_rate) if pictures else None
