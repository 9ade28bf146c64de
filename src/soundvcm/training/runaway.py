"""Rows that leave: the worst of each kind of row against what was usual for its kind before.

A few conditions can run away while every mean stays as it was: their targets come from the network itself. A
kind is (velocity or consistency, fifth of t). Knows numbers and names; what is done about it is the loop's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

BINS = 5
WINDOW = 200  # rows of a kind that make its level
LEAST = 40  # fewer say nothing
TOP = 0.05  # the level is the mean of this share, the greatest: single rows differ by a factor of 50 anyway
MEMORY = 50  # steps that a row which left is remembered


@dataclass(frozen=True)
class _LeftRow:
    """A row whose mean square is far above its kind's level.

    Attributes:
        step: of the training.
        clip: its id.
        condition: the clip's caption; "" if it has none.
        dropped: it was asked without any condition.
        kind: such as "consistency/t0.8".
        t: its time.
        s: where it was to arrive.
        mse: its unweighted mean square.
        level: what is usual for its kind.
    """

    step: int
    clip: str
    condition: str
    dropped: bool
    kind: str
    t: float
    s: float
    mse: float
    level: float

    def __str__(self) -> str:
        """One line."""
        told = f" ({self.condition}{', dropped' if self.dropped else ''})" if self.condition else ""
        return (
            f"clip {self.clip}{told}, {self.kind}: mean square {self.mse:.3g} at step {self.step}, usual at"
            f" most {self.level:.2g}"
        )


class RowMonitor:
    """Sees every row of every step; says which ones left.

    Args:
        factor: a row has left when its mean square is beyond this many times its kind's level.
    """

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.seen: dict[str, deque[float]] = {}
        self.left: deque[_LeftRow] = deque(maxlen=1000)
        self.worst: dict[str, float] = {}

    def look(
        self,
        step: int,
        rows: Mapping[str, Tensor],
        clips: Sequence[str],
        caption: Callable[[str], str] = lambda clip: "",
    ) -> list[int]:
        """Take in the rows of a batch; the places of those that left.

        Args:
            step: of the training.
            rows: `LossTerms.rows` of an objective.
            clips: ids of the rows.
            caption: the words of a clip.
        """
        names = ("mse", "t", "s", "consistency", "null")
        absent = [0.0] * len(clips)
        columns = [rows[name].detach().float().cpu().tolist() if name in rows else absent for name in names]
        levels: dict[str, float | None] = {}
        gone = []
        for place, (mse, t, s, consistency, null) in enumerate(zip(*columns, strict=True)):
            kind = kind_of(bool(consistency), t)
            if kind not in levels:
                levels[kind] = self.level(kind)
            level = levels[kind]
            self.worst[kind] = max(mse, self.worst.get(kind, 0.0))
            if level is not None and not mse <= self.factor * level:
                gone.append(place)
                words = caption(clips[place])
                self.left.append(_LeftRow(step, clips[place], words, bool(null), kind, t, s, mse, level))
                mse = level  # what leaves does not become usual
            self.seen.setdefault(kind, deque(maxlen=WINDOW)).append(mse)
        return gone

    def level(self, kind: str) -> float | None:
        """What the greatest rows of a kind are like; None until enough were seen."""
        values = self.seen.get(kind, ())
        if len(values) < LEAST:
            return None
        greatest = sorted(values)[-max(1, round(TOP * len(values))) :]
        return sum(greatest) / len(greatest)

    def lately(self, step: int) -> list[_LeftRow]:
        """The rows that left within the last steps."""
        return [row for row in self.left if row.step > step - MEMORY]

    def report(self) -> dict[str, float]:
        """The worst row of each kind since the last report, "worst/KIND"."""
        found = {f"worst/{kind}": value for kind, value in sorted(self.worst.items())}
        self.worst = {}
        return found

    def state(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        seen = {kind: list(values) for kind, values in self.seen.items()}
        return {"seen": seen, "left": [asdict(row) for row in self.left], "worst": dict(self.worst)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up a saved state."""
        self.seen = {kind: deque(values, maxlen=WINDOW) for kind, values in state["seen"].items()}
        self.left = deque((_LeftRow(**row) for row in state["left"]), maxlen=1000)
        self.worst = dict(state["worst"])


def kind_of(consistency: bool, t: float) -> str:
    """The kind of a row, such as "velocity/t0.4"."""
    number = min(int(t * BINS), BINS - 1)
    return f"{'consistency' if consistency else 'velocity'}/t{number / BINS:.1f}"


def without(rows: Mapping[str, Tensor], places: Sequence[int]) -> Tensor:
    """The loss of a batch whose rows at these places are left out; they count as rows without loss."""
    gone = set(places)
    keep = [place for place in range(len(rows["loss"])) if place not in gone]
    return rows["loss"][keep].sum() / len(rows["loss"])
