"""Golden cases: one runner for each part, found by file.

A file of this folder that defines `RUNNERS = {"part": function}` adds parts; nothing else needs to change.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from parity.case import Case, Check, Runner, read_cases

__all__ = ["Case", "Check", "Runner", "read_cases", "runners"]


def runners() -> dict[str, Runner]:
    """Every part and its runner."""
    found: dict[str, Runner] = {}
    for module in pkgutil.iter_modules(__path__):
        own = getattr(import_module(f"parity.{module.name}"), "RUNNERS", {})
        double = sorted(set(own) & set(found))
        assert not double, f"parts with two runners: {double}"
        found.update(own)
    return found
