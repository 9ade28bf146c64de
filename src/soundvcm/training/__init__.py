"""Training: the loop and what it saves, averaged weights. The front door.

    train(config, stores, run_dir)  ·  synthesise(run_dir, sigma_rel)  ·  export(run_dir, path)

Names are found when first used. Knows nothing of evaluation: `cli` joins the two by a hook.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundvcm.training.checkpoint import latest_checkpoint
    from soundvcm.training.ema import synthesise
    from soundvcm.training.logbook import read_log
    from soundvcm.training.pairs import PairsConfig, record_pairs
    from soundvcm.training.release import export
    from soundvcm.training.settings import LoopConfig, TrainingConfig
    from soundvcm.training.setup import load_weights, train
    from soundvcm.training.view import Progress, Result, View

__all__ = [
    "LoopConfig",
    "PairsConfig",
    "Progress",
    "Result",
    "TrainingConfig",
    "View",
    "export",
    "latest_checkpoint",
    "load_weights",
    "read_log",
    "record_pairs",
    "synthesise",
    "train",
]

_HOMES = {
    "LoopConfig": "settings",
    "PairsConfig": "pairs",
    "Progress": "view",
    "Result": "view",
    "TrainingConfig": "settings",
    "View": "view",
    "export": "release",
    "latest_checkpoint": "checkpoint",
    "load_weights": "setup",
    "read_log": "logbook",
    "record_pairs": "pairs",
    "synthesise": "ema",
    "train": "setup",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"soundvcm.training.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'soundvcm.training' has no attribute {name!r}")
