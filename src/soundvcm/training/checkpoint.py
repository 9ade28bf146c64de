"""Training checkpoints: everything needed to go on to the bit, in safetensors and JSON, whole or not there.

    RUN/checkpoints/step-00001000/{weights,optimizer,ema,random}.safetensors + state.json

Written under a temporary name, flushed, then renamed; the one before is kept until the new one is in place
(case 37). `same_run` says whether a run may go on with changed settings: what can change between two starts,
and what would change numbers. Knows tensors by name and plain JSON values, no network, no optimizer class; a
training checkpoint is about 5 x an exported one.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from soundvcm.errors import NonFiniteError, OptionError, WeightsError
from soundvcm.ground.files import flush
from soundvcm.runtime import available_devices
from soundvcm.training.distributed import part_of

PARTS = ("weights", "optimizer", "ema", "random")
FORMAT = "soundvcm-training-1"
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


#: settings that came later, or are constants now: what runs do that do not name them
ADDED: dict[str, Any] = {
    "adapter_rank": 0,
    "loop.targets": "live",
    "loop.tf32": True,
    "loop.snapshot_dtype": "float32",
    "loop.optimizer.kind": "adamw",
    "loop.schedule.milestones": [0.8, 0.9],
    "loop.schedule.factor": 0.1,
    "loop.schedule.restart": 0.0,
    "objective.lambda_law": "scheduled",
    "objective.mix_law": "constant",
    "objective.guidance_fade": "hard",
    "objective.bound": None,
    "objective.semantic_dropout": 0.0,
    "objective.semantic_swap": 0.0,
    "data.semantic_noise": 0.0,
}


@dataclass
class Saved:
    """What a checkpoint holds: four groups of tensors by name, and facts as JSON values."""

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    ema: dict[str, Tensor]
    random: dict[str, Tensor]
    facts: dict[str, Any] = field(default_factory=dict)


def _checkpoint_folder(run_dir: Path) -> Path:
    """Where the checkpoints of a run are."""
    return Path(run_dir) / "checkpoints"


def list_checkpoints(run_dir: Path) -> list[Path]:
    """Complete checkpoints, oldest first; half-written ones (temporary names) are not among them."""
    return sorted(path.parent for path in _checkpoint_folder(run_dir).glob("step-*/state.json"))


def latest_checkpoint(run_dir: Path) -> Path | None:
    """The newest checkpoint whose files have the sizes it promises, or None."""
    for path in reversed(list_checkpoints(run_dir)):
        if _is_whole(path):
            return path
    return None


def write_checkpoint(run_dir: Path, step: int, saved: Saved, *, keep: int = 2) -> Path:
    """Write the state after `step` steps; the newest `keep` checkpoints stay.

    Raises:
        NonFiniteError: if a weight, moment or average is not finite: such a state is never written (case 38).
    """
    for group in ("weights", "optimizer", "ema"):
        bad = first_non_finite(getattr(saved, group))
        if bad:
            raise NonFiniteError(f"step {step}: {group} {bad!r} is not finite; no checkpoint written")
    folder = _checkpoint_folder(run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".step-*"):  # what a killed process was writing
        shutil.rmtree(left, ignore_errors=True)
    beside = folder / f".step-{step:08d}.{os.getpid()}"
    beside.mkdir()
    sizes = {}
    for part in PARTS:
        path = beside / f"{part}.safetensors"
        tensors = {name: value.detach().cpu().contiguous() for name, value in getattr(saved, part).items()}
        save_file(tensors, path, {"format": FORMAT})
        flush(path)
        sizes[part] = path.stat().st_size
    state = {"format": FORMAT, "step": step, "sizes": sizes} | saved.facts
    (beside / "state.json").write_text(json.dumps(state, indent=1, ensure_ascii=False), encoding="utf-8")
    flush(beside / "state.json")
    final = folder / f"step-{step:08d}"
    if final.exists():
        shutil.rmtree(final)
    os.rename(beside, final)
    flush(folder)
    for old in list_checkpoints(run_dir)[:-keep]:
        shutil.rmtree(old)
    return final


def read_checkpoint(path: Path) -> Saved:
    """Read a checkpoint, on the CPU.

    Raises:
        WeightsError: if it is missing, damaged or of another format.
    """
    try:
        facts = json.loads((path / "state.json").read_text(encoding="utf-8"))
        parts = {part: load_file(path / f"{part}.safetensors") for part in PARTS}
    except Exception as error:
        raise WeightsError(f"{path} is not a readable checkpoint ({error})") from None
    if facts.get("format") != FORMAT:
        raise WeightsError(f"{path} has the format {facts.get('format')!r}, this program reads {FORMAT!r}")
    return Saved(**parts, facts=facts)


def first_non_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Name of the first floating tensor that holds NaN or infinity, or None."""
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            return name
    return None


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: list[str]) -> dict[str, Tensor]:
    """State of the optimizer as "parameter/moment"; `names` in the order of its parameters."""
    state = optimizer.state_dict()["state"]
    return {f"{names[k]}/{what}": value for k, part in state.items() for what, value in part.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, names: list[str], tensors: Mapping[str, Tensor]) -> None:
    """Give the optimizer its saved state back, shared out as its parameters are.

    Raises:
        WeightsError: if the state is of other parameters.
    """
    numbers, parameters = {name: k for k, name in enumerate(names)}, optimizer.param_groups[0]["params"]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name, _, what = key.rpartition("/")
        if name not in numbers:
            raise WeightsError(
                f"the checkpoint holds optimizer state of {name!r}, which this network does not have"
            )
        number = numbers[name]
        state.setdefault(number, {})[what] = part_of(value, parameters[number])
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def random_state() -> dict[str, Tensor]:
    """States of the global generators of torch (CPU and every GPU), numpy and Python, as byte tensors."""
    kind, keys, position, has_gauss, cached = np.random.get_state()
    numpy_state = {
        "kind": str(kind),
        "keys": np.asarray(keys).tolist(),
        "rest": [position, has_gauss, cached],
    }
    found = {
        "torch": torch.get_rng_state(),
        "numpy": _bytes(numpy_state),
        "python": _bytes(random.getstate()),
    }
    if "cuda" in available_devices():
        found |= {f"cuda{k}": state for k, state in enumerate(torch.cuda.get_rng_state_all())}
    return found


def seed_random_state(seed: int) -> None:
    """Begin the global generators of torch, numpy and Python anew, so that equal runs save equal states."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def set_random_state(saved: Mapping[str, Tensor]) -> None:
    """Put the global generators back to a saved state; GPUs that are not here are passed over."""
    torch.set_rng_state(saved["torch"])
    state = _value(saved["numpy"])
    np.random.set_state((state["kind"], np.asarray(state["keys"], np.uint32), *state["rest"]))
    version, words, gauss = _value(saved["python"])
    random.setstate((version, tuple(words), gauss))
    if "cuda" in available_devices():
        for k in range(torch.cuda.device_count()):
            if f"cuda{k}" in saved:
                torch.cuda.set_rng_state(saved[f"cuda{k}"], k)


def _bytes(value: Any) -> Tensor:
    return torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8)


def _value(tensor: Tensor) -> Any:
    return json.loads(bytes(tensor.tolist()).decode())


def _is_whole(path: Path) -> bool:
    try:
        sizes = json.loads((path / "state.json").read_text(encoding="utf-8"))["sizes"]
        return all((path / f"{part}.safetensors").stat().st_size == sizes[part] for part in PARTS)
    except (OSError, ValueError, KeyError):
        return False


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
