"""Segments: parts of a clip made by themselves, each with its own prompt, gain and seed, in one track.

    start,end,prompt,gain,mute,seed      (a table, or a list of the same in Python)

Times are seconds of the clip. Where two segments meet they are cross-faded over a few milliseconds, and
where one stands alone it fades at its ends, so that no join is a click; what no segment covers is silent.
Knows numbers and waves; nothing of pipelines.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from math import pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundvcm import media
from soundvcm.errors import InputError, OptionError
from soundvcm.timeline import exact_seconds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FADE_SECONDS = Fraction(1, 50)
SILENCE_SECONDS = 10  # written at once
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
    text = media.read_text(path)
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
    parts: Iterable[tuple[Piece, int, Iterable[NDArray[np.float32]]]],
    start: Fraction,
    end: Fraction,
    rate: int,
) -> Iterator[NDArray[np.float32]]:
    """One wave [1, samples] of a range, in blocks; little more than one given block is held at a time.

    Neighbours are independent draws, so their cross-fade keeps the power; ends that stand alone fade.

    Args:
        parts: for each piece, in order: how many samples were made of it, and these in blocks [1, s].
        start: of the range, second of the clip.
        end: of the range.
        rate: samples a second.
    """
    import numpy as np

    held, place = np.zeros((1, 0), np.float32), 0  # what the next piece may be faded into; where it lies
    total, longest_fade = round((end - start) * rate), round(FADE_SECONDS * rate)
    for piece, samples, waves in parts:
        first = round((piece.start - start) * rate)
        ready, held = held[:, : first - place], held[:, first - place :]
        yield from _with_silence(ready, first - place, rate)
        place = first
        made = np.zeros((1, 0), np.float32)
        for wave in _faded(piece, waves, min(samples, total - first), longest_fade):
            common = min(held.shape[1], wave.shape[1])
            wave[:, :common] += held[:, :common]
            made, held = np.concatenate([made, wave], axis=1), held[:, common:]
            if (over := made.shape[1] - longest_fade - 1) > 0 and not held.shape[1]:
                yield made[:, :over]
                made, place = made[:, over:], place + over
        held = np.concatenate([made, held], axis=1)
    yield from _with_silence(held, total - place, rate)


def _faded(
    piece: Piece, waves: Iterable[NDArray[np.float32]], count: int, longest: int
) -> Iterator[NDArray[np.float32]]:
    """The first `count` samples of a piece at its gain, its ends faded."""
    import numpy as np

    fade, place = min(longest, count // 2), 0
    rise = np.sin((np.arange(fade, dtype=np.float32) + 0.5) / max(1, fade) * np.float32(pi / 2))
    for wave in waves:
        shaped = wave[:1, : count - place] * np.float32(10 ** (piece.segment.gain / 20))
        many = shaped.shape[1]
        if (into := rise[place : place + many]).size:
            shaped[:, : into.size] *= into
        if (late := place + many - (count - fade)) > 0:
            begin = max(0, many - late)
            done = place + begin - (count - fade)
            shaped[:, begin:] *= rise[::-1][done : done + many - begin]
        yield shaped
        place += many


def _with_silence(wave: NDArray[np.float32], count: int, rate: int) -> Iterator[NDArray[np.float32]]:
    """A wave [1, s] and what is missing to `count` samples, ten seconds at a time."""
    import numpy as np

    if wave.shape[1]:
        yield wave
    missing = count - wave.shape[1]
    while missing > 0:
        block = min(missing, SILENCE_SECONDS * rate)
        yield np.zeros((1, block), np.float32)
        missing -= block
