"""The bench one can hear: its prompts are people's own, what it counts, its page; the baselines' moments."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import real_files
import torch
from scripts_by_path import ROOT, load_script

from soundvcm.encoders.motion import MOTION_COLUMNS as COLUMNS
from soundvcm.evaluation.metrics import detect_onsets, match_onsets
from soundvcm.systems.loading import load
from tiny.sounds.bank import load_bank

listen = load_script("benchmarks/listen.py", "listen_bench")
baselines = load_script("benchmarks/baselines.py", "listen_baselines")


def item(system: str, wave: np.ndarray) -> object:
    return listen.Item("prompts", system, "rain", "heavy rain", wave.astype(np.float32))


def test_three_prompts_for_each_kind_none_of_them_ours() -> None:
    bank = load_bank()
    with (ROOT / "benchmarks" / "listen_prompts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["kind"] for row in rows) == dict.fromkeys(bank.kinds, 3)
    ours = {phrase.lower() for kind in bank.kinds.values() for phrase in kind.phrases}
    taken = [row["prompt"] for row in rows if row["prompt"].lower() in ours]
    assert len(taken) <= 3, taken


def test_levels_silence_and_clicks_are_counted() -> None:
    noise = np.random.default_rng(0).standard_normal(16_000)
    quiet = item("tiny", 1e-4 * noise).judge(("Rain",))  # type: ignore[attr-defined]
    assert quiet.dead == 1 and quiet.lufs < -70
    click = np.zeros(16_000)
    click[8_000] = 0.9
    hit = item("tiny", click).judge(("Rain",))  # type: ignore[attr-defined]
    assert hit.clicks == 2 and hit.dead > 0.9 and not any(hit.right)
    (row,) = listen.summary([quiet, hit])
    assert row["n"] == 2 and row["with clicks"] == 1 and row["below -45 LUFS"] >= 1 and row["in best 3"] == 0


def test_the_page_holds_every_item(tmp_path: Path) -> None:
    items = [item(name, np.random.default_rng(k).standard_normal(8_000) * 0.1) for k, name in enumerate("ab")]
    for one in items:
        one.judge(("Noise", "White noise"))  # type: ignore[attr-defined]
    report = {
        "command": "listen",
        "date": "now",
        "machine": {},
        "summary": listen.summary(items),
        "scenes": {},
    }
    listen.write_page(tmp_path / "page", json.loads(json.dumps(report)), items)
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 2 and "heavy rain" in page
    assert len(list((tmp_path / "page").glob("*.ogg"))) == len(list((tmp_path / "page").glob("*.png"))) == 2


def test_the_baseline_sounds_where_things_move() -> None:
    motion = torch.zeros(100, len(COLUMNS))
    times = (1.0, 2.0, 3.0)
    for time in times:
        motion[round(25 * time), COLUMNS.index("level")] = 1.0
    wave = baselines.at_motion(load_bank(), "wood_knock", motion, 64_000, seed=1)
    assert match_onsets(times, detect_onsets(wave, 16_000)).f1 > 0.7
    assert len(baselines.by_prompt_alone(load_bank(), "rain", 32_000, seed=1)) == 32_000


def test_real_film_is_part_of_it(tmp_path: Path) -> None:
    rows = [{"clip": name, "kind": "hammer", "prompt": "hammering"} for name in ("hammer.mp4", "missing.mp4")]
    items = list(listen.footage(load("tiny", device="cpu"), load_bank(), ROOT / "examples" / "clips", rows))
    assert [one.system for one in items] == [*(name for name, _, _ in listen.FILMED), "baseline"]
    assert {one.text for one in items} == {"hammering (hammer.mp4)"} and len(
        {len(i.wave) for i in items}
    ) == 1
    assert all(one.follows > 0 for one in items if one.system == "network")
    rows = listen.summary([one.judge(load_bank().kinds["hammer"].heard) for one in items])
    assert all("follows movement" in row and row["n"] == 1 for row in rows)


def test_every_film_has_a_prompt_of_a_known_kind() -> None:
    with listen.FOOTAGE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = {*real_files.FOOTAGE, *real_files.MORE}
    assert len(rows) >= 10 and {row["clip"] for row in rows} <= names
    assert {row["kind"] for row in rows} <= load_bank().kinds.keys()
