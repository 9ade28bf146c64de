"""Every golden case: this project against the numbers of the reference implementations.

`SOUNDVCM_GOLDEN=DIR pytest tests/test_parity.py` runs another folder with its own `cases.json`; `-m ""`
includes the slow cases.
"""

from __future__ import annotations

import ast
import os
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from golden_rules import exact_input, seed_of, weight
from parity import Case, Check, read_cases, runners

SUFFIXES = (".npz", ".json", ".tsv")
OWN = Path(__file__).resolve().parent / "golden"
FOLDER = Path(os.environ.get("SOUNDVCM_GOLDEN", OWN))
CASES = read_cases(FOLDER)
RUNNERS = runners()


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else []) for case in CASES],
)
def test_case(case: Case) -> None:
    assert case.part in RUNNERS, f"no runner for part {case.part!r}: add it to a file in tests/parity"
    with torch.no_grad():
        checks = list(RUNNERS[case.part](case))
    assert checks, "a case that compares nothing"
    failures = [line for check in checks if (line := check.failure())]
    assert not failures, f"{len(failures)} of {len(checks)} comparisons failed:\n" + "\n".join(failures)


def test_a_wrong_number_fails_a_check() -> None:
    right = np.array([1.0, 2.0])
    assert Check("same", right, right, 1e-10).failure() is None
    assert "rel error" in str(Check("off", right * 1.001, right, 1e-4).failure())
    assert "abs error" in str(Check("off", right + 0.1, right, 0.01, "abs").failure())
    assert "rel error" in str(Check("nan", right * np.nan, right, 1e-4).failure())
    assert "shape" in str(Check("cut", right[:1], right, 1e-4).failure())
    assert "not equal" in str(Check("other", [1, 2], [1, 3], 0, "exact").failure())


def test_a_few_values_are_measured_by_the_size_of_their_whole_array() -> None:
    """Small ones carry the rounding of large neighbours; large ones are forgiven no more than by `rel`."""
    small = np.array([1e-2, -1e-2])
    assert Check("alone", small + 1e-6, small, 1e-5).failure() is not None
    assert Check("of many", small + 1e-6, small, 1e-5, rms=1.0).failure() is None
    assert "1.00e-04" in str(Check("wrong", small + 1e-4, small, 1e-5, rms=1.0).failure())
    large = np.array([2.0, -2.0])
    assert "5.00e-04" in str(Check("large", large + 1e-3, large, 1e-5, rms=1.0).failure())
    assert Check("nan", small * np.nan, small, 1e-4, rms=1.0).failure() is not None


def test_a_salt_changes_every_draw() -> None:
    assert seed_of("a", "pepper ") == seed_of("pepper a")
    assert not np.array_equal(weight("a.weight", (3, 2)), weight("a.weight", (3, 2), "pepper"))
    assert not np.array_equal(exact_input("x", (4,)), exact_input("x", (4,), "pepper"))


def read_by_tests(name: str) -> bool:
    """Whether the code of a test file (not a comment or docstring) names this golden file ("*" fits all)."""
    sources = [path for path in OWN.parent.rglob("*.py") if path.is_file()]
    return any(fnmatch(name, words) for path in sources for words in file_names_in(path))


@cache
def file_names_in(path: Path) -> frozenset[str]:
    """Texts of a source that end like a golden file; the parts of an f-string that vary become "*"."""
    tree, found = ast.parse(path.read_text(encoding="utf-8")), set()
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(words)):
                found.add(words)
            case ast.JoinedStr(values=values):
                found.add("".join(v.value if isinstance(v, ast.Constant) else "*" for v in values))
    return frozenset(w for w in found if w.endswith(SUFFIXES) and not w.strip("*").startswith("."))


def test_each_golden_file_has_a_case() -> None:
    """Nothing lies in the folder without being compared: by a case, or by a test that reads it by name."""
    cases = read_cases(OWN)
    used = {name for case in cases for name in (case.file, case.keys, case.configuration.get("arrays"))}
    lying = {path.name for path in OWN.iterdir() if path.suffix in SUFFIXES}
    assert {name for name in lying - used if not read_by_tests(name)} == set()


def test_a_golden_file_nobody_reads_is_noticed() -> None:
    assert not read_by_tests("left_over" + ".npz")
    assert not read_by_tests("left_over" + ".json")
