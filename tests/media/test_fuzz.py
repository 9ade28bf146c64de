"""A bounded run of the mutation fuzz (the long one: scripts/fuzz_media.py): only our own errors come out."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scripts_by_path import load_script


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    return load_script("scripts/fuzz_media.py")


@pytest.fixture(scope="module")
def seeds(fuzz: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    found: list[Path] = fuzz.make_seeds(tmp_path_factory.mktemp("seeds"))
    return found


def test_undamaged_files_are_read(fuzz: ModuleType, seeds: list[Path], tmp_path: Path) -> None:
    for path in seeds:
        outcome = fuzz.treat(path, tmp_path, np.random.default_rng(0))
        assert outcome.startswith("read/"), (path.name, outcome)


def test_damage_is_damage(fuzz: ModuleType) -> None:
    data, rng = bytes(range(256)) * 8, np.random.default_rng(0)
    assert sum(fuzz.mutate(data, rng) != data for _ in range(50)) > 45


def test_damaged_files_give_only_our_errors(fuzz: ModuleType, seeds: list[Path], tmp_path: Path) -> None:
    found, slowest = fuzz.run(seeds, np.random.default_rng(2026), 48, tmp_path / "finding.bin")
    assert sum(found.values()) == 48 and slowest < 60
    assert any("read" in kind for kind in found) and any("refused" in kind for kind in found)


@pytest.mark.slow
def test_many_damaged_files_give_only_our_errors(fuzz: ModuleType, seeds: list[Path], tmp_path: Path) -> None:
    found, _ = fuzz.run(seeds, np.random.default_rng(7), 800, tmp_path / "finding.bin")
    assert sum(found.values()) == 800
