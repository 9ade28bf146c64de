"""A recording to go by on the page: dropped or chosen, named, taken away; and fields that a system lacks."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
from browsers import MARKS
from standins import knowing_pipeline

from soundvcm import media

pytestmark = MARKS

#: drops a file (base64, name) anywhere on the page, as a hand would
DROP = """([content, name]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: "audio/wav" }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.querySelector("main").dispatchEvent(
      new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


def knock(path: Path, loud: float = 0.5) -> Path:
    wave = np.zeros((1, 16_000), np.float32)
    wave[0, 4000:6000] = loud * np.sin(np.arange(2000) / 3) * np.exp(-np.arange(2000) / 300)
    media.save_sound(path, wave, 16_000)
    return path


def test_a_sound_to_go_by(visit: Any, serve: Any, tmp_path: Path) -> None:
    opened = visit(serve(pipeline=knowing_pipeline()))
    page = opened.page
    page.fill("#prompt", "knock")
    page.fill("#duration", "1")
    content = base64.b64encode(knock(tmp_path / "My door.wav").read_bytes()).decode()
    page.evaluate(DROP, [content, "My door.wav"])
    opened.until("document.getElementById('like-note').textContent.includes('like My door.wav, 1.0 s')")
    page.click("#run")
    opened.takes(1)
    assert "My door" in page.text_content(".take .credits summary")
    page.reload()  # what is gone by comes back with the project, and "another like this" has it too
    opened.takes(1)
    opened.until("document.getElementById('like-note').textContent.includes('My_door')")
    page.click(".take .again")
    opened.takes(2)
    jobs = opened.served.get("/api/jobs").json()
    assert jobs[0]["sound"] == jobs[1]["sound"] and jobs[0]["like"] == "My_door"
    page.click("#like-clear")
    page.set_input_files("#like", str(knock(tmp_path / "silent.wav", 0.0)))
    opened.until("document.getElementById('like-error').textContent.includes('silent')")
    page.select_option("#kind", label=page.locator("#kind option").nth(1).text_content())
    page.click("#run")
    opened.takes(3)
    assert opened.served.get("/api/jobs").json()[0]["asked"]["kind"]


def test_fields_that_the_system_lacks_are_hidden(visit: Any) -> None:
    page = visit().page
    assert page.is_hidden("#by")
    page.click("#more summary")
    assert page.is_hidden("#cfg_strength") and page.is_hidden("#negative_prompt") and page.is_visible("#gain")
