"""What `known_flow.py` found: kept in a file, as a table and as a picture. Knows numbers only."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

STEP_COUNTS = (1, 2, 4, 25)


@dataclass
class Result:
    """One training: end-point errors by step count, CPU seconds, passes F per row, steps done."""

    errors: dict[int, float]
    seconds: float
    passes: float
    steps: int


class Memory:
    """Results by budget, method and seed; kept in a JSON file if there is one, after each of them."""

    def __init__(self, path: Path | None, budgets: Mapping[str, Any]) -> None:
        self.path, self.told = path, {kind: asdict(budget) for kind, budget in budgets.items()}
        self.found: dict[str, dict[str, dict[str, Any]]] = {}
        if path is not None and path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            for kind, budget in self.told.items():
                if kept["budgets"].get(kind, budget) != budget:
                    raise SystemExit(f"{path} was made with {kind} {kept['budgets'][kind]}: use another file")
            self.told, self.found = kept["budgets"] | self.told, kept["results"]

    def has(self, kind: str, name: str, seed: int) -> bool:
        """Whether this has been done."""
        return str(seed) in self.found.get(kind, {}).get(name, {})

    def add(self, kind: str, name: str, seed: int, result: Result) -> None:
        """Keep one result."""
        self.found.setdefault(kind, {}).setdefault(name, {})[str(seed)] = asdict(result)
        if self.path is not None:
            text = json.dumps({"budgets": self.told, "results": self.found}, indent=1)
            self.path.write_text(text, encoding="utf-8")

    def runs(self, kind: str, name: str, seeds: int) -> list[Result]:
        """The results of the first seeds."""
        rows = [self.found[kind][name][str(seed)] for seed in range(seeds)]
        return [Result(**{**row, "errors": {int(k): v for k, v in row["errors"].items()}}) for row in rows]


def spread(values: list[float]) -> str:
    """Median (least-greatest)."""
    return f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def table(results: dict[str, list[Result]]) -> str:
    """Markdown, one row a method."""
    lines = [
        "| objective | 1 step | 2 steps | 4 steps | 25 steps | CPU s | F per row | steps |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in results.items():
        cells = [spread([run.errors[count] for run in runs]) for count in STEP_COUNTS]
        seconds = statistics.median(run.seconds for run in runs)
        passes = statistics.median(run.passes for run in runs)
        steps = statistics.median(run.steps for run in runs)
        lines.append(f"| {name} | {' | '.join(cells)} | {seconds:.1f} | {passes:.2f} | {steps:.0f} |")
    return "\n".join(lines)


def plot(results: dict[str, dict[str, list[Result]]], path: Path) -> None:
    """Median and range of the end-point error of each method and step count, a panel for each budget."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(next(iter(results.values())))[::-1]
    size = (3.4 + 3.8 * len(results), 0.42 * len(names) + 1.6)
    figure, axes = pyplot.subplots(1, len(results), figsize=size, sharey=True, squeeze=False)
    for axis, (kind, found) in zip(axes[0], results.items(), strict=True):
        for place, (count, marker) in enumerate(zip(STEP_COUNTS, "o^sx", strict=True)):
            errors = [[run.errors[count] for run in found[name]] for name in names]
            heights = [k + 0.27 - 0.18 * place for k in range(len(names))]
            medians = [statistics.median(each) for each in errors]
            label = f"{count} step{'s' * (count > 1)}"
            (line,) = axis.plot(medians, heights, marker, markersize=5, label=label)
            ends = [min(each) for each in errors], [max(each) for each in errors]
            axis.hlines(heights, *ends, colors=line.get_color(), linewidth=1)
        axis.set_title(kind, fontsize=10)
        axis.set_xlim(left=0)
        axis.grid(alpha=0.3)
    axes[0][0].set_yticks(range(len(names)), names)
    axes[0][-1].legend(fontsize=8)
    figure.supxlabel(
        "mean distance of the end point from the true one: median and range of the seeds", fontsize=9
    )
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
