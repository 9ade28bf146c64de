"""Slow tests have an hour's half to end on a small, busy machine, unless they say otherwise themselves."""

from __future__ import annotations

import pytest

SLOW_SECONDS = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        own = item.get_closest_marker("timeout")
        if item.get_closest_marker("slow") and own is None:
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))
