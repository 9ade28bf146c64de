"""Segments: parts of a clip made by themselves, each with its own prompt, gain and seed, in one track.

    start,end,prompt,gain,mute,seed      (a table, or a list of the same in Python)

Times are seconds of the clip. Where two segments meet they are cross-faded over a few milliseconds, and
where one stands alone it fades at its ends, so that no join is a click; what no segment covers is silent.
Knows numbers and waves; nothing of pipelines.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from math import pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundvcm.errors import InputError, OptionError
from soundvcm.timeline import exact_seconds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FADE_SECONDS = Fraction(1, 50)
MOST = 1000
YES, NO = ("1", "true", "yes", "x"), ("", "0", "false", "no")


@dataclass(frozen=True)
class Segment:
    """One part of a clip.

    Attributes:
        start: second of the clip where it begins.
        end: second where it ends.
        prompt: what should be heard; "" for the prompt of the whole.
        gain: dB.
        mute: leave it silent.
        seed: of its own; None for one that follows from the seed of the take.
    """

    start: str
    end: str
    prompt: str = ""
    gain: float = 0.0
    mute: bool = False
    seed: int | None = None

    @property
    def span(self) -> tuple[Fraction, Fraction]:
        """Start and end, exact."""
        return exact_seconds(self.start), exact_seconds(self.end)


def segments_of(given: Any) -> tuple[Segment, ...] | None:
    """Segments from a list of them, of mappings, or from a table (a path); None for none.

    Raises:
        OptionError: for times that make no sense or overlap; InputError for a table that cannot be read.
    """
    if given is None or (isinstance(given, Sequence) and not isinstance(given, str) and not given):
        return None
    rows = _rows(Path(given)) if isinstance(given, str | Path) else list(given)
    if len(rows) > MOST:
        raise OptionError(f"{len(rows)} segments are too many: up to {MOST} are taken")
    found = tuple(sorted((_segment(row, k) for k, row in enumerate(rows, start=1)), key=lambda one: one.span))
    before = Fraction(0)
    for one in found:
        start, end = one.span
        if start < before:
            raise OptionError(
                f"segments overlap: one that begins at {one.start} s begins before another ends"
            )
        if not end > start:
            raise OptionError(f"the segment from {one.start} to {one.end} s has no length")
        before = end
    return found


def _segment(row: Any, number: int) -> Segment:
    if isinstance(row, Segment):
        row = vars(row)
    if not isinstance(row, Mapping):
        raise OptionError(f"segment {number}: give start, end and prompt")
    known = {field.name for field in fields(Segment)}
    if unknown := sorted(set(map(str, row)) - known):
        raise OptionError(f"segment {number}: no field {unknown[0]!r}; there are {', '.join(sorted(known))}")
    values = {name: value for name, value in row.items() if value not in (None, "")}
    try:
        start, end = (str(values[name]) for name in ("start", "end"))
        exact_seconds(start), exact_seconds(end)
        seed = None if "seed" not in values else int(values["seed"])
        gain = float(values.get("gain", 0.0))
    except (KeyError, ValueError, ArithmeticError, TypeError):
        raise OptionError(f"segment {number}: start and end are seconds such as 2.5, gain is dB") from None
    if not -120 <= gain <= 120:
        raise OptionError(f"segment {number}: gain must be -120 .. 120 dB, not {gain:g}")
    mute = str(values.get("mute", "")).strip().lower()
    if mute not in (*YES, *NO):
        raise OptionError(f"segment {number}: mute is yes or no, not {mute!r}")
    return Segment(start, end, str(values.get("prompt", "")).strip(), gain, mute in YES, seed)


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the segments cannot be read ({error})") from None
    tabs = "\t" in text.split("\n", 1)[0]
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t" if tabs else ","))
    if not rows or not {"start", "end"} <= set(rows[0]):
        raise InputError(f"{path}: the first line of a table of segments is start,end,prompt; rows follow")
    if any(None in row for row in rows):
        raise InputError(f"{path}: a row has more cells than the first line; quote prompts that have a comma")
    return [{name.strip(): value for name, value in row.items()} for row in rows]


@dataclass(frozen=True)
class Piece:
    """A segment within the range that is written: where it lies, and how much longer it is made.

    Attributes:
        segment: what it is.
        start: second of the clip.
        seconds: to be made, with the part that is faded into the next one where that begins at its end.
    """

    segment: Segment
    start: Fraction
    seconds: Fraction


def pieces_of(segments: Sequence[Segment], start: Fraction, end: Fraction) -> list[Piece]:
    """The segments cut to a range of the clip.

    Raises:
        OptionError: if none lies in it.
    """
    inside = []
    for one in segments:
        first, last = one.span
        first, last = max(first, start), min(last, end)
        if last > first:
            inside.append((one, first, last))
    if not inside:
        raise OptionError(f"no segment lies between {float(start):g} and {float(end):g} s")
    found = []
    for k, (one, first, last) in enumerate(inside):
        joined = k + 1 < len(inside) and inside[k + 1][1] == last
        more = min(FADE_SECONDS, inside[k + 1][2] - last) if joined else Fraction(0)
        found.append(Piece(one, first, last - first + more))
    return found


def joined_pieces(
    pieces: Sequence[Piece], waves: Sequence[NDArray[np.float32]], start: Fraction, end: Fraction, rate: int
) -> NDArray[np.float32]:
    """One wave [1, samples] of a range, from a wave for each piece.

    Neighbours are independent draws, so their cross-fade keeps the power; ends that stand alone fade.
    """
    import numpy as np

    whole = np.zeros((1, round((end - start) * rate)), np.float32)
    for piece, wave in zip(pieces, waves, strict=True):
        at = round((piece.start - start) * rate)
        count = min(wave.shape[1], whole.shape[1] - at)
        shaped = wave[:, :count] * np.float32(10 ** (piece.segment.gain / 20))
        fade = min(round(FADE_SECONDS * rate), count // 2)
        rise = np.sin((np.arange(fade, dtype=np.float32) + 0.5) / max(1, fade) * np.float32(pi / 2))
        shaped[:, :fade] *= rise
        shaped[:, count - fade :] *= rise[::-1]
        whole[:, at : at + count] += shaped
    return whole
