"""A clip in chromium: dropped on the page, its own sound alone, its video with a take downloaded."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
from browsers import MARKS

from soundvcm import media

pytestmark = MARKS

#: drops a file (base64, name) onto the middle of the page, as a hand would
DROP = """([content, name]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: "video/mp4" }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.querySelector("main").dispatchEvent(
      new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


def test_dropped_heard_alone_and_downloaded(visit: Any, clip: Path, tmp_path: Path) -> None:
    opened = visit()
    page = opened.page
    page.evaluate(DROP, [base64.b64encode(clip.read_bytes()).decode(), "My film.mp4"])
    opened.until("document.getElementById('strip').naturalWidth === 16 * 128")
    assert "48 x 32, h264, 4.00 s" in page.text_content("#video-note")
    opened.until("document.getElementById('picture').readyState > 0")
    page.click("#run")
    opened.takes(1)

    # The clip's own sound alone: the take stops, the picture is heard; pause for silence.
    page.click(".take .play")
    opened.until("document.getElementById('picture').currentTime > 0.2")
    page.click("#original")
    assert page.get_attribute("#original", "aria-pressed") == "true"
    assert page.get_attribute(".take .play", "aria-pressed") == "false"
    assert page.evaluate("!document.getElementById('picture').muted")
    opened.until("!document.getElementById('picture').paused || document.getElementById('picture').ended")
    if page.get_attribute("#play", "aria-label") == "Pause":  # it has not come to its end meanwhile
        page.click("#play")
    opened.until("document.getElementById('picture').paused")

    with page.expect_download() as saving:
        page.click(".take .mp4")
    assert saving.value.suggested_filename.startswith("My_film-seed")
    assert saving.value.suggested_filename.endswith(".mp4")
    saving.value.save_as(tmp_path / "take.mp4")
    assert media.probe(tmp_path / "take.mp4", seconds=None)["seconds_float"] > 3.9
    assert np.abs(media.read_sound(tmp_path / "take.mp4")[0]).max() > 0

    # The clip goes away and words alone are left.
    page.click("#clear")
    assert page.is_hidden("#stage") or page.is_hidden("#picture")
    assert page.evaluate("document.activeElement.id") == "video"
