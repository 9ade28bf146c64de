"""Case 26: empty, very long and non-English prompts: what the encoder says, and safe file names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from standins import random_pipeline

from soundvcm.encoders import TextEmbedder
from soundvcm.encoders.text import ENGLISH_ONLY
from soundvcm.generate.options import GenerateOptions
from soundvcm.media import output_paths, prompt_stem, save_sound

PROMPTS = [
    "", "   ", "waves " * 200, "海浪" * 45, 'a/b\\c:d*e?"<>|\n', "🎉🌊", "x" * 10_000, "con",
    "NUL.txt", "..", "-rf",
    "trailing. ", "नमस्ते दुनिया", "e\u0301cole", "\x00\x1f", "a" * 99 + "é",
]  # fmt: skip


@pytest.mark.parametrize("prompt", PROMPTS)
def test_names_are_safe_everywhere(tmp_path: Path, prompt: str) -> None:
    for seed in (None, 7, 2**63 - 1):
        stem = prompt_stem(prompt, seed)
        assert len(stem.encode("utf-8")) <= 100 and stem.isprintable()
        assert not re.search(r'[\\/:*?"<>|\s]', stem) and stem[0] not in ".-" and stem[-1] not in ". "
        assert stem.split(".")[0].lower() not in {"con", "nul", "aux", "prn", "com1", "lpt1"}
        assert seed is None or f"-{seed}-" in stem
    save_sound(tmp_path / f"{prompt_stem(prompt, 7)}.wav", np.zeros(16, np.float32), 16_000)
    assert len(list(tmp_path.iterdir())) == 1


def test_long_prompts_that_begin_alike_get_different_names() -> None:
    one, other = prompt_stem("waves " * 200 + "one", 7), prompt_stem("waves " * 200 + "two", 7)
    assert one != other and one[:60] == other[:60]
    assert prompt_stem("海浪" * 45, 7).startswith("海浪海浪")
    assert prompt_stem("rain on a tin roof", 7).startswith("rain_on_a_tin_roof-7-")
    assert prompt_stem("e\u0301cole", 1).startswith("école-1-")


def test_words_alone_do_not_reuse_a_file_unless_the_seed_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [first] = output_paths(None, prompt="rain", suffix=".wav")
    first.touch()
    [second] = output_paths(None, prompt="rain", suffix=".wav")
    assert first != second and not second.exists()
    [seeded] = output_paths(None, prompt="rain", seed=3, suffix=".wav")
    seeded.touch()
    assert output_paths(None, prompt="rain", seed=3, suffix=".wav") == [seeded]


def test_blank_is_no_text() -> None:
    """Flagged absent, so that the network's own idea of "no words" is used: the same for both."""
    pipeline = random_pipeline()
    features = pipeline.encode_clip(None, duration=1)
    for prompt in ("", "   ", "\n\t"):
        conditions = pipeline.conditions(features, prompt)
        assert not conditions.has_text.any() and pipeline.tags(GenerateOptions(prompt=prompt))["prompt"] == ""
    assert pipeline.conditions(features, "rain").has_text.all()


def test_long_and_foreign_prompts_are_accepted_with_one_remark_each() -> None:
    words = TextEmbedder()
    for prompt in PROMPTS:
        if prompt.strip():
            assert torch.isfinite(words.encode([prompt])).all()
    (cut,) = words.warnings("waves " * 77 + "volcano " * 10)
    assert "longer than 77" in cut and "'volcano'" in cut
    assert len(words.warnings("x " * 5_000)) == 1
    assert ENGLISH_ONLY in words.warnings("海浪" * 45) and words.warnings("waves on a beach") == []
