"""A bounded run of the mutation fuzz (the long one: scripts/fuzz_media.py): only our own errors come out."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from pillow_heif import from_pillow
from scripts_by_path import load_script

from soundvcm.web.clip import RefusedError, preview_clip
from soundvcm.web.limits import Limits


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


def test_damaged_photographs(fuzz: ModuleType, tmp_path: Path) -> None:
    """EXIF, brands, tiles: read, or refused by us; what a studio shows of an upload likewise."""
    rng = np.random.default_rng(12)
    picture = Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "a.png", "a.webp", "a.tif", "a.avif"):
        picture.save(tmp_path / name, exif=exif)
    from_pillow(picture).save(tmp_path / "a.heic", tile_size=64, exif=exif.tobytes())
    outcomes = set()
    for path in sorted(tmp_path.iterdir()):
        data = path.read_bytes()
        for _ in range(8):
            path.write_bytes(fuzz.mutate(data, rng))
            try:
                preview_clip(path, Limits())
                outcomes.add("read")
            except RefusedError:
                outcomes.add("refused")
    assert outcomes == {"read", "refused"}


@pytest.mark.slow
def test_many_damaged_files_give_only_our_errors(fuzz: ModuleType, seeds: list[Path], tmp_path: Path) -> None:
    found, _ = fuzz.run(seeds, np.random.default_rng(7), 800, tmp_path / "finding.bin")
    assert sum(found.values()) == 800
