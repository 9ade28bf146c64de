"""May this run go on with these settings? What can change between two starts, and what would change numbers.

Knows saved facts as plain JSON values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soundvcm.errors import OptionError

#: settings that may differ when a run goes on: they change when and what is written, where it ends, or how
#: many processes do it (numbers stay the same if processes x accumulate does), or what is done about rows
#: that run away, which one wants to change just then
FREE = {
    "accumulate",
    "processes",
    "steps",
    "max_minutes",
    "snapshot_steps",
    "keep_snapshots",
    "checkpoint_steps",
    "checkpoint_minutes",
    "keep",
    "log_steps",
    "norm_steps",
    "validation_steps",
    "validation_batches",
    "samples",
    "sample_steps",
    "workers",
    "recompute",
    "tensorboard",
    "bad_steps",
    "runaway",
    "runaway_factor",
    "runaway_rows",
}


#: settings that came later: what runs did that do not name them
ADDED: dict[str, Any] = {
    "adapter_rank": 0,
    "loop.targets": "live",
    "loop.tf32": True,
    "loop.optimizer.kind": "adamw",
    "loop.schedule.restart": 0.0,
    "objective.lambda_law": "scheduled",
    "objective.mix_law": "constant",
    "objective.bound": None,
    "objective.semantic_dropout": 0.0,
    "objective.semantic_swap": 0.0,
    "data.semantic_noise": 0.0,
}


def same_run(last: Path, record: Mapping[str, Any]) -> None:
    """Refuse to go on with other settings than those the run was made with.

    Raises:
        OptionError: naming the first difference.
    """
    saved = read_facts(last)
    before, now = ADDED | _flat(saved["config"]), ADDED | _flat(record["config"])
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name) and name.removeprefix("loop.") not in FREE:
            raise OptionError(
                f"{last.parent.parent} was trained with {name} = {before.get(name)}, now it is"
                f" {now.get(name)}: use the"
                " same settings, or another folder (with a warm start from these weights)"
            )
    for name in ("fingerprint", "clips", "shares"):
        if saved["data"].get(name) != record["data"].get(name):
            raise OptionError(
                f"{last.parent.parent} was trained on other data ({name}: {saved['data'].get(name)}, now"
                f" {record['data'].get(name)}): give the same stores, or use another folder"
            )


def read_facts(checkpoint: Path) -> dict[str, Any]:
    """The JSON facts of a checkpoint, without its tensors."""
    facts: dict[str, Any] = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    return facts


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
