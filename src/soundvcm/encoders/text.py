"""Words => one point in the words space: a static table distilled from all-MiniLM-L6-v2 (Apache-2.0).

A text is cut into word pieces by the rules published with BERT (google-research/bert, tokenization): lower
case, accents off, split at blanks and punctuation, CJK characters stand alone, greedy longest match.
The point is the normalised sum of its vectors; how strongly a piece counts is in its length. Pictures
(`images`) land in the same space. Knows one weights file, no network; word order does not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.errors import InputError, WeightsError
from soundvcm.weights import load

UNKNOWN = "[UNK]"
LONGEST_WORD = 100
_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ASCII_WORD = re.compile(r"[a-z0-9]+|[^a-z0-9\s]")
LIMIT = 77
ENGLISH_ONLY = "the text encoder knows English only; this text may have no effect"


@dataclass(frozen=True)
class Word:
    """One word of a text and the pieces it is cut into.

    Attributes:
        text: the word after lower-casing, or one punctuation mark.
        pieces: ids in the vocabulary; the single id of "[UNK]" if the word cannot be built from pieces.
        known: False for such a word.
    """

    text: str
    pieces: tuple[int, ...]
    known: bool


class WordPiece:
    """The tokenizer: `words(text)` for words with their pieces, `ids(text)` for the flat list of ids."""

    def __init__(self, vocabulary: list[str]) -> None:
        self.vocabulary = vocabulary
        self.index = {piece: number for number, piece in enumerate(vocabulary)}
        self.unknown = self.index[UNKNOWN]

    def words(self, text: str) -> list[Word]:
        """The words of a text, punctuation included, in order."""
        return [self._cut(word) for word in split_words(text)]

    def ids(self, text: str) -> list[int]:
        """Piece ids of a text, without begin and end marks."""
        return [piece for word in self.words(text) for piece in word.pieces]

    def _cut(self, word: str) -> Word:
        pieces: list[int] = []
        start = 0
        while start < len(word) and len(word) <= LONGEST_WORD:
            for end in range(len(word), start, -1):
                piece = self.index.get(word[start:end] if start == 0 else "##" + word[start:end])
                if piece is not None:
                    pieces.append(piece)
                    start = end
                    break
            else:
                return Word(word, (self.unknown,), False)
        return Word(word, tuple(pieces), True) if pieces else Word(word, (self.unknown,), False)


def split_words(text: str) -> list[str]:
    """Lower-case, drop accents and control characters, split at blanks; punctuation and CJK stand alone."""
    if text.isascii():  # a fifth of the time, which counts at the start: hundreds of phrases are looked up
        return _ASCII_WORD.findall(_ASCII_CONTROL.sub("", text).lower())
    plain = unicodedata.normalize("NFD", text.lower())
    spaced: list[str] = []
    for char in plain:
        category = unicodedata.category(char)
        if category == "Mn":
            continue
        if char in "\t\n\r" or category == "Zs":
            spaced.append(" ")
        elif char in "\x00\ufffd" or category in ("Cc", "Cf", "Cs", "Co", "Cn"):
            continue
        elif is_punctuation(char) or is_cjk(char):
            spaced.append(f" {char} ")
        else:
            spaced.append(char)
    return "".join(spaced).split()


def is_punctuation(char: str) -> bool:
    """True for Unicode punctuation and for every ASCII mark that is neither a letter, a digit nor a blank."""
    code = ord(char)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(char).startswith("P")


def is_cjk(char: str) -> bool:
    """True for Chinese characters (Japanese and Korean use them too), which BERT treats as words."""
    code = ord(char)
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0x20000 <= code <= 0x2CEAF
        or 0xF900 <= code <= 0xFAFF
        or 0x2F800 <= code <= 0x2FA1F
    )


class TextEmbedder:
    """The text encoder of `tiny`: texts => float32 [b, 1, dim] of length 1; a blank text gives zeros."""

    name = "words-1"
    tokens = 1

    def __init__(self, weights: str | Path = "words") -> None:
        """Read a table: int8 `table` with one `scale` a row, `english` flags, the vocabulary as UTF-8 lines.

        Args:
            weights: name in the table of weights, or the path of a file of the same kind.

        Raises:
            WeightsError: if the file is missing, damaged or of another kind.
        """
        tensors, _ = load(weights)
        try:
            self.table, self.scale = tensors["table"], tensors["scale"].float()[:, None]
            self.english = tensors["english"].bool()
            self.pieces = WordPiece(bytes(tensors["vocabulary"].numpy()).decode("utf-8").split("\n"))
        except (KeyError, ValueError) as error:
            raise WeightsError(f"{weights} is not a word table ({error}): reinstall soundvcm") from None
        if len(self.pieces.vocabulary) != len(self.table):
            raise WeightsError(
                f"{weights}: {len(self.table)} vectors for {len(self.pieces.vocabulary)} pieces"
            )
        self.dim = int(self.table.shape[1])

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Texts => float32 [b, 1, dim]; the same text always gives the same numbers, blank ones give zeros.

        Raises:
            InputError: if there is no text at all, or something is not a text.
        """
        if not texts or not all(isinstance(text, str) for text in texts):
            raise InputError("texts are a list of at least one string")
        pieces = [self._pieces(text) for text in texts]
        # Rows become numbers when they are asked for: all of them take longer than a clip's network.
        ids = torch.tensor([piece for found in pieces for piece in found], dtype=torch.long)
        rows = torch.split(self.table[ids].float() * self.scale[ids], [len(found) for found in pieces])
        return F.normalize(torch.stack([part.sum(0) for part in rows]), dim=1)[:, None]

    def warnings(self, text: str) -> list[str]:
        """What was lost or not understood in a text (case 26)."""
        words = self.pieces.words(text)
        found = []
        lost = _cut_at(words, LIMIT)
        if lost < len(words):
            found.append(
                f"the prompt is longer than {LIMIT} tokens: everything from word {lost + 1}, "
                f"{_short(words[lost].text)!r}, on is ignored"
            )
        if not self._is_english(words):
            found.append(ENGLISH_ONLY)
        return found

    def _pieces(self, text: str) -> list[int]:
        """Ids of the pieces that count; none of a blank text."""
        words = self.pieces.words(text)
        return [piece for word in words[: _cut_at(words, LIMIT)] for piece in word.pieces]

    def _is_english(self, words: list[Word]) -> bool:
        """False if letters beyond a-z prevail, or if at most a third of several words are English ones.

        A single unknown word may be a name or a sound ("kaboom"), so it is let pass.
        """
        letters = [char for word in words for char in word.text if char.isalpha()]
        if not letters:
            return all(word.known for word in words)
        if sum(not char.isascii() for char in letters) * 3 > len(letters):
            return False
        spelled = [word for word in words if len(word.text) > 1 and word.text[0].isalpha()]
        known = sum(bool(self.english[word.pieces[0]]) for word in spelled if len(word.pieces) == 1)
        return len(spelled) < 2 or known * 3 > len(spelled)


def _cut_at(words: list[Word], limit: int) -> int:
    """How many whole words fit into `limit` pieces."""
    total = 0
    for count, word in enumerate(words):
        total += len(word.pieces)
        if total > limit:
            return count
    return len(words)


def _short(word: str) -> str:
    return word if len(word) <= 24 else word[:23] + "…"
