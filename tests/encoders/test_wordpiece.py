"""Word pieces: right values, as the `tokenizers` package gives them with BERT's uncased vocabulary."""

from __future__ import annotations

import pytest

from soundvcm.encoders.text import TextEmbedder, WordPiece, is_cjk, is_punctuation, split_words


@pytest.fixture(scope="module")
def pieces() -> WordPiece:
    return TextEmbedder().pieces


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Héllo wörld — it's 3:30pm!!", ["hello", "world", "—", "it", "'", "s", "3", ":", "30pm", "!", "!"]),
        ("a\tb\nc\u00a0d", ["a", "b", "c", "d"]),
        ("海浪 waves", ["海", "浪", "waves"]),
        ("zero\u200bwidth \x00 \ufffd", ["zerowidth"]),
        ("İstanbul", ["istanbul"]),
        ("", []),
    ],
)
def test_splitting(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_ids_are_those_of_bert(pieces: WordPiece) -> None:
    assert pieces.ids("hello world") == [7592, 2088]
    assert pieces.ids("the") == [1996]
    spelled = [[pieces.vocabulary[k] for k in word.pieces] for word in pieces.words("woofing unaffable")]
    assert spelled[1] == ["una", "##ffa", "##ble"]
    assert "".join(spelled[0]).replace("##", "") == "woofing"


def test_longest_piece_first() -> None:
    small = WordPiece(["[UNK]", "rain", "ra", "##in", "##drop", "##drops"])
    assert small.ids("raindrops") == [1, 5]
    assert small.ids("rain") == [1]
    word = small.words("snow")[0]
    assert (word.pieces, word.known) == ((0,), False)


def test_a_word_without_end_is_one_unknown() -> None:
    small = WordPiece(["[UNK]", "a", "##a"])
    assert len(small.ids("a" * 100)) == 100
    assert small.ids("a" * 101) == [0]


def test_kinds_of_characters() -> None:
    assert all(map(is_punctuation, "!?$^`~—¿")) and not any(map(is_punctuation, "aé3 海"))
    assert is_cjk("海") and is_cjk("\U00020001") and not is_cjk("é") and not is_cjk("あ")
