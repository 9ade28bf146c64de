"""Words => one point in the words space: a static table distilled from all-MiniLM-L6-v2 (Apache-2.0).

A text is the normalised sum of its pieces' vectors; how strongly a piece counts is in the vector's length.
Pictures (`pictures`) land in the same space. Knows one weights file, no network; word order does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.encoders.wordpiece import Word, WordPiece
from soundvcm.errors import InputError, WeightsError
from soundvcm.weights import load

LIMIT = 77
ENGLISH_ONLY = "the text encoder knows English only; this text may have no effect"


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
            self.table = tensors["table"].float() * tensors["scale"].float()[:, None]
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
        return torch.stack([self._vector(text) for text in texts])[:, None]

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

    def _vector(self, text: str) -> Tensor:
        words = self.pieces.words(text)
        ids = [piece for word in words[: _cut_at(words, LIMIT)] for piece in word.pieces]
        if not ids:
            return torch.zeros(self.dim)
        return F.normalize(self.table[ids].sum(0), dim=0)

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
