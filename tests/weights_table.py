"""Other rows in the table of weights files, for one test."""

from __future__ import annotations

import pytest

from soundvcm.weights import Part, table


def know(monkeypatch: pytest.MonkeyPatch, *rows: Part) -> None:
    """The table holds these rows, in place of rows of the same name or before the others."""
    names = {row.name for row in rows}
    others = tuple(row for row in table.parts() if row.name not in names)
    monkeypatch.setattr(table, "_rows", lambda: (*rows, *others))
