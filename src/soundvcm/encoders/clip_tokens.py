"""CLIP's tokenizer: text => 77 numbers (byte pairs, lower case, end marks), equal to open_clip's.

The 48,894 merges come with the package. `tokenizers` and `ftfy` come with the extra "paper" and are imported
at the first use. Knows no network.
"""

from __future__ import annotations

import gzip
import html
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from soundvcm import weights
from soundvcm.errors import MissingExtraError, WeightsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONTEXT = 77
VOCABULARY = 49_408
START, END = "<start_of_text>", "<end_of_text>"
START_NUMBER, END_NUMBER = VOCABULARY - 2, VOCABULARY - 1
_WORD_END = "</w>"
# English endings, runs of letters, single digits, runs of anything else but blanks.
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


def tokenize(texts: list[str]) -> Tensor:
    """Texts => int64 [b, 77]: start, tokens, end, zeros; a longer text is cut and still ends with the end
    mark.

    Raises:
        MissingExtraError: if the extra "paper" is not installed.
    """
    numbers = torch.zeros(len(texts), CONTEXT, dtype=torch.int64)
    for row, text in enumerate(texts):
        found = [START_NUMBER, *_numbers(text)[: CONTEXT - 2], END_NUMBER]
        numbers[row, : len(found)] = torch.tensor(found)
    return numbers


def is_cut(text: str) -> bool:
    """True if a text has more tokens than are read."""
    return len(_numbers(text)) > CONTEXT - 2


def clean(text: str) -> str:
    """The text before it is split: encoding repaired, HTML entities resolved, blanks joined, lower case."""
    ftfy = _extra("ftfy")
    repaired = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(repaired.split()).lower()


def _numbers(text: str) -> list[int]:
    return list(_tokenizer().encode(clean(text), add_special_tokens=False).ids)


def _extra(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise MissingExtraError(name, "paper") from None


def byte_letters() -> dict[int, str]:
    """A visible letter for each of the 256 byte values: itself where printable, else from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [value for value in range(256) if value not in set(printable)]
    pairs = [(value, chr(value)) for value in printable]
    return dict([*pairs, *((value, chr(256 + place)) for place, value in enumerate(hidden))])


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    tokenizers = _extra("tokenizers")
    path = weights.locate("clip_bpe")
    try:
        lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    except (OSError, EOFError, UnicodeDecodeError):
        raise WeightsError(f"{path} is damaged: reinstall soundvcm") from None
    merges = [(first, second) for first, second in (line.split(" ") for line in lines)]
    letters = list(byte_letters().values())
    words = [*letters, *(letter + _WORD_END for letter in letters), *(a + b for a, b in merges), START, END]
    model = tokenizers.models.BPE(
        vocab={word: number for number, word in enumerate(words)},
        merges=merges,
        end_of_word_suffix=_WORD_END,
        continuing_subword_prefix="",
    )
    built: Tokenizer = tokenizers.Tokenizer(model)
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(_WORDS), behavior="removed", invert=True)
    as_bytes = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    built.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, as_bytes])
    built.add_special_tokens([START, END])
    return built
