"""Debian's chromium and Firefox driven by Playwright, for tests of the page; each may be missing.

Playwright downloads nothing: the system's browsers are used. Its own Firefox is a patched one; Debian's is
driven by WebDriver BiDi, of which a Firefox must know the commands that Playwright sends: 1.64 suits ESR 153.
"""

from __future__ import annotations

import shutil
import time
from typing import Any

import pytest


def _installed(*names: str) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)


CHROMIUM = _installed("chromium", "chromium-browser", "google-chrome")
FIREFOX = _installed("firefox-esr", "firefox")
WAIT = 120_000  # ms; the machine may be busy
MARKS = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]

CHROMIUM_ONLY = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
#: Firefox's word for what chromium is told by arguments: sounds may play without a finger on the page; and no
#: panel takes the focus when a file is downloaded
PREFERENCES = {
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.volume_scale": "0.0",
    "browser.download.alwaysOpenPanel": False,
}


def launch(driver: Any, name: str) -> Any:
    """A browser by its name, "chromium" or "firefox"; the test is skipped where it is not installed."""
    if name == "firefox":
        if FIREFOX is None:
            pytest.skip("no Firefox here: apt-get install firefox-esr")
        return driver.firefox.launch(
            channel="moz-firefox", executable_path=FIREFOX, firefox_user_prefs=PREFERENCES
        )
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    # root has no sandbox
    arguments = ["--no-sandbox", "--mute-audio", "--autoplay-policy=no-user-gesture-required"]
    return driver.chromium.launch(executable_path=CHROMIUM, args=arguments)


FILL = """(field, value) => {
  field.focus();
  field.value = value;
  for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
}"""


class Opened:
    """A page and what is asked of it again and again."""

    def __init__(self, page: Any, served: Any) -> None:
        self.page, self.served = page, served
        self.faults: list[str] = []
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        if page.context.browser.browser_type.name == "firefox":
            # By BiDi it writes behind what stands in a field of a number, where nothing can be selected.
            page.fill = lambda field, value: page.locator(field).evaluate(FILL, value)
        page.goto(str(served.client.base_url))
        self.until("document.getElementById('model').textContent !== ''")

    def until(self, true: str) -> None:
        """Wait for an expression to become true; asked from outside: the page forbids evaluating."""
        end = time.monotonic() + WAIT / 1000
        while not self.page.evaluate(true):
            if time.monotonic() > end:
                said = self.page.locator(".error:not(:empty)").all_text_contents()
                raise AssertionError(f"it never came true: {true}; the page says {said}")
            time.sleep(0.05)

    def takes(self, count: int) -> None:
        """Wait for takes that are drawn, and for the form to be ready again."""
        self.until(f"document.querySelectorAll('.take').length === {count}")
        self.until("!document.getElementById('run').disabled && !document.querySelector('.job')")
        self.until(
            f"[...document.querySelectorAll('.take')].filter(box => {INK('.wave')}).length === {count}"
        )

    def said(self) -> str:
        return str(self.page.text_content("#status"))


def INK(canvas: str) -> str:  # noqa: N802 - a piece of JavaScript
    """Whether a canvas of a box has colours other than nothing."""
    data = f"box.querySelector('{canvas}')"
    return f"{data}.getContext('2d').getImageData(0, 0, {data}.width, {data}.height).data.some(v => v)"
