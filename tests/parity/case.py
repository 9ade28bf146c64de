"""One golden case as `cases.json` describes it, and one comparison as a runner yields it.

Knows files, seeds and error measures; nothing of any network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from golden_rules import given_input, read_shapes, relative_error, weights

Floats = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """One row of `cases.json` (fields: tests/golden/README.md)."""

    name: str
    part: str
    file: str
    folder: Path
    keys: str | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    tolerance: dict[str, float] = field(default_factory=dict)
    salt: str = ""
    slow: bool = False

    @property
    def path(self) -> Path:
        """The file of expected numbers."""
        return self.folder / self.file

    def arrays(self) -> dict[str, Floats]:
        """All arrays of an npz file."""
        with np.load(self.path) as file:
            return {name: file[name] for name in file.files}

    def values(self) -> Any:
        """The content of a json file."""
        return json.loads(self.path.read_text(encoding="utf-8"))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The state dict's keys and shapes."""
        assert self.keys is not None, f"{self.name}: give the table of keys"
        return read_shapes(self.folder / self.keys)

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The rule-made state dict."""
        return weights(self.shapes(), self.salt)

    def input(self, role: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """The rule-made input of a role."""
        return given_input(self.inputs[role], shape, self.salt)

    def limit(self, name: str) -> float:
        """A tolerance by name."""
        assert name in self.tolerance, f"{self.name}: cases.json gives no tolerance {name!r}"
        return self.tolerance[name]


@dataclass(frozen=True)
class Check:
    """What was found against what is expected; `measure` as tests/golden says.

    `rms`: of the whole array, where `expected` is a few values out of it. The relative error of the whole is
    then estimated from these few: a handful that happens to be small says nothing about its own last digits.
    """

    what: str
    found: npt.ArrayLike
    expected: npt.ArrayLike
    limit: float
    measure: Literal["rel", "abs", "exact"] = "rel"
    rms: float = 0.0

    def failure(self) -> str | None:
        """One line if the error is too large (or not a number)."""
        a, b = np.asarray(self.found), np.asarray(self.expected)
        if a.shape != b.shape:
            return f"{self.what}: shape {a.shape}, expected {b.shape}"
        if self.measure == "exact":
            return None if np.array_equal(a, b) else f"{self.what}: not equal"
        if self.measure == "abs":
            error = float(np.max(np.abs(a - b), initial=0.0))
        else:
            error = relative_error(a, b)
            if (usual := self.rms * b.size**0.5) > (own := float(np.linalg.norm(b))):
                error *= own / usual
        return (
            None
            if error <= self.limit
            else f"{self.what}: {self.measure} error {error:.2e} > {self.limit:.0e}"
        )


Runner = Callable[[Case], Iterator[Check]]


def read_cases(folder: Path) -> list[Case]:
    """The cases of a folder, from its `cases.json`."""
    rows = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    cases = [Case(folder=folder, **row) for row in rows]
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), "cases.json: names must differ"
    return cases
