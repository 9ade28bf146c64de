"""`soundvcm probe FILE`: what the pipeline would see of a file. Knows media and the table of presets only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import tyro

from soundvcm.cli.terminal import emit_json, note, say


def probe(
    file: tyro.conf.Positional[Path],
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    timestamps: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    model: str = "tiny",
    duration: str | None = None,
    start: str = "0",
) -> int:
    """Show what the pipeline reads from a file: exact length, pictures, rates, and the resulting lengths.

    Args:
        file: a video, an image or a GIF; "-" reads standard input.
        json: print one JSON object for machines.
        timestamps: also print which source picture each sampled picture comes from.
        model: the system whose rates count (see: soundvcm models).
        duration: seconds to read; the whole file if left out.
        start: first second to read.
    """
    from soundvcm.media import probe as look
    from soundvcm.systems.loading import timeline_of

    source: Any = sys.stdin.buffer if str(file) == "-" else file
    found = look(source, timeline_of(model), start=start, seconds=duration, timestamps=timestamps)
    if json:
        emit_json(found)
        return 0
    warnings, times = found.pop("warnings"), found.pop("timestamps", None)
    for name, value in found.items():
        if not name.endswith("_float"):
            exact = (
                f"  ({found[name + '_float']:g})" if found.get(f"{name}_float") and "/" in str(value) else ""
            )
            say(f"{name:<18} {'-' if value is None else value}{exact}")
    for role, rows in (times or {}).items():
        say(f"\n{role} pictures: number of the source picture @ its time in seconds")
        say("  ".join(f"{'?' if row['frame'] is None else row['frame']}@{row['seconds']:g}" for row in rows))
    for warning in warnings:
        note(warning)
    return 0
