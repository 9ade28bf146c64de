"""Every prompt that pages, studio and examples show is measured, and works with each of ten seeds."""

from __future__ import annotations

import pytest
from scripts_by_path import load_script

import soundvcm

bench = load_script("benchmarks/example_prompts.py")


def test_the_prompts_that_are_shown_are_the_ones_that_are_measured() -> None:
    found = list(bench.shown())
    places = {place for _, place in found}
    assert {"README.md", "docs/tutorials/prompt.md", "src/soundvcm/web/examples.py"} <= places, places
    assert {"examples/browser/index.html", "examples/soundtrack.ipynb", "docs/serving.md"} <= places, places
    unknown = [(prompt, place) for prompt, place in found if prompt not in bench.EXAMPLES]
    assert not unknown, "measure them: benchmarks/example_prompts.py"


def test_what_counts_as_an_answer() -> None:
    for prompt, (kinds, clip) in bench.EXAMPLES.items():
        assert bench.classes(kinds), prompt
        assert clip is None or (bench.CLIPS / f"{clip}.mp4").is_file()
    assert not bench.classes("bell piano") & {"Music", "Musical instrument"}


@pytest.mark.slow
def test_every_example_prompt_works_with_each_of_ten_seeds() -> None:
    pipeline = soundvcm.load("tiny", device="cpu")
    for prompt, (kinds, clip) in bench.EXAMPLES.items():
        for shown_with in {None, clip}:
            assert bench.hits(pipeline, prompt, kinds, shown_with, 10) == 10, (prompt, shown_with)
