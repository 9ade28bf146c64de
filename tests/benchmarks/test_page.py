"""The measure of the page runs: times are above 0, in order, as many as asked; their size is not judged."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from browsers import CHROMIUM, CHROMIUM_ONLY, MARKS
from scripts_by_path import load_script
from standins import write_clip

ROOT = Path(__file__).parents[2]
STANDIN = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from soundvcm.systems import loading
from standins import random_pipeline
loading.load = lambda name, **options: random_pipeline()
from soundvcm.cli.main import main
main(["serve", *sys.argv[1:]])
"""
pytestmark = [*MARKS, CHROMIUM_ONLY]


@pytest.fixture(scope="module")
def page() -> ModuleType:
    return load_script("benchmarks/page.py", "page_bench")


def test_it_measures(page: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api", reason="needs playwright (extra [dev])")
    clip = write_clip(tmp_path / "clip.mp4", 50)
    report = page.measure([sys.executable, "-c", STANDIN], str(CHROMIUM), clip, repeats=2)
    for name in ("open", "first_sound", "take", "take_told", "take_drawn"):
        found = report[name]
        assert len(found["each_s"]) == 2 and 0 < found["median_s"] <= found["worst_s"] < 120, (name, report)
    for told, playable in zip(report["take_told"]["each_s"], report["take"]["each_s"], strict=True):
        assert told <= playable
    if report["cpu_of_the_studio"]["each_s"]:
        assert report["cpu_of_the_studio"]["worst_s"] > 0
    assert report["machine"]["cores"] > 0


def test_what_is_measured_is_told_by_its_middle(page: ModuleType) -> None:
    assert page.summary([0.3, 0.1, 0.2]) == {"median_s": 0.2, "worst_s": 0.3, "each_s": [0.3, 0.1, 0.2]}
    assert page.summary([]) == {"median_s": None, "worst_s": None, "each_s": []}
