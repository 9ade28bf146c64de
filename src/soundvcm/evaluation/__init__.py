"""Scores: metrics, onsets of sound, networks that listen; each is imported when first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundvcm.evaluation.hearing import hear
    from soundvcm.evaluation.yamnet import Yamnet, bundled_yamnet

__all__ = ["Yamnet", "bundled_yamnet", "hear"]

_HOMES = {"Yamnet": "yamnet", "bundled_yamnet": "yamnet", "hear": "hearing"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"soundvcm.evaluation.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'soundvcm.evaluation' has no attribute {name!r}")
