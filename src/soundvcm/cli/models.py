"""`soundvcm models`: the systems that can be loaded, one line each. Knows the table of presets only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import tyro

from soundvcm.cli.terminal import emit_json, say
from soundvcm.presets import PRESETS


def models(json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False) -> int:
    """List the systems that `generate --model` knows.

    Args:
        json: print one JSON object for machines.
    """
    if json:
        emit_json({"models": [asdict(preset) for preset in PRESETS.values()]})
        return 0
    for preset in PRESETS.values():
        say(
            f"{preset.name:<20} {preset.sample_rate / 1000:g} kHz, {preset.steps} step(s), guidance"
            f" {preset.guidance}, weights {preset.licence}: {preset.summary}"
        )
    return 0
