"""Text to word pieces: BERT's uncased tokenizer in plain Python (lower-casing, accents off, greedy longest
match).

Knows a vocabulary and nothing of vectors; needs no `tokenizers` package. The rules are those published
with BERT (google-research/bert, tokenization): split at blanks and punctuation, CJK characters stand alone.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

UNKNOWN = "[UNK]"
LONGEST_WORD = 100
_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ASCII_WORD = re.compile(r"[a-z0-9]+|[^a-z0-9\s]")


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
