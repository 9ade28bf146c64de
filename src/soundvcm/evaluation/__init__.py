"""Scores: metrics, onsets of sound, networks that listen; each is imported when first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundvcm.evaluation.definitions import find
    from soundvcm.evaluation.feature_cache import FeatureCache
    from soundvcm.evaluation.hearing import hear
    from soundvcm.evaluation.protocol import Evaluation, evaluate
    from soundvcm.evaluation.report import write_report
    from soundvcm.evaluation.scores import Score, compute
    from soundvcm.evaluation.yamnet import Yamnet, bundled_yamnet

__all__ = [
    "Evaluation",
    "FeatureCache",
    "Score",
    "Yamnet",
    "bundled_yamnet",
    "compute",
    "evaluate",
    "find",
    "hear",
    "write_report",
]

_HOMES = {
    "Evaluation": "protocol",
    "FeatureCache": "feature_cache",
    "Score": "scores",
    "Yamnet": "yamnet",
    "bundled_yamnet": "yamnet",
    "compute": "scores",
    "evaluate": "protocol",
    "find": "definitions",
    "hear": "hearing",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"soundvcm.evaluation.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'soundvcm.evaluation' has no attribute {name!r}")
