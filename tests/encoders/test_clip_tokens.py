"""The tokenizer beyond the stored prompts (tests/parity/encoders.py)."""

import builtins

import pytest

from soundvcm.encoders import clip_tokens
from soundvcm.encoders.clip_tokens import (
    CONTEXT,
    END_NUMBER,
    START_NUMBER,
    byte_letters,
    clean,
    is_cut,
    tokenize,
)
from soundvcm.errors import MissingExtraError


def test_empty_and_blank_texts_are_start_and_end():
    for text in ("", "  \n\t "):
        assert tokenize([text])[0].tolist() == [START_NUMBER, END_NUMBER] + [0] * 75


def test_known_numbers():
    """Numbers everybody who has used CLIP knows: "a photo of a cat"."""
    assert tokenize(["a photo of a cat"])[0, :7].tolist() == [49406, 320, 1125, 539, 320, 2368, 49407]


def test_case_blanks_and_entities_do_not_matter():
    rows = tokenize(["a DOG  barks & runs", "a dog barks &amp; runs", " a dog barks &amp;amp; runs "])
    assert (rows[0] == rows[1]).all() and (rows[0] == rows[2]).all()
    assert clean("  A&amp;amp;B\n c ") == "a&b c"


def test_long_text_is_cut_with_the_end_mark_last():
    row = tokenize(["rain " * 200])[0].tolist()
    assert len(row) == CONTEXT and row[-1] == END_NUMBER and 0 not in row
    assert is_cut("rain " * 200) and not is_cut("rain")


def test_every_script_and_emoji_has_numbers():
    for text in ("снег и ветер", "雨の音", "🎆🐶", "مطر", "\x00\x07"):
        assert (tokenize([text])[0] < 49_408).all()


def test_byte_letters_are_256_different_visible_letters():
    letters = byte_letters()
    assert sorted(letters) == list(range(256)) and len(set(letters.values())) == 256
    assert all(letter.isprintable() and not letter.isspace() for letter in letters.values())


@pytest.mark.parametrize("missing", ["tokenizers", "ftfy"])
def test_without_the_extra_one_line_says_what_to_install(monkeypatch, missing):
    import importlib

    real = importlib.import_module

    def refuse(name, package=None):
        if name == missing:
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", refuse)
    clip_tokens._tokenizer.cache_clear()
    with pytest.raises(MissingExtraError, match=rf"{missing} is not installed.*soundvcm\[paper\]"):
        tokenize(["rain"])
    clip_tokens._tokenizer.cache_clear()
    assert builtins.ImportError
