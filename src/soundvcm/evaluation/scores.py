"""A score with everything that is needed to read it: unit, counts, dimension, interval, remarks.

Computed from features of two sides, which may come from anywhere (ours, or caches of av-benchmark). Knows
definitions and resampling; no sounds, no files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from soundvcm.errors import InputError
from soundvcm.evaluation.definitions import Compare, Definition, Each, Features, Found
from soundvcm.evaluation.metrics import mean_interval, set_interval

Side = Mapping[str, Features]
ROWS_OF_INTERVALS = 200_000  # rows handled by all resamples of a distance together: seconds, not minutes
FEWEST_RESAMPLES = 20


@dataclass(frozen=True)
class Score:
    """A number with all that is needed to read it.

    Attributes:
        name, unit, better: see `Definition`.
        value: None if it could not be computed; `notes` says why.
        items: (truth, made) items used; for scores of pairs both are the number of pairs.
        rows: feature rows of (truth, made), where these are compared.
        dimension: of the features; None where there are none.
        interval: 95 % bootstrap interval.
        resamples: draws behind the interval.
        spread: standard deviation over splits or subsets.
        notes: what must be said beside it.
        per_item: value of each pair.
    """

    name: str
    unit: str
    better: str
    value: float | None
    items: tuple[int, int] = (0, 0)
    rows: tuple[int, int] | None = None
    dimension: int | None = None
    interval: tuple[float, float] | None = None
    resamples: int = 0
    spread: float | None = None
    notes: tuple[str, ...] = ()
    per_item: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The value as printed; cosines also times 100, as papers print them (case 43)."""
        if self.value is None:
            return "not computed"
        if self.unit == "cosine":
            return f"{self.value:.4f} (x 100: {100 * self.value:.2f})"
        return f"{self.value:.4f}" if abs(self.value) < 10 else f"{self.value:.2f}"


def compute(definition: Definition, truth: Side, made: Side, *, resamples: int = 0, seed: int = 0) -> Score:
    """One score of features of both sides, in the order of `made` (the splits of IS follow it).

    Args:
        definition: of the score.
        truth: features of each id; not needed by IS and DeSync beyond the ids.
        made: features of each id, ids in the order in which they were extracted (sorted stems).
        resamples: draws of the 95 % interval; 0 for none. Distances of large sets use fewer.
        seed: of these draws.

    Raises:
        InputError: if the items do not allow the score, in one line.
    """
    common = [name for name in made if name in truth]
    if definition.each is not None:
        if not common:
            raise InputError(f"{definition.name}: no prediction has the name of a true sound")
        return _of_pairs(definition, definition.each, truth, made, common, resamples, seed)
    ids = (list(truth), list(made)) if definition.uses_all else (common, common)
    return _of_sets(definition, truth, made, ids, resamples, seed)


def _of_pairs(
    definition: Definition, each: Each, truth: Side, made: Side, common: list[str], resamples: int, seed: int
) -> Score:
    values = {}
    for name in common:
        try:
            values[name] = each(truth[name], made[name])
        except InputError as error:
            raise InputError(f"{definition.name}, {name}: {error}") from None
    kept = {name: value for name, value in values.items() if isfinite(value)}
    if not kept:
        raise InputError(f"{definition.name}: none of the {len(values)} pairs has one (silence, no onsets)")
    notes = (f"{len(values) - len(kept)} pairs have none",) if len(kept) < len(values) else ()
    interval = mean_interval(list(kept.values()), resamples, seed)
    first = made[common[0]]
    key = next((key for key in ("logits", "cross", "first14", "sound") if key in first), None)
    return Score(
        definition.name,
        definition.unit,
        definition.better,
        float(np.mean(list(kept.values()))),
        (len(kept), len(kept)),
        dimension=first[key].shape[-1] if key else None,
        interval=interval,
        resamples=resamples if interval else 0,
        notes=notes,
        per_item=kept,
    )


def _of_sets(
    definition: Definition,
    truth: Side,
    made: Side,
    ids: tuple[list[str], list[str]],
    resamples: int,
    seed: int,
) -> Score:
    compare = definition.compare
    assert compare is not None
    try:
        found = compare([truth[k] for k in ids[0]], [made[k] for k in ids[1]])
    except InputError as error:
        raise InputError(f"{definition.name}: {error}") from None
    draws = 0
    if resamples and definition.resampled:
        draws = min(resamples, max(FEWEST_RESAMPLES, ROWS_OF_INTERVALS // max(1, *found.rows)))
    interval = _interval(compare, truth, made, ids, found, draws, seed)
    return Score(
        definition.name,
        definition.unit,
        definition.better,
        found.value,
        (len(ids[0]) if found.rows[0] else 0, len(ids[1])),
        found.rows,
        found.dimension,
        interval,
        draws if interval else 0,
        found.spread,
        found.notes,
    )


def _interval(
    compare: Compare,
    truth: Side,
    made: Side,
    ids: tuple[list[str], list[str]],
    found: Found,
    draws: int,
    seed: int,
) -> tuple[float, float] | None:
    """Items drawn again; a score of the predictions alone (no rows of the truth) draws these alone."""
    common = [name for name in ids[1] if name in truth]
    sides = [common + [name for name in side if name not in set(common)] for side in ids]
    if not found.rows[0]:
        return set_interval(
            lambda _, b: compare([], [made[sides[1][k]] for k in b]).value,
            len(sides[1]), (0, 0), found.value, draws, seed,
        )  # fmt: skip
    return set_interval(
        lambda a, b: compare([truth[sides[0][k]] for k in a], [made[sides[1][k]] for k in b]).value,
        len(common),
        (len(sides[0]) - len(common), len(sides[1]) - len(common)),
        found.value,
        draws,
        seed,
    )
