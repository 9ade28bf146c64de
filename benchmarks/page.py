"""How long a person waits for the page: from the address to a form that works, and from the press to a take.

    python benchmarks/page.py --repeats 10

Starts `soundvcm serve` with `tiny` and drives Debian's chromium through Playwright. "open" is from the start
of the navigation to a form that is filled and can be sent; "first_sound" from there too, to a take that can
be played of an example clip, pressed and sent as soon as the page can; "take" from the press of "Make sound"
to a take whose sound the browser can play, of an 8 s clip whose features are kept; "drawn" to its
spectrogram.
Prints one JSON object: seconds (median, each, worst), CPU seconds of the studio for each take, the machine
and its load, which on a busy machine is what the seconds tell of.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from studio_process import SERVE, studio

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 300  # s for one step
# Runs before the page's own scripts: notes moments by the page's clock, ms since the navigation began.
SPY = """
window.moments = {};
const note = (name) => { window.moments[name] ??= performance.now(); };
document.addEventListener("DOMContentLoaded", () => {
  const model = document.getElementById("model"), run = document.getElementById("run");
  new MutationObserver(() => model.textContent && note("open")).observe(model, { childList: true });
  run.addEventListener("click", () => { window.moments = { press: performance.now() }; }, true);
  const list = document.getElementById("list");
  new MutationObserver(() => {
    const facts = list.querySelectorAll(".take").length;
    if (facts > (window.before || 0)) note("told");
  }).observe(list, { childList: true });
});
const sound = window.Audio;
window.Audio = function (address) {
  const audio = new sound(address);
  audio.addEventListener("canplaythrough", () => note("take"), { once: true });
  return audio;
};
const paint = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...given) {
  paint.apply(this, given);
  if (this.canvas.classList.contains("mel")) note("drawn");
};
"""


def cpu_seconds(pid: int) -> float | None:
    """CPU time of a process so far, where the system tells."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return None
    fields = path.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(page: Any, true: str) -> None:
    """Wait for an expression to become true, asked from outside: the page forbids evaluating."""
    end = time.monotonic() + PATIENCE
    while not page.evaluate(true):
        if time.monotonic() > end:
            raise SystemExit(f"it never came true: {true}")
        time.sleep(0.02)


def opened(page: Any, address: str, repeats: int) -> list[float]:
    """Seconds from the start of a navigation to a form that works."""
    found = []
    for _ in range(repeats + 1):
        page.goto(address)
        until(page, "'open' in window.moments && !document.getElementById('run').disabled")
        found.append(page.evaluate("window.moments.open") / 1000)
    return found[1:]  # the first one warms up the server


def first_sound(page: Any, address: str, repeats: int) -> list[float]:
    """Seconds from the start of a navigation, over an example clip, to a take that can be played."""
    found = []
    for _ in range(repeats):
        page.evaluate("localStorage.clear()")
        page.goto(address)
        until(page, "'open' in window.moments")
        page.locator("#examples button").first.click()
        until(page, "document.getElementById('strip').naturalWidth > 0")
        page.click("#run")
        until(page, "'take' in window.moments")
        found.append(page.evaluate("window.moments.take") / 1000)
        until(page, "!document.querySelector('.job')")
    return found


def taken(page: Any, clip: Path, repeats: int, pid: int) -> dict[str, list[float]]:
    """Seconds from the press to a take that can be played, and to its pictures; CPU seconds of the studio."""
    page.set_input_files("#video", str(clip))
    until(page, "document.getElementById('strip').naturalWidth > 0")
    found: dict[str, list[float]] = {"told": [], "take": [], "drawn": [], "cpu": []}
    page.evaluate("document.getElementById('more').open = true")
    for number in range(repeats + 1):
        page.fill("#seed", str(number))
        page.evaluate("window.before = document.querySelectorAll('.take').length")
        before = cpu_seconds(pid)
        page.click("#run")
        until(page, "['told', 'take', 'drawn'].every(name => name in window.moments)")
        until(page, "!document.getElementById('run').disabled && !document.querySelector('.job')")
        if number == 0:
            continue  # this one encodes the clip
        moments = page.evaluate("window.moments")
        for name in ("told", "take", "drawn"):
            found[name].append((moments[name] - moments["press"]) / 1000)
        after = cpu_seconds(pid)
        if before is not None and after is not None:
            found["cpu"].append(after - before)
    return found


def summary(values: list[float]) -> dict[str, Any]:
    """Median, worst and each, rounded to milliseconds."""
    each = [round(value, 3) for value in values]
    middle = round(statistics.median(values), 3) if values else None
    return {"median_s": middle, "worst_s": max(each, default=None), "each_s": each}


def measure(words: list[str], browser: str, clip: Path, repeats: int) -> dict[str, Any]:
    """Start a studio by the command `words` and measure its page."""
    from playwright.sync_api import sync_playwright

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with studio(words) as (address, pid):
        with sync_playwright() as driver:
            arguments = ["--no-sandbox", "--mute-audio", "--autoplay-policy=no-user-gesture-required"]
            chrome = driver.chromium.launch(executable_path=browser, args=arguments)
            page = chrome.new_page()
            page.set_default_timeout(1000 * PATIENCE)
            page.add_init_script(SPY)
            opening = opened(page, address, repeats)
            firsts = first_sound(page, address, min(repeats, 3))
            page.click("#new-project")
            takes = taken(page, clip, repeats, pid)
            version = chrome.version
            chrome.close()
    return {
        "open": summary(opening),
        "first_sound": summary(firsts),
        "take": summary(takes["take"]),
        "take_told": summary(takes["told"]),
        "take_drawn": summary(takes["drawn"]),
        "cpu_of_the_studio": summary(takes["cpu"]),
        "machine": {"cores": os.cpu_count(), "load_before": load, "chromium": version},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=8.0, help="of the clip")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--clip", type=Path, help="instead of a drawn one of 1280 x 720")
    given = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit("no chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        clip = given.clip
        if clip is None:
            sys.path.insert(0, str(Path(__file__).parent))
            from latency import make_clip

            clip = make_clip(Path(folder) / "clip.mp4", given.seconds)
        words = [*SERVE, "--model", given.model]
        print(json.dumps(measure(words, browser, clip, given.repeats), indent=1))


if __name__ == "__main__":
    main()
