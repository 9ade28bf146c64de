"""`soundvcm models`: the systems that can be loaded, what they need and allow. Knows the table only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import tyro

from soundvcm.cli.terminal import emit_json, say
from soundvcm.errors import SoundVCMError
from soundvcm.systems.catalog import PRESETS, require


def models(json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False) -> int:
    """List the systems that `generate --model` knows.

    Args:
        json: print one JSON object for machines.
    """
    lacking = {name: missing(name) for name in PRESETS}
    if json:
        rows = [asdict(row) | {"ready": lacking[name] is None} for name, row in PRESETS.items()]
        emit_json({"models": rows})
        return 0
    for name, row in PRESETS.items():
        calls = f"{row.steps} step{'s' if row.steps > 1 else ''}"
        say(f"{name:<22}{row.summary}")
        say(f"{'':<22}{row.sample_rate / 1000:g} kHz, {calls}, guidance {row.guidance}")
        say(f"{'':<22}weights {row.licence}: {row.may}")
        if lacking[name] is not None:
            say(f"{'':<22}not here: {HINTS[row.stack].format(name=name)}")
    say("\nA network file works as well: soundvcm generate --model FILE.safetensors")
    return 0


#: what to do about a system that cannot be loaded, by its stack
HINTS = {
    "embedded": "reinstall soundvcm",
    "reference": "soundvcm weights fetch --system {name}",
    "trained": "soundvcm adopt mmaudio_{name}, then soundvcm train finetune (see docs/models.md)",
}


def missing(name: str) -> str | None:
    """Why a system cannot be loaded, None if it can; looks, reads nothing."""
    try:
        require(name)
    except SoundVCMError as error:
        return str(error)
    return None
