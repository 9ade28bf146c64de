"""Counters of the studio in Prometheus' text format (version 0.0.4).

Knows names and numbers only. Safe to use from several threads.
"""

from __future__ import annotations

import threading

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: name => what it counts
COUNTERS = {
    "jobs": "Jobs that ended, by state.",
    "refused_jobs": "Jobs refused because too many waited.",
    "network_calls": "Passes through the network, counted for every take.",
    "batched_takes": "Takes made in one batch with others.",
    "sound_seconds": "Seconds of sound made.",
    "phase_seconds": "Seconds spent, by phase.",
    "uploads": "Clips taken in.",
    "upload_bytes": "Bytes of clips taken in.",
}
GAUGES = {
    "jobs_waiting": "Jobs that wait.",
    "jobs_running": "Jobs that run.",
    "clips": "Clips held.",
    "stored_bytes": "Bytes of clips and results on the disk.",
}
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metrics:
    """Counts; every counter begins at 0."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._durations: list[int] = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()

    def count(self, name: str, by: float = 1.0, **labels: str) -> None:
        """Add to a counter of `COUNTERS`."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            self._values[key] = self._values.get(key, 0.0) + by

    def observe(self, seconds: float) -> None:
        """A job ran for so long."""
        slot = next((k for k, most in enumerate(BUCKETS) if seconds <= most), len(BUCKETS))
        with self._lock:
            self._durations[slot] += 1
            self._sum += seconds

    def text(self, gauges: dict[str, float]) -> str:
        """Everything, for a scraper; `gauges` are the numbers of this moment, by the names of `GAUGES`."""
        with self._lock:
            values, durations, total = dict(self._values), list(self._durations), self._sum
        lines: list[str] = []
        for name, words in COUNTERS.items():
            full = f"soundvcm_{name}_total"
            lines += [f"# HELP {full} {words}", f"# TYPE {full} counter"]
            rows = {labels: value for (key, labels), value in values.items() if key == name} or {(): 0.0}
            lines += [f"{full}{_labels(labels)} {value:.10g}" for labels, value in sorted(rows.items())]
        for name, words in GAUGES.items():
            full = f"soundvcm_{name}"
            lines += [f"# HELP {full} {words}", f"# TYPE {full} gauge", f"{full} {gauges[name]:.10g}"]
        full = "soundvcm_job_seconds"
        lines += [f"# HELP {full} How long jobs ran.", f"# TYPE {full} histogram"]
        below = 0
        for most, count in zip((*BUCKETS, float("inf")), durations, strict=True):
            below += count
            edge = "+Inf" if most == float("inf") else f"{most:g}"
            lines.append(f'{full}_bucket{{le="{edge}"}} {below}')
        lines += [f"{full}_sum {total:.10g}", f"{full}_count {below}"]
        return "\n".join(lines) + "\n"


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""
