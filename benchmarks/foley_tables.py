"""What `foley_lab` found, as lines, a markdown table and a plot.

Knows the report's values and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLUMNS = {
    "passes": "passes", "fd": "FD", "js": "JS", "is": "IS", "f1": "onset F1", "offset_ms": "offset ms",
    "kind": "kind", "ms": "ms a clip",
}  # fmt: skip


def line_of(row: dict[str, Any]) -> str:
    """One row as text."""
    numbers = " ".join(f"{title} {_number(row.get(name))}" for name, title in COLUMNS.items())
    return f"{row['method']}, {row.get('steps', '-')} steps: {numbers}"


def markdown(report: dict[str, Any]) -> str:
    """The table for docs/results.md, with what is needed to read and repeat it."""
    machine = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    seeds = ", ".join(
        f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in report["seeds"].items()
    )
    several = " (medians, with least and greatest)" if len(report["seeds"].get("training", [])) > 1 else ""
    head = ["method", "steps", *COLUMNS.values()]
    lines = [
        f"{report['date']}, {machine}; {report['scenes']} test scenes of {report['seconds']:g} s (drawn, not"
        f" real video), told motion and {report['told']}; {report['minutes']:g} CPU minutes of training"
        f" each; seeds: {seeds}{several}; averages sigma_rel {report['sigma_rel']:g}.",
        "", f"    {report['command']}", "",
        f"| {' | '.join(head)} |", f"|{'---|' * len(head)}",
    ]  # fmt: skip
    for name, row in report["bounds"].items():
        lines.append(
            f"| {name} | - | - | " + " | ".join(_number(row.get(k)) for k in list(COLUMNS)[1:]) + " |"
        )
    for row in report["rows"]:
        ranges = row.get("ranges", {}) if len(report["seeds"].get("training", [])) > 1 else {}
        cells = " | ".join(_number(row.get(name)) + _range(ranges.get(name)) for name in COLUMNS)
        lines.append(f"| {row['method']} | {row['steps']} | {cells} |")
    lines += ["", "Training within that time:"]
    for name, stages in report["training"].items():
        parts = "; ".join(_stage(stage, value) for stage, value in stages.items())
        lines.append(f"- {name}: {parts}")
    return "\n".join(lines) + "\n"


def _stage(name: str, value: dict[str, Any]) -> str:
    if "clips" in value:
        return f"{name} {value['clips']} of {value['steps']} x 2 passes in {value['seconds']:.0f} s"
    return f"{name} {value['steps']} steps, {value['rows']} rows in {value['seconds']:.0f} s"


def plot(report: dict[str, Any], path: Path) -> None:
    """FD, onset F1 and kind over network passes, a line for each method."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4))
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in report["rows"]:
        groups.setdefault(row["method"], []).append(row)
    for axis, (name, title) in zip(axes, (("fd", "FD"), ("f1", "onset F1"), ("kind", "kind")), strict=True):
        for method, rows in groups.items():
            axis.plot([r["passes"] for r in rows], [r.get(name) for r in rows], "o-", label=method)
        axis.axhline(report["bounds"]["through the codec"].get(name, 0), color="grey", linestyle=":")
        axis.set(xscale="log", xlabel="network passes a clip", title=title)
        if name == "fd":
            axis.set(yscale="log")
    if len(groups) <= 8:
        axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _range(values: tuple[float, float] | None) -> str:
    return "" if values is None else f" ({_number(values[0])}-{_number(values[1])})"


def _number(value: float | int | None) -> str:
    if value is None or value != value:
        return "-"
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
