"""Accessibility of the page by axe-core, in a browser: no findings, empty and with takes, light and dark.

axe-core (MPL-2.0) comes with the package axe-playwright-python, of which only that file is used.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from browsers import MARKS

FOUND = find_spec("axe_playwright_python")
AXE = Path(str(FOUND.origin)).with_name("axe.min.js") if FOUND is not None else None
pytestmark = [
    *MARKS,
    pytest.mark.skipif(AXE is None, reason="no axe-core: pip install axe-playwright-python (extra [dev])"),
]

RUN = """() => axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations.map(
  (one) => `${one.id} (${one.impact}): ${one.nodes.map((node) => node.target.join(" ")).join("; ")}`))"""


def findings(page: Any) -> list[str]:
    assert AXE is not None
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
