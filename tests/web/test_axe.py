"""Accessibility of the page by axe-core, in a browser: no findings, empty and with takes, light and dark.

axe-core (MPL-2.0) is no part of the project: `npm install --no-save axe-core` here, or AXE_CORE=FILE.
Skipped where it is not there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from chromium import MARKS

ROOT = Path(__file__).resolve().parents[2]
AXE = Path(os.environ.get("AXE_CORE", ROOT / "node_modules" / "axe-core" / "axe.min.js"))
pytestmark = [
    *MARKS,
    pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: npm install --no-save axe-core"),
]

RUN = """() => axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations.map(
  (one) => `${one.id} (${one.impact}): ${one.nodes.map((node) => node.target.join(" ")).join("; ")}`))"""


def findings(page: Any) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return list(page.evaluate(RUN))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_findings(visit: Any, clip: Path, scheme: str) -> None:
    opened = visit(color_scheme=scheme, bypass_csp=True)
    page = opened.page
    assert findings(page) == []
    page.set_input_files("#video", str(clip))
    opened.until("document.getElementById('strip').naturalWidth > 0")
    page.fill("#takes-wanted", "2")
    page.click("#run")
    opened.takes(2)
    page.click("#more summary")
    page.click("#parts summary")
    page.click("#parts-add")
    page.click("#project-more summary")
    page.locator(".take .keep").first.click()
    page.locator(".take .delete").nth(1).click()
    opened.takes(1)
    assert findings(page) == []
    page.click("#keys summary")
    page.goto(f"{opened.served.client.base_url}/api/docs")
    assert findings(page) == []
