"""`soundvcm probe FILE`: what the pipeline would see of a file. Knows media and the table of presets only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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

    Then, for each kind of output file: whether its pictures and sound tracks would be copied or encoded, and
    what would be left out.

    Args:
        file: a video, an image or a GIF; "-" reads standard input.
        json: print one JSON object for machines.
        timestamps: also print which source picture each sampled picture comes from.
        model: the system whose rates count (see: soundvcm models).
        duration: seconds to read; the whole file if left out.
        start: first second to read.
    """
    from soundvcm.media import as_file, outlook
    from soundvcm.media import probe as look
    from soundvcm.systems.loading import timeline_of

    with as_file(file) as source:
        found = look(source, timeline_of(model), start=start, seconds=duration, timestamps=timestamps)
        outputs = outlook(source)
    if json:
        found["outputs"] = outputs
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
    say("\nwritten into:")
    for row in outputs:
        kept = f"; existing sound, if kept: {', '.join(row['sound'])}" if row["sound"] else ""
        say(f"{row['container']:<6} pictures {row['pictures']}{kept}")
        for line in row["left_out"]:
            say(f"       {line}")
    for warning in warnings:
        note(warning)
    return 0
