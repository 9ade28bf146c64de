"""Which kind of sound a text or a picture means: the nearest of what people write, as text encoders see it.

    "a dog barks, rain" => [dog_bark .91, rain .95];   picture features [f, p] => [dog_bark .8]

Knows the bank's phrases and labels and a function that embeds texts; no network, no sound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.reference.bank import Kind, ReferenceBank

#: from this cosine on a text or a picture is taken to mean a kind; below, only the nearest can be named
SURE = 0.55
APART = re.compile(r"\s*(?:[,;.]|\band\b|\bwith\b|\bwhile\b|\bthen\b|\bplus\b)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Match:
    """A kind and how near it is.

    Attributes:
        kind: the kind.
        similarity: cosine of the nearest phrase or label, -1 .. 1.
    """

    kind: Kind
    similarity: float

    @property
    def sure(self) -> bool:
        """Whether it is near enough to be taken for what was meant."""
        return self.similarity >= SURE


class KindIndex:
    """Finds kinds.

    Args:
        bank: whose kinds.
        embed: texts => [b, 1, r] vectors of length 1, as the text encoder of `tiny` gives them.
    """

    def __init__(self, bank: ReferenceBank, embed: Callable[[Sequence[str]], Tensor]) -> None:
        self.bank, self.embed = bank, embed
        self._names = list(bank.kinds)
        self._phrases = [_table(embed, (kind.title, *kind.phrases)) for kind in bank.kinds.values()]
        self._labels = [_table(embed, kind.labels or (kind.title,)) for kind in bank.kinds.values()]

    def of_text(self, text: str, most: int = 2) -> list[Match]:
        """The kinds a prompt names, best first: one for the whole, more where its clauses name others surely.

        A blank text names none; any other at least the nearest one, sure or not.
        """
        clauses = [part for part in APART.split(text) if part.strip()]
        if not clauses:
            return []
        found = [self._nearest(part, self._phrases) for part in dict.fromkeys([text.strip(), *clauses])]
        best = max(found, key=lambda match: match.similarity)
        others = {match.kind.name: match for match in found[1:] if match.sure}
        others.pop(best.kind.name, None)
        return [best, *sorted(others.values(), key=lambda match: -match.similarity)][:most]

    def of_pictures(self, semantic: Tensor) -> Match:
        """The kind that features [f, p] of a clip's pictures mean, taken together."""
        return self._of_vector(semantic.float().mean(0), self._labels)

    def _nearest(self, text: str, tables: list[Tensor]) -> Match:
        return self._of_vector(self.embed([text])[0, 0], tables)

    def _of_vector(self, vector: Tensor, tables: list[Tensor]) -> Match:
        direction = F.normalize(vector.cpu(), dim=0)
        near = torch.stack([(table @ direction).max() for table in tables])
        best = int(near.argmax())
        return Match(self.bank.kinds[self._names[best]], float(near[best]))


def _table(embed: Callable[[Sequence[str]], Tensor], texts: Sequence[str]) -> Tensor:
    return F.normalize(embed(list(texts))[:, 0].cpu(), dim=1)
