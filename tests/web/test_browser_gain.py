"""The gain slider of a take in chromium: by the keyboard, heard at once, in the download, remembered."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import MARKS

pytestmark = MARKS

#: lets a test see what the page turns
SPY = """
const make = AudioContext.prototype.createGain;
window.amplifiers = [];
AudioContext.prototype.createGain = function () {
  const node = make.call(this);
  window.amplifiers.push(node);
  return node;
};
"""


def loudest(path: Path) -> float:
    with wave.open(str(path)) as sound:
        return float(np.abs(np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(float)).max())


def saved(page: Any, folder: Path, name: str) -> Path:
    with page.expect_download() as saving:
        page.click(".take .wav")
    saving.value.save_as(folder / name)
    return folder / name


def test_the_gain_slider(visit: Any, tmp_path: Path) -> None:
    opened = visit(script=SPY)
    page = opened.page
    page.fill("#prompt", "rain")
    page.fill("#duration", "3")
    page.click("#more summary")
    page.fill("#seed", "7")
    page.click("#run")
    opened.takes(1)
    slider = page.get_by_role("slider", name="Gain of the take with seed 7")
    assert slider.count() == 1
    before = loudest(saved(page, tmp_path, "before.wav"))

    # Reached and moved by the keyboard while it plays: heard at once.
    page.click(".take .play")
    assert (
        page.evaluate("window.amplifiers.length") == 0
    )  # nothing stands between a take and the ear without need
    page.keyboard.press("Tab")  # keep
    page.keyboard.press("Tab")  # position
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.take .gain input')")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    assert page.text_content(".take .gain .db") == "-6 dB"
    assert slider.get_attribute("aria-valuetext") == "-6 dB"
    assert page.evaluate("window.amplifiers[0].gain.value") == pytest.approx(10 ** (-6 / 20), rel=1e-3)
    assert page.locator(".take.playing").count() == 1
    opened.until("parseFloat(document.querySelector('.take .cursor').style.left) > 20")  # it goes on

    # What is downloaded has it, and it comes back with the take.
    assert loudest(saved(page, tmp_path, "after.wav")) == pytest.approx(before * 10 ** (-6 / 20), rel=0.05)
    page.reload()
    opened.takes(1)
    assert page.text_content(".take .gain .db") == "-6 dB"
    assert page.locator(".take .gain input").input_value() == "-6"
    page.click(".take .play")
    opened.until("window.amplifiers.length === 1")
    assert page.evaluate("window.amplifiers[0].gain.value") == pytest.approx(10 ** (-6 / 20), rel=1e-3)
    assert page.text_content(".take > .error") == ""


def test_a_gain_that_is_not_kept_is_said(visit: Any) -> None:
    opened = visit()
    page = opened.page
    page.fill("#prompt", "rain")
    page.fill("#duration", "1")
    page.click("#run")
    opened.takes(1)
    for job in list(opened.served.studio._jobs.values()):
        opened.served.studio.remove(job)
    page.focus(".take .gain input")
    page.keyboard.press("ArrowRight")
    opened.until(
        "document.querySelector('.take > .error').textContent.startsWith('The gain is not kept: this job')"
    )
